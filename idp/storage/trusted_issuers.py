"""Issuers whose assertions an operator trusts (RFC 7523): few, looked up by name."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Column, Table, Text, bindparam, delete, select

from ..domain.trusted_issuer import SubjectKind, TrustedIssuer
from ..errors import Conflict
from .columns import UtcDateTime, Word, mapping, words
from .database import Database
from .rows import Rows
from .tables import Base
from .upsert import insert_or_nothing

trusted_issuers = Table(
    "trusted_issuers",
    Base.metadata,
    Column("issuer", Text, primary_key=True, nullable=False),
    Column("jwks", mapping(), nullable=True),
    Column("jwks_uri", Text, nullable=True),
    Column("clients", words(), nullable=False),
    Column("scope", words(), nullable=False),
    Column("subject", Word(SubjectKind), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)
ISSUER = Rows(TrustedIssuer, trusted_issuers)
_KEY = trusted_issuers.c.issuer == bindparam("key")

_ADD = insert_or_nothing(trusted_issuers)
_GET = select(*ISSUER.columns).where(_KEY)
_LIST = select(*ISSUER.columns).order_by(trusted_issuers.c.issuer)
_DELETE = delete(trusted_issuers).where(_KEY)


class SqlTrustedIssuers:
    """Implements ``ports.TrustedIssuers``."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, issuer: TrustedIssuer) -> None:
        """Raises Conflict if it is trusted already."""
        if self._db.count(_ADD, ISSUER.parameters(issuer)) == 0:
            raise Conflict(issuer.issuer)

    def get(self, issuer: str) -> TrustedIssuer | None:
        """By its exact name."""
        return ISSUER.read_one(self._db.row(_GET, {"key": issuer}))

    def list(self) -> Sequence[TrustedIssuer]:
        """By name."""
        return ISSUER.read_all(self._db.rows(_LIST))

    def delete(self, issuer: str) -> bool:
        """False if it was not trusted."""
        return self._db.count(_DELETE, {"key": issuer}) == 1
