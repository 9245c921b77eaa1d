"""RFC 7591 (Dynamic Client Registration), section 2.3: software statements, and 3.1.1 on using one.

A statement is a JWT in which somebody whom the operator trusts says what a client is. Its claims come
before what the client says of itself (section 2), and what comes out is checked like any registration.

- What a statement says once, the client says in no language (RFC 7591 section 2.2): people would read that instead.
- Trusted are the issuers of the settings, each with the URL of its keys; anybody else's statement is
  refused as unapproved, never ignored: its bearer must not believe that it counted.
- ``software_id`` is required of a statement (the RFC recommends it), for by it a statement differs from
  every other JWT that its issuer signs (RFC 8725 section 3.12). An ``aud``, if there is one, names us.
- What a server alone says of a client (its id, its secrets) is no claim of a statement.

A statement says who made the software, not who runs it (RFC 7591 section 5): people are still told that
nobody has checked the app, and are asked.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

from .. import jose
from ..domain.ports import Clock
from ..errors import ProtocolError, TokenRejected
from ..settings import Settings
from .requests import storable
from .rfc7523_client_assertion import ClientKeys

MEMBER = "software_statement"
_OF_JWT = {"iss", "sub", "aud", "exp", "nbf", "iat", "jti"}
_OF_SERVER = {
    "client_id", "client_id_issued_at", "client_secret", "client_secret_expires_at", "registration_access_token",
    "registration_client_uri", MEMBER,
}  # fmt: skip


class SoftwareStatements:
    """Read the statement of a registration."""

    def __init__(self, settings: Settings, keys: ClientKeys, clock: Clock) -> None:
        self._trusted = settings.statement_issuers
        self._required = settings.software_statement_required
        self._audiences = {settings.issuer, settings.url("/register")}
        self._keys = keys
        self._clock = clock

    def unfold(self, metadata: Mapping[str, object]) -> dict[str, object]:
        """The metadata with the statement's claims in force, and the statement as it came (section 3.2.1).

        Raises ProtocolError: unapproved_software_statement, invalid_software_statement.
        """
        statement = metadata.get(MEMBER)
        if statement is None or statement == "":
            if self._required:
                raise _error("unapproved_software_statement", "registration here needs a software statement")
            return dict(metadata)
        if not isinstance(statement, str):
            raise _error("invalid_software_statement", "software_statement must be a JWT in compact form")
        issuer = _claimed_issuer(statement)
        if issuer not in self._trusted:
            raise _error("unapproved_software_statement", "no statement of this issuer is approved here")
        claims = self._verified(statement, issuer)
        said = {name: value for name, value in claims.items() if name not in _OF_JWT | _OF_SERVER}
        own = {name: value for name, value in metadata.items() if name.partition("#")[0] not in said}
        return {**own, **said}

    def _verified(self, statement: str, issuer: str) -> Mapping[str, object]:
        try:
            claims = jose.verify(
                statement, lambda kid, alg: self._keys.at(self._trusted[issuer], kid, alg), typ=(None, "JWT"),
                issuer=issuer, audience=None, require=("iss", "software_id"), now=self._clock.now().timestamp(),
            )  # fmt: skip
        except TokenRejected:
            raise _error("invalid_software_statement", "the statement is not signed by its issuer, or over") from None
        named = claims.get("aud")
        listed = named if isinstance(named, list) else [named]
        if named is not None and not any(item in self._audiences for item in listed if isinstance(item, str)):
            raise _error("invalid_software_statement", "the statement is for another server")
        if not storable(claims):
            raise _error("invalid_software_statement", "the statement holds text or nesting that cannot be kept")
        return claims


def _claimed_issuer(statement: str) -> str:
    """Whose statement this says it is, before anything is verified; '' if it says nothing."""
    parts = statement.split(".")
    if len(parts) != 3 or len(statement) > jose.MAX_TOKEN:
        return ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        claims = None
    issuer = claims.get("iss") if isinstance(claims, dict) else None
    return issuer if isinstance(issuer, str) else ""


def _error(code: str, description: str) -> ProtocolError:
    return ProtocolError(code, description, section="RFC 7591 3.2.2")
