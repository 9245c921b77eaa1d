"""RFC 6749 section 2.3 (Client Authentication): one choke point for every endpoint that asks for it.

All credentials that a request presents are collected first; more than one mechanism is refused
(section 2.3: "MUST NOT use more than one"). The mechanism must be the registered one. Every failure
is the same 401: unknown client, wrong secret, wrong method, disabled client. A certificate (RFC 8705) is
no parameter: a request that names a client and presents nothing else is one of a client that proves itself
by its connection, if that is how it is registered.

Why a success costs no counter: secrets are 256 random bits, which nobody guesses; only failures are
counted, per client and address, so that a stranger never locks a client (security.md C).
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus

from ..domain.client import AuthMethod, Client
from ..domain.ports import Clock, Throttles
from ..domain.throttle import client_secret_brakes
from ..errors import ProtocolError, Throttled, TokenRejected
from ..services.clients import Clients
from ..services.sessions import secret_hash
from .client_id_metadata_document import ClientIdDocuments
from .requests import Received, invalid_request
from .rfc7523_client_assertion import ASSERTION_TYPE, ClientAssertions, claimed_client_id
from .rfc8705_mtls import Certificates

_NOBODY = bytes(32)
BY_CERTIFICATE = (AuthMethod.TLS, AuthMethod.SELF_SIGNED_TLS)


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request says of its client. ``proof`` is a secret, an assertion or nothing."""

    method: AuthMethod
    client_id: str | None
    proof: str | None


class ClientAuthentication:
    """Authenticate the client of a request."""

    def __init__(
        self, clients: Clients | ClientIdDocuments, assertions: ClientAssertions, certificates: Certificates,
        throttles: Throttles, clock: Clock,
    ) -> None:  # fmt: skip
        self._clients = clients
        self._certificates = certificates
        self._assertions = assertions
        self._throttles = throttles
        self._clock = clock

    def authenticate(self, parameters: Mapping[str, str], asked: Received, *, lately: bool = False) -> Client:
        """The client. Raises ProtocolError (invalid_client, invalid_request) or Throttled.

        ``lately``: as it was a moment ago will do (``Clients.find_lately``).
        """
        presented = _presented(parameters, asked.authorization)
        find = self._clients.find_lately if lately else self._clients.find
        client = find(presented.client_id) if presented.client_id else None
        if client is not None and self._proven(client, presented, asked) and client.disabled_at is None:
            return client
        if presented.proof is not None:
            # an id that nobody has gets no counter of its own: whoever invents ids would fill the store
            brakes = client_secret_brakes(client.client_id if client is not None else "", asked.address)
            if wait := self._throttles.take(brakes, self._clock.now()):
                raise Throttled(wait)
        raise invalid_client(challenge=presented.method is AuthMethod.BASIC)

    def _proven(self, client: Client, presented: Presented, asked: Received) -> bool:
        if presented.method is AuthMethod.NONE and client.token_endpoint_auth_method in BY_CERTIFICATE:
            return self._certificates.proves(client, asked)
        if client.token_endpoint_auth_method is not presented.method:
            return False
        if presented.method is AuthMethod.NONE:
            return True
        if presented.method is AuthMethod.PRIVATE_KEY_JWT:
            return self._signed(client, presented.proof or "")
        given = secret_hash(presented.proof or "")
        return hmac.compare_digest(given, client.secret_hash or _NOBODY) and client.secret_hash is not None

    def _signed(self, client: Client, assertion: str) -> bool:
        try:
            self._assertions.check(client, assertion)
        except TokenRejected:
            return False
        return True


def invalid_client(*, challenge: bool) -> ProtocolError:
    """RFC 6749 section 5.2: 401, with the scheme that was tried."""
    headers = {"WWW-Authenticate": 'Basic realm="idp", charset="UTF-8"'} if challenge else {}
    return ProtocolError(
        "invalid_client", "client authentication failed", section="RFC 6749 5.2", status=401, headers=headers
    )  # fmt: skip


def _presented(parameters: Mapping[str, str], authorization: str | None) -> Presented:
    found = [*_basic(authorization), *_assertion(parameters), *_post(parameters)]
    if len(found) > 1:
        raise invalid_request("more than one way of client authentication", "RFC 6749 2.3")
    named = parameters.get("client_id")
    if not found:
        return Presented(AuthMethod.NONE, named, None)
    if named is not None and named != found[0].client_id:
        raise invalid_client(challenge=found[0].method is AuthMethod.BASIC)
    return found[0]


def _basic(authorization: str | None) -> list[Presented]:
    """RFC 6749 section 2.3.1: id and secret are form-encoded, then joined, then base64."""
    if authorization is None:
        return []
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise invalid_client(challenge=True)
    try:
        raw = base64.b64decode(encoded.strip(), validate=True)
        if base64.b64encode(raw).decode() != encoded.strip():
            raise ValueError("not the canonical spelling")
        name, colon, secret = raw.decode("utf-8").partition(":")
        name, secret = unquote_plus(name, errors="strict"), unquote_plus(secret, errors="strict")
    except (ValueError, binascii.Error):
        raise invalid_client(challenge=True) from None
    if not colon or not name or not secret or "\x00" in name + secret:
        raise invalid_client(challenge=True)
    return [Presented(AuthMethod.BASIC, name, secret)]


def _post(parameters: Mapping[str, str]) -> list[Presented]:
    secret = parameters.get("client_secret")
    return [] if secret is None else [Presented(AuthMethod.POST, parameters.get("client_id"), secret)]


def _assertion(parameters: Mapping[str, str]) -> list[Presented]:
    kind, assertion = parameters.get("client_assertion_type"), parameters.get("client_assertion")
    if kind is None and assertion is None:
        return []
    if kind != ASSERTION_TYPE or assertion is None:
        raise invalid_client(challenge=False)
    return [Presented(AuthMethod.PRIVATE_KEY_JWT, claimed_client_id(assertion), assertion)]
