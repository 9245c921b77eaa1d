"""RFC 7523 (JWT Profile for Authorization Grants), section 2.1: somebody we trust says who the person is.

The rules that section 3 leaves open, closed here: ``iss`` is one that an operator trusts for this very client;
``aud`` is our issuer or our token endpoint, as one string; ``exp`` is at most an hour away; ``jti`` is required
and used once. Section 3.1: the client authenticates; every other fault is ``invalid_grant``. There is no
refresh token (RFC 7521 section 4.1) and no ID token: whoever wants a newer token brings a newer assertion.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .. import jose
from ..domain.client import Client, GrantType
from ..domain.ports import Clock
from ..domain.trusted_issuer import TrustedIssuer
from ..errors import ProtocolError, TokenRejected
from ..services.codes import Grant, invalid_grant
from ..services.trusted_issuers import TrustedIssuers
from .grants import OwnGrant, requested_scope
from .rfc7523_client_assertion import KEPT_LONGER, LEEWAY_SECONDS, MAX_LIFE_SECONDS, ClientKeys, claimed

_REQUIRED = ("iss", "sub", "aud", "exp", "jti")


@dataclass(frozen=True, slots=True)
class Verified:
    """What an assertion says, verified. ``kept_until``: how long its ``jti`` must be remembered."""

    issuer: TrustedIssuer
    subject: str
    jti_hash: bytes
    kept_until: datetime


class BearerAssertions:
    """Verify assertions of trusted issuers; ``audiences`` are our own names."""

    def __init__(
        self, audiences: tuple[str, ...], keys: ClientKeys, trusted: TrustedIssuers, clock: Clock
    ) -> None:  # fmt: skip
        self._audiences = audiences
        self._keys = keys
        self._trusted = trusted
        self._clock = clock

    def check(self, client: Client, assertion: str) -> Verified:
        """Raises invalid_grant for every fault alike; that it is used once is the redemption's to see."""
        name = claimed(assertion, "iss")
        issuer = self._trusted.find(name, client) if name is not None else None
        if issuer is None:
            raise _unacceptable()
        try:
            return self._verify(issuer, assertion)
        except TokenRejected:
            raise _unacceptable() from None

    def _verify(self, issuer: TrustedIssuer, assertion: str) -> Verified:
        now = self._clock.now()
        claims = jose.verify(
            assertion, lambda kid, alg: self._key(issuer, kid, alg), typ=(None, "JWT"), issuer=issuer.issuer,
            audience=None, leeway=LEEWAY_SECONDS, require=_REQUIRED, now=now.timestamp(),
        )  # fmt: skip
        if claims["aud"] not in self._audiences or not isinstance(claims["sub"], str):
            raise TokenRejected("aud or sub")
        if claims["exp"] > int(now.timestamp()) + MAX_LIFE_SECONDS or "\0" in claims["sub"]:
            raise TokenRejected("exp too far away")
        jti_hash = hashlib.sha256(str(claims["jti"]).encode("utf-8", "surrogatepass")).digest()
        kept_until: datetime = datetime.fromtimestamp(claims["exp"], tz=UTC) + KEPT_LONGER
        return Verified(issuer, claims["sub"], jti_hash, kept_until + timedelta(seconds=1))

    def _key(self, issuer: TrustedIssuer, kid: str | None, alg: str) -> jose.VerifyKey | None:
        found = self._keys.find(issuer, kid, alg)
        return None if found is None else jose.VerifyKey(kid or "", found.alg, found.key)


class BearerGrant(OwnGrant):
    """Section 2.1."""

    GRANT_TYPE = GrantType.JWT_BEARER

    def granted(self, client: Client) -> Grant:
        """The assertion, then the one redemption."""
        if client.public:
            raise ProtocolError("unauthorized_client", "this is for confidential clients", section="RFC 7523 3.1")
        verified = self.server.assertions.check(client, self.request.parameters.require("assertion", "RFC 7523 2.1"))
        scope, services = requested_scope(self.request.parameters), self.server.services
        with services.work():
            return self.addressed(
                services.trusted_issuers.redeem(
                    verified.issuer, client, verified.subject, verified.jti_hash, verified.kept_until, scope
                )
            )


def _unacceptable() -> ProtocolError:
    return invalid_grant("the assertion is not acceptable", "RFC 7523 3.1")
