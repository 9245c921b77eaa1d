"""RFC 9101 (JWT-Secured Authorization Request): a request that its client has signed.

By value (``request``), pushed (RFC 9126 section 3), or by reference (``request_uri``) at an address that
the client has registered and nowhere else, through the guard of ``outgoing`` (section 10.4; SSRF,
CVE-2020-10770). A fragment is for caches (OpenID Connect Core 1.0 section 6.2): what stands there is kept
if it is the SHA-256 of that, and any other is no error, for it is the signature that vouches for the text.

- Section 4: it must be signed; neither ``request`` nor ``request_uri`` stands in it. Unsigned ones are
  not supported: the parameter could as well have been changed on the way. Encrypted ones are not either.
- Sections 5 and 6.3: its parameters alone count, and ``client_id`` is the same inside and outside.
- Section 10.8: no other JWT passes for one. Its ``typ`` is right or absent, its ``iss``, if any, is the
  client, its ``aud``, if any, is us, and its ``sub`` is not the client, as a client assertion's would be.
- Section 10.5: a client may be bound to sign. Then ``aud``, ``nbf`` and ``exp`` must be there, and bound
  its life to an hour (FAPI 2.0 Message Signing section 5.3.1).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from .. import jose
from ..domain.client import Client
from ..domain.ports import Clock, Throttles
from ..domain.throttle import request_uri_brakes
from ..errors import ProtocolError, Throttled, TokenRejected
from ..fetch_slots import Purpose
from ..outgoing import FetchRefused, Outgoing
from .authorization_requests import Asked
from .requests import REPEATABLE, Parameters, checked, invalid_request, refuse_repeats
from .rfc7523_client_assertion import ClientKeys
from .strangers_hosts import StrangersHosts

TYPES = ("oauth-authz-req+jwt", "JWT", None)
MEDIA_TYPE = "application/oauth-authz-req+jwt"
LEEWAY_SECONDS, MAX_LIFE_SECONDS = 10, 3600
MAX_URI = 512  # OpenID Connect Core 1.0 section 6.2
_ABOUT_THE_JWT = frozenset({"iss", "aud", "exp", "nbf", "iat", "jti", "sub"})
_HASH = re.compile(r"[A-Za-z0-9_-]{43}")
_UNSIGNED = "request objects must be signed"


class RequestObjects:
    """Replace a request object by the parameters that stand in it."""

    def __init__(
        self, issuer: str, keys: ClientKeys, outgoing: Outgoing, throttles: Throttles, clock: Clock,
        address_of_request: Callable[[], str], hosts: StrangersHosts,
    ) -> None:  # fmt: skip
        self._issuer = issuer
        self._keys = keys
        self._outgoing = outgoing
        self._throttles = throttles
        self._clock = clock
        self._address = address_of_request
        self._hosts = hosts
        self._kept: dict[str, str] = {}

    def resolve(self, asked: Asked, client: Client) -> Asked:
        """Those of an authorization request. Raises ProtocolError (section 7)."""
        sent = asked.parameters
        if "request" in sent and "request_uri" in sent:
            raise invalid_request("request and request_uri exclude each other", "RFC 9101 5")
        if "request_uri" in sent:
            refuse_repeats(sent)
            return self._read(asked, client, self._fetched(sent["request_uri"], client), "request_uri_not_supported")
        return self._by_value(asked, client, "request_not_supported")

    def resolve_pushed(self, asked: Asked, client: Client) -> Asked:
        """Those of a pushed request (RFC 9126 section 3). Raises ProtocolError."""
        return self._by_value(asked, client, "invalid_request_object")

    def _by_value(self, asked: Asked, client: Client, unsigned: str) -> Asked:
        sent = asked.parameters
        if "request" not in sent:
            if must_sign(client):
                raise invalid_request("this app must sign its requests: send request", "RFC 9101 10.5")
            return asked
        refuse_repeats(sent)
        return self._read(asked, client, sent["request"], unsigned)

    # ── the object ───────────────────────────────────────────────────────────────────────────────

    def _read(self, asked: Asked, client: Client, text: str, unsigned: str) -> Asked:
        if _is_unsigned(text):
            raise ProtocolError(unsigned, _UNSIGNED, section="RFC 9101 4", parameter="request")
        try:
            claims = self._verified(text, client)
        except TokenRejected as error:
            raise _invalid("the request object cannot be verified", "RFC 9101 6.2", str(error)) from None
        if claims["client_id"] != client.client_id or claims.get("iss", client.client_id) != client.client_id:
            raise _invalid("client_id and iss of the request object must be the client", "RFC 9101 5")
        if claims.get("sub") == client.client_id:
            raise _invalid("sub of the request object must not be the client", "RFC 9101 10.8")
        return replace(asked, parameters=parameters_of(claims), signed=True)

    def _verified(self, text: str, client: Client) -> dict[str, Any]:
        strict = must_sign(client)
        now = self._clock.now().timestamp()
        claims = jose.verify(
            text, lambda kid, alg: self._key(client, kid, alg), typ=TYPES, issuer=None, leeway=LEEWAY_SECONDS,
            audience=self._issuer if strict or "aud" in _unverified(text) else None, now=now,
            require=("client_id", "aud", "nbf", "exp") if strict else ("client_id",),
        )  # fmt: skip
        if strict and (claims["nbf"] < now - MAX_LIFE_SECONDS or claims["exp"] > claims["nbf"] + MAX_LIFE_SECONDS):
            raise TokenRejected("it lives for more than an hour")
        return claims

    def _key(self, client: Client, kid: str | None, alg: str) -> jose.VerifyKey | None:
        if client.metadata.get("request_object_signing_alg", alg) != alg or not client.may_sign_with(alg):
            return None
        return self._keys.find(client, kid, alg)

    # ── by reference ─────────────────────────────────────────────────────────────────────────────

    def _fetched(self, uri: str, client: Client) -> str:
        """What stands at a registered address; under a hash it cannot change and is kept."""
        if not _registered(uri, client):
            raise _invalid_uri("request_uri is not registered for this app", "RFC 9101 10.4")
        if (kept := self._kept.get(uri)) is not None:
            return kept
        if wait := self._throttles.take(request_uri_brakes(client.client_id, self._address()), self._clock.now()):
            raise Throttled(wait)
        try:
            with self._hosts.asked():
                fetched = self._outgoing.document(uri, Purpose.REQUEST_OBJECT, jose.MAX_TOKEN + 2, accept=MEDIA_TYPE)
            text = fetched.body.decode()
        except (FetchRefused, UnicodeDecodeError) as error:
            raise _invalid_uri("request_uri cannot be fetched", "RFC 9101 5.2.3", str(error)) from None
        if _is_hash_of(uri.partition("#")[2], text):
            if len(self._kept) > 1000:
                self._kept.clear()
            self._kept[uri] = text.strip()
        return text.strip()


def must_sign(client: Client) -> bool:
    """Section 10.5: does the client's registration bind it to signed requests?"""
    return client.metadata.get("require_signed_request_object") is True


def parameters_of(claims: Mapping[str, Any]) -> Parameters:
    """Section 4: every other claim is a parameter; numbers and JSON become text (Core section 6.1)."""
    pairs: list[tuple[str, str]] = []
    for name, value in claims.items():
        if name in ("request", "request_uri"):
            raise _invalid(f"{name} must not stand in a request object", "RFC 9101 4")
        if name not in _ABOUT_THE_JWT:
            pairs += [(name, text) for text in _texts(name, value)]
    try:
        return checked(pairs)
    except ProtocolError as error:
        raise _invalid(error.description, error.section) from None


def _texts(name: str, value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, int) and not isinstance(value, bool):
        return [str(value)]
    if name in REPEATABLE and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    if isinstance(value, list | dict):
        return [json.dumps(value)]
    raise _invalid(f"{name[:64]} has a type that no parameter has", "RFC 9101 4")


def _registered(uri: str, client: Client) -> bool:
    """To the letter, but that a hash may follow what was registered without one (Core 6.2)."""
    registered = client.metadata.get("request_uris")
    known = registered if isinstance(registered, list) else []
    return len(uri) <= MAX_URI and (uri in known or ("#" in uri and uri.partition("#")[0] in known))


def _is_hash_of(fragment: str, text: str) -> bool:
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
    return bool(_HASH.fullmatch(fragment)) and hmac.compare_digest(digest, fragment.encode())


def _is_unsigned(text: str) -> bool:
    """Does it say of itself that nobody signed it? Everything else must verify."""
    return _segment(text, 0).get("alg") == "none"


def _unverified(text: str) -> dict[str, Any]:
    return _segment(text, 1)


def _segment(text: str, index: int) -> dict[str, Any]:
    parts = text.split(".")
    if len(parts) != 3 or len(text) > jose.MAX_TOKEN:
        return {}
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[index] + "=" * (-len(parts[index]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _invalid(description: str, section: str, detail: str = "") -> ProtocolError:
    return ProtocolError("invalid_request_object", description, section=section, detail=detail, parameter="request")


def _invalid_uri(description: str, section: str, detail: str = "") -> ProtocolError:
    return ProtocolError("invalid_request_uri", description, section=section, detail=detail, parameter="request_uri")
