"""What the suite checks in every answer, whatever the module is about: each function fails as its conditions would.

A claim that would only be a warning there fails here too: an operator should see none.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import requests

_TEXT = re.compile(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+")  # RFC 6749 A.7, A.8: neither quotes nor backslashes
_URI = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")
_TOKEN = re.compile(r"[\x20-\x7E]+")  # A.12, A.17
_YEAR = 31_536_000
LEAST_BITS = 96  # "of sufficient entropy" is 128; as much as can be told from one value
ERROR = {"error", "error_description", "error_uri", "state", "iss"}
ID_TOKEN = {
    "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp", "at_hash", "c_hash", "nbf", "jti",
    "sid", "s_hash",
}  # fmt: skip
"""What an ID token may say that nobody asked for by ``claims`` (``EnsureIdTokenDoesNotContainNonRequestedClaims``)."""


def _text(value: Any) -> bool:
    """Absent is right for what is not known; empty or "null" is not (OpenID Connect Core 5.3.2)."""
    return isinstance(value, str) and bool(value.strip()) and value.lower() != "null"


def _birthdate(value: Any) -> bool:
    return _text(value) and re.fullmatch(r"(0000|(18[5-9]|19\d|20\d)\d)(-\d\d-\d\d)?", value) is not None


def _address(value: Any) -> bool:
    parts = {"formatted", "street_address", "locality", "region", "postal_code", "country"}
    return isinstance(value, dict) and len(value) > 0 and set(value) <= parts and all(map(_text, value.values()))


def _moment(value: Any) -> bool:
    """After 1990, and seconds, not their thousandths."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 631_152_000 < value < 4_102_444_800


def _truth(value: Any) -> bool:
    return isinstance(value, bool)


STANDARD: Mapping[str, Callable[[Any], bool]] = dict.fromkeys(
    (
        "sub", "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile",
        "picture", "website", "email", "gender", "zoneinfo", "locale", "phone_number",
    ),
    _text,
) | {
    "email_verified": _truth, "phone_number_verified": _truth, "birthdate": _birthdate, "address": _address,
    "updated_at": _moment,
}  # fmt: skip
"""OpenID Connect Core 5.1: each standard claim, and whether a value is one."""


def standard_claims(claims: Mapping[str, Any]) -> None:
    """Every standard claim has the type and form of section 5.1."""
    for name, right in STANDARD.items():
        assert name not in claims or right(claims[name]), (name, claims.get(name))


def error_fields(body: Mapping[str, Any]) -> None:
    """RFC 6749 4.1.2.1 and 5.2: the characters of ``error_description`` and ``error_uri``."""
    assert _TEXT.fullmatch(body["error"])
    assert _TEXT.fullmatch(body.get("error_description", "-")), body
    assert _URI.fullmatch(body.get("error_uri", "-")), body


def error_answer(answer: requests.Response, status: int, *errors: str) -> None:
    """A refusal of an endpoint for programs: its status, JSON, one of these errors, well-formed."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    assert answer.headers["Content-Type"].split(";")[0] == "application/json"
    body: dict[str, Any] = answer.json()
    assert body["error"] in errors, body
    error_fields(body)


def unguessable(secret: str) -> None:
    """128 bits long, and as far as one can tell from it alone, random (RFC 6749 10.10)."""
    assert _TOKEN.fullmatch(secret)
    assert len(secret) * 8 >= 128
    shares = [count / len(secret) for count in Counter(secret).values()]
    assert -sum(share * math.log2(share) for share in shares) * len(secret) > LEAST_BITS


def token_answer(answer: requests.Response) -> dict[str, Any]:
    """RFC 6749 5.1 with the limits that the suite sets; its members."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].split(";")[0] == "application/json"
    assert "no-store" in [part.strip() for part in answer.headers["Cache-Control"].split(",")]
    tokens: dict[str, Any] = json.loads(answer.text)
    assert tokens["token_type"] in ("Bearer", "DPoP")
    assert isinstance(tokens["expires_in"], int)
    assert 0 < tokens["expires_in"] <= _YEAR
    for name in {"access_token", "refresh_token"} & set(tokens):
        unguessable(tokens[name])
    return tokens
