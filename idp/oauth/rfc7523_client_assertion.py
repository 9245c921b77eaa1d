"""RFC 7523 (JWT Client Authentication), sections 2.2 and 3: ``private_key_jwt``.

The rules that libraries leave open, closed here:

- ``aud`` is one string, never an array: our issuer or, as RFC 9126 section 2, CIBA Core section 7.1 and RFC
  7523 section 3 have it, the token endpoint or the endpoint that is asked. A URL of an endpoint lets a hostile
  server, which calls our endpoint its own, have a client sign something that we would take
  (draft-ietf-oauth-security-topics-update section 2). So it is the issuer alone for clients under FAPI 2.0
  (5.3.2.1), for those that are the same at every server (their id is a URL, and their keys are one's own
  everywhere), and for everybody where the operator says ``IDP_ASSERTION_AUDIENCE=issuer``.
- ``iss`` and ``sub`` are both the client id; ``jti`` is used once, by an insert that must not conflict
  (a request that is dispatched again, ``idp.again``, may use its own).
- ``exp`` is at most an hour away: what must be remembered must end.
- The algorithm is one of the key's own, and the registered one if one was registered.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from flask import has_request_context, request

from .. import jose
from ..again import claims_of
from ..domain.client import Client, ClientOrigin
from ..domain.ports import AssertionIds, Clock
from ..errors import TokenRejected
from ..fetch_slots import Purpose
from ..outgoing import Busy, FetchRefused, Outgoing
from ..settings import Settings
from .requests import OtherLane
from .strangers_hosts import StrangersHosts

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ENDPOINTS = ("/token", "/par", "/introspect", "/revoke", "/device_authorization", "/bc-authorize")
LEEWAY_SECONDS, MAX_LIFE_SECONDS = 15, 3600  # FAPI 2.0 5.3.2.1: 10 must be taken, 60 must not
KEPT_LONGER = timedelta(seconds=LEEWAY_SECONDS + 60)  # a jti is remembered for as long as it could be taken
_JWKS_AGE_SECONDS, _JWKS_PAUSE_SECONDS = 300.0, 1.0


class KeyHolder(Protocol):
    """Somebody with registered keys, or an address of theirs: a client, a trusted issuer."""

    @property
    def jwks(self) -> Mapping[str, object] | None: ...
    @property
    def jwks_uri(self) -> str | None: ...


def claimed_client_id(assertion: str) -> str | None:
    """Whose assertion this says it is, before anything is verified; None if it says nothing."""
    return claimed(assertion, "sub")


def claimed(assertion: str, name: str) -> str | None:
    """A text among the claims of what has not been verified; None if there is none."""
    parts = assertion.split(".")
    if len(parts) != 3 or len(assertion) > jose.MAX_TOKEN:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return None
    found = claims.get(name) if isinstance(claims, dict) else None
    return found if isinstance(found, str) and "\0" not in found else None


@dataclass(slots=True)
class _Fetched:
    """``again``: because a ``kid`` was missing, not because the last ones were old."""

    keys: Sequence[Mapping[str, Any]]
    at: float
    again: bool


class ClientKeys:
    """The public keys of clients: registered ones, or those at their ``jwks_uri`` (guarded, cached).

    Whoever looks for keys at a stranger's server may be told Throttled: an assertion that names one needs no
    signature to have us ask there.
    """

    def __init__(self, outgoing: Outgoing, hosts: StrangersHosts) -> None:
        self._outgoing = outgoing
        self._hosts = hosts
        self._cache: dict[str, _Fetched] = {}

    def find(self, client: KeyHolder, kid: str | None, alg: str) -> jose.VerifyKey | None:
        """The one key that fits; a ``kid`` we have not seen makes us look again (key rotation)."""
        if client.jwks is not None:
            return _pick(client.jwks.get("keys"), kid, alg)
        return None if client.jwks_uri is None else self.at(client.jwks_uri, kid, alg, _purpose(client))

    def at(self, uri: str, kid: str | None, alg: str, purpose: Purpose = Purpose.KEYS) -> jose.VerifyKey | None:
        """The same of the key set at a URL."""
        known = self._cache.get(uri)
        if known is None or time.monotonic() - known.at >= _JWKS_AGE_SECONDS:
            return _pick(self._fetch(uri, purpose), kid, alg)
        return _pick(known.keys, kid, alg) or _pick(self._look_again(uri, known, purpose), kid, alg)

    def all(self, client: Client) -> Sequence[Mapping[str, Any]]:
        """Every key that is known of the client; those at its address as they were at most minutes ago."""
        if client.jwks is not None:
            keys = client.jwks.get("keys")
            return [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []
        if client.jwks_uri is None:
            return []
        known = self._cache.get(client.jwks_uri)
        fresh = known is not None and time.monotonic() - known.at < _JWKS_AGE_SECONDS
        return known.keys if known is not None and fresh else self._fetch(client.jwks_uri, _purpose(client))

    def _look_again(self, uri: str, known: _Fetched, purpose: Purpose) -> Sequence[Mapping[str, Any]]:
        """At once, for a key may have been rotated a moment ago; strangers' names of keys wait after that."""
        if known.again and time.monotonic() - known.at < _JWKS_PAUSE_SECONDS:
            return known.keys
        return self._fetch(uri, purpose, again=True)

    def _fetch(self, uri: str, purpose: Purpose, *, again: bool = False) -> Sequence[Mapping[str, Any]]:
        """What is there now; nothing, for a while, of whoever does not answer. Busy ourselves, we know no more."""
        try:
            keys = self._asked(uri, purpose).get("keys")
        except Busy:
            return []
        except FetchRefused:
            keys = []
        if len(self._cache) > 1000:
            self._cache.clear()
        listed = [key for key in keys if isinstance(key, dict)][:20] if isinstance(keys, list) else []
        self._cache[uri] = _Fetched(listed, time.monotonic(), again)
        return listed

    def _asked(self, uri: str, purpose: Purpose) -> Mapping[str, Any]:
        if purpose is not Purpose.STRANGERS_KEYS:
            return self._outgoing.json_object(uri, purpose)
        if not has_request_context():
            raise OtherLane  # where the place is known that is charged
        with self._hosts.asked():
            return self._outgoing.json_object(uri, purpose)


def _purpose(client: KeyHolder) -> Purpose:
    """Whose server is asked: an operator's client's or issuer's, or one that anybody may have named."""
    stranger = isinstance(client, Client) and client.origin is ClientOrigin.DYNAMIC
    return Purpose.STRANGERS_KEYS if stranger else Purpose.KEYS


def _pick(keys: Any, kid: str | None, alg: str) -> jose.VerifyKey | None:
    candidates = [key for key in keys or [] if isinstance(key, dict) and jose.verify_key(key, alg) is not None]
    if kid is not None:
        candidates = [key for key in candidates if key.get("kid") == kid]
    return jose.verify_key(candidates[0], alg) if len(candidates) == 1 else None


class ClientAssertions:
    """Verify client assertions."""

    def __init__(self, settings: Settings, keys: ClientKeys, used: AssertionIds, clock: Clock) -> None:
        self._issuer = settings.issuer
        self._endpoints = _endpoints(settings) if settings.assertion_audience == "endpoint" else {}
        self._keys = keys
        self._used = used
        self._clock = clock

    def check(self, client: Client, assertion: str) -> None:
        """Raises TokenRejected unless this client signed this for us, now, for the first time.

        In the fast lane it raises OtherLane: what a request has claimed is kept in Flask's (``again``).
        """
        if not has_request_context():
            raise OtherLane
        claims = jose.verify(
            assertion, lambda kid, alg: self._key(client, kid, alg), typ=(None, "JWT", "client-authentication+jwt"),
            issuer=client.client_id, audience=None, leeway=LEEWAY_SECONDS,
            require=("iss", "sub", "aud", "exp", "jti"), now=self._clock.now().timestamp(),
        )  # fmt: skip
        if claims["sub"] != client.client_id or claims["aud"] not in self._audiences(client):
            raise TokenRejected("sub or aud")
        if claims["exp"] > int(self._clock.now().timestamp()) + MAX_LIFE_SECONDS:  # integers: no year overflows
            raise TokenRejected("exp too far away")
        expires = datetime.fromtimestamp(claims["exp"], tz=UTC)
        jti_hash = hashlib.sha256(claims["jti"].encode("utf-8", "surrogatepass")).digest()
        own = claims_of(request.environ)
        if (client.client_id, jti_hash) in own:
            return
        if not self._used.claim(client.client_id, jti_hash, expires + KEPT_LONGER):
            raise TokenRejected("jti used before")
        own.add((client.client_id, jti_hash))

    def _audiences(self, client: Client) -> tuple[str, ...]:
        everywhere = client.client_id.startswith("https://")
        return (self._issuer, *(() if client.fapi2 or everywhere else self._endpoints.get(request.path, ())))

    def _key(self, client: Client, kid: str | None, alg: str) -> jose.VerifyKey | None:
        if client.token_endpoint_auth_signing_alg not in (None, alg) or not client.may_sign_with(alg):
            return None
        found = self._keys.find(client, kid, alg)
        return None if found is None else jose.VerifyKey(kid or "", found.alg, found.key)


def _endpoints(settings: Settings) -> dict[str, tuple[str, ...]]:
    """By the path that is asked: the URLs that may be named there."""
    token = settings.urls("/token")
    return {settings.path_prefix + path: (*token, *settings.urls(path)) for path in ENDPOINTS}
