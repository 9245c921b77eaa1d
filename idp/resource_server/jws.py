"""A signed JWT in compact form, taken apart before it is believed (RFC 7515 sections 3.1, 4, 5.2).

Why not ``jwt.decode``: it costs three times the signature itself, and it lets two members of one
name pass. Keys and signatures stay PyJWT's; here is only the form, which is short enough to be read:
three parts of the base64url alphabet, and JSON objects whose members are unique.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from .errors import TokenInvalid

_MOST_CHARACTERS = 8192
# section 3.1: three base64url parts, without padding; none of ours is empty
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


@dataclass(frozen=True, slots=True)
class SignedJwt:
    """``header`` is not to be believed; ``claims`` may be read once the signature over ``signed`` holds."""

    header: dict[str, Any]
    payload: str
    signed: bytes
    signature: bytes

    def claims(self) -> dict[str, Any]:
        """The payload. Raises TokenInvalid unless it is a JSON object."""
        return _members(self.payload)


def take_apart(token: str) -> SignedJwt:
    """Raises TokenInvalid for anything but a compact JWS of reasonable size."""
    if len(token) > _MOST_CHARACTERS or (parts := _COMPACT.fullmatch(token)) is None:
        raise TokenInvalid("the token is not a signed JWT of reasonable size")
    header, payload, signature = parts.groups()
    return SignedJwt(_members(header), payload, f"{header}.{payload}".encode(), _bytes(signature))


def _bytes(part: str) -> bytes:
    """Base64url without padding (RFC 7515 section 2); the alphabet has been checked."""
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        raise TokenInvalid("a part of the token is not base64url") from None


def _members(part: str) -> dict[str, Any]:
    try:
        document = _JSON.decode(_bytes(part).decode())
    except (ValueError, RecursionError):
        raise TokenInvalid("a part of the token is not JSON") from None
    if not isinstance(document, dict):
        raise TokenInvalid("a part of the token is not a JSON object")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Section 4: two members of one name are refused, as two readers may choose differently."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member stands there twice")
    return members


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_JSON = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_number)
