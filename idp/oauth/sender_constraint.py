"""Whose a token is: bound to a key (RFC 9449) or a certificate (RFC 8705) when it is made, and proven when it is used.

When made: the token endpoint binds to whatever the request proves, and refuses clients that must prove
something and do not. When used, here at our own protected resources: a bound token is nothing without its
proof, a token bound to a key is nothing under the scheme ``Bearer`` (RFC 9449 section 7.2).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..domain.client import Client
from ..errors import ProtocolError, TokenRejected
from .requests import Received, invalid_request
from .rfc6750_bearer import bearer_token, elsewhere, invalid_token, more_than_one
from .rfc8705_mtls import thumbprint
from .rfc9068_access_token import AccessToken, AccessTokens
from .rfc9449_dpop import ALGS, Proofs

_DPOP = re.compile(r"dpop +([A-Za-z0-9\-._~+/]+=*)", re.IGNORECASE)
_ALGS = f'algs="{" ".join(ALGS)}"'


@dataclass(frozen=True, slots=True)
class _Presented:
    """A token and the scheme it came by: ``DPoP`` (RFC 9449 section 7.1) or ``Bearer`` (RFC 6750)."""

    token: str
    dpop: bool


class TokenBinding:
    """At the token endpoint: whom the access token will be for."""

    def __init__(self, proofs: Proofs, uris: Sequence[str]) -> None:
        self._proofs = proofs
        self._uris = uris

    def confirmation(self, asked: Received, client: Client) -> Mapping[str, str]:
        """The ``cnf`` of every token that this request earns; empty for a bearer token.

        Raises ProtocolError: a proof does not hold, or the client must send one and has not.
        """
        jkt = self._proofs.key_of(asked, self._uris)
        if client.dpop_bound and jkt is None:
            raise invalid_request("this client's requests need a DPoP proof", "RFC 9449 5.2")
        certificate = thumbprint(asked) if client.certificate_bound else None
        if client.certificate_bound and certificate is None:
            raise invalid_request("this client's requests need its TLS certificate", "RFC 8705 3")
        found = {"jkt": jkt, "x5t#S256": certificate}
        return {name: value for name, value in found.items() if value is not None}

    def headers(self, asked: Received) -> Mapping[str, str]:
        """What the answer says beyond the answer: the next nonce."""
        return self._proofs.headers(asked)


class PresentedTokens:
    """Access tokens presented to our own protected resources."""

    def __init__(self, issuer: str, access_tokens: AccessTokens, proofs: Proofs) -> None:
        self._issuer = issuer
        self._access_tokens = access_tokens
        self._proofs = proofs

    def read(self, asked: Received, uris: Sequence[str]) -> AccessToken:
        """The request's token, if it is for us and whoever sent it is who it is for.

        ``uris`` are the addresses of the endpoint. Says nothing of the session's life. Raises ProtocolError
        with a challenge (RFC 6750 section 3, RFC 9449 section 7.1).
        """
        presented = _presented(asked)
        try:
            token = self._access_tokens.read(presented.token, audience=self._issuer)
        except TokenRejected:
            raise _challenged(presented) from None
        bound_to = token.claims.get("cnf", {})
        if not isinstance(bound_to, dict) or set(bound_to) - {"jkt", "x5t#S256"}:
            raise _challenged(presented)
        if presented.dpop or "jkt" in bound_to:
            self._check_key(presented, asked, uris, bound_to.get("jkt"))
        if "x5t#S256" in bound_to and not _same(thumbprint(asked), bound_to["x5t#S256"]):
            raise _challenged(presented)  # RFC 8705 section 3
        return token

    def headers(self, asked: Received) -> Mapping[str, str]:
        """What the answer says beyond the answer: the next nonce (RFC 9449 section 9)."""
        return self._proofs.headers(asked)

    def _check_key(self, presented: _Presented, asked: Received, uris: Sequence[str], bound_to: object) -> None:
        """RFC 9449 sections 7.1 and 7.2."""
        if not presented.dpop or not isinstance(bound_to, str):
            raise _challenged(presented)
        try:
            jkt = self._proofs.key_of(asked, uris, presented.token)
        except ProtocolError as error:
            raise _dpop_challenge(error) from None
        if not _same(jkt, bound_to):
            raise _challenged(presented)


def _same(proven: str | None, bound_to: object) -> bool:
    return proven is not None and isinstance(bound_to, str) and hmac.compare_digest(proven.encode(), bound_to.encode())


def _presented(asked: Received) -> _Presented:
    match = _DPOP.fullmatch(asked.authorization or "")
    if match is None:
        try:
            return _Presented(bearer_token(asked), dpop=False)
        except ProtocolError as error:
            if error.status == 401 and asked.authorization is None:  # both schemes may be tried
                error.headers["WWW-Authenticate"] += f", DPoP {_ALGS}"
            raise
    if elsewhere(asked):
        raise more_than_one()
    return _Presented(match[1], dpop=True)


def _challenged(presented: _Presented) -> ProtocolError:
    """The challenge of the scheme that the token came by."""
    return _dpop_challenge(invalid_token()) if presented.dpop else invalid_token()


def _dpop_challenge(error: ProtocolError) -> ProtocolError:
    """RFC 9449 section 7.1: 401, with the algorithms that a proof may be signed by."""
    challenge = f'DPoP realm="idp", error="{error.error}", error_description="{error.description}", {_ALGS}'
    return ProtocolError(
        error.error, error.description, section=error.section, detail=error.detail, status=401,
        headers={**error.headers, "WWW-Authenticate": challenge},
    )  # fmt: skip
