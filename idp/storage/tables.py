"""The tables. Columns are named like the members of the domain's values, so one mapper serves all.

Why nothing that moves with use is indexed (``counter``, ``rotated_at``, ``last_seen_at``,
``last_used_at``): PostgreSQL then rewrites such a row within its page (HOT update), no index grows,
and a refresh leaves nothing behind for vacuum but a line pointer (P6). The fill factor keeps room: a tenth
of a page is enough for rows that are rewritten now and then, in any order.

Why a client's rows cascade when it is deleted: a row that an in-flight redemption slips in behind the
ending would otherwise come alive if the same ``client_id`` were ever registered again.

Why a Session is never detached from its client sessions: ``session_id IS NULL`` means "needs no Session".
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    text,
)  # fmt: skip
from sqlalchemy.orm import DeclarativeBase

from ..domain.client import AuthMethod, ClientOrigin, GrantType
from ..domain.fapi2 import Fapi2
from ..domain.key import KeyState
from ..domain.revocation import RevocationKind
from ..domain.session import EndReason
from .columns import UtcDateTime, Word, authorization_request, details, exchange_policy, factors, mapping, pairs, words


class Base(DeclarativeBase):
    """Carries the metadata for Flask-SQLAlchemy and Alembic; no class is mapped to it."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def _must(name: str, kind: Any, *rest: Any, **options: Any) -> Column[Any]:
    return Column(name, kind, *rest, nullable=False, **options)


def _may(name: str, kind: Any, *rest: Any, **options: Any) -> Column[Any]:
    return Column(name, kind, *rest, nullable=True, **options)


def _key(name: str, kind: Any, *rest: Any) -> Column[Any]:
    return Column(name, kind, *rest, primary_key=True, nullable=False, autoincrement=False)


def _table(name: str, *columns: Column[Any], fill: int | None = None) -> Table:
    """``fill``: rows are rewritten with use, so pages are filled so far, in percent, and keep room."""
    options: dict[str, Any] = {"postgresql_with": {"fillfactor": fill}} if fill else {}
    return Table(name, Base.metadata, *columns, **options)


def _partial(name: str, *columns: Column[Any], where: str, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


users = _table(
    "users",
    _key("id", Uuid),
    _must("email", Text),
    _may("email_key", Text, unique=True),  # NULL on the tombstone of a deleted person
    _must("email_verified", Boolean),
    _may("password_hash", Text),
    _must("claims", mapping()),
    _must("created_at", UtcDateTime),
    _must("updated_at", UtcDateTime),
    _may("password_changed_at", UtcDateTime),
    _may("disabled_at", UtcDateTime),
    _may("deleted_at", UtcDateTime),
)

devices = _table(
    "devices",
    _key("id", Uuid),
    _must("user_id", Uuid, ForeignKey("users.id"), index=True),
    _may("secret_hash", LargeBinary, index=True),  # two people in one browser: two rows, one hash
    _may("name", Text),
    _must("user_agent", Text),
    _must("created_at", UtcDateTime),
    _must("last_seen_at", UtcDateTime),
    fill=90,
)

clients = _table(
    "clients",
    _key("client_id", Text),
    _must("client_name", Text),
    _must("origin", Word(ClientOrigin)),
    _must("redirect_uris", words()),
    _must("post_logout_redirect_uris", words()),
    _must("grant_types", words(GrantType)),
    _must("token_endpoint_auth_method", Word(AuthMethod)),
    _may("token_endpoint_auth_signing_alg", Text),
    _must("application_type", Text),
    _must("scope", words()),
    _may("jwks", mapping()),
    _may("jwks_uri", Text),
    _must("metadata", mapping()),
    _may("secret_hash", LargeBinary),
    _may("registration_token_hash", LargeBinary),
    _must("trusted", Boolean),
    _may("pkce_required", Boolean),
    _may("refresh_grace", Integer),
    _may("fapi2", Word(Fapi2)),
    _may("exchange", exchange_policy()),
    _may("metadata_expires_at", UtcDateTime),
    _must("created_at", UtcDateTime),
    _must("updated_at", UtcDateTime),
    _may("disabled_at", UtcDateTime),
)

sessions = _table(
    "sessions",
    _key("id", Uuid),
    _must("user_id", Uuid, ForeignKey("users.id"), index=True),
    _must("device_id", Uuid, ForeignKey("devices.id"), index=True),
    _must("secret_hash", LargeBinary, unique=True),
    _must("factors", factors()),
    _must("created_at", UtcDateTime),
    _must("last_seen_at", UtcDateTime),
    _must("idle_seconds", Integer),
    _must("expires_at", UtcDateTime),
    _must("persistent", Boolean),
    _must("address", Text),
    _must("user_agent", Text),
    _may("ended_at", UtcDateTime),
    _may("end_reason", Word(EndReason)),
    _may("ended_by", Text),
    fill=90,
)
_partial("ix_sessions_ended", sessions.c.ended_at, where="ended_at IS NOT NULL")

client_sessions = _table(
    "client_sessions",
    _key("id", Uuid),
    _must("user_id", Uuid, ForeignKey("users.id"), index=True),
    _may("session_id", Uuid, ForeignKey("sessions.id"), index=True),
    _must("device_id", Uuid, ForeignKey("devices.id"), index=True),
    _must("client_id", Text, ForeignKey("clients.client_id", ondelete="CASCADE"), index=True),
    _must("offline", Boolean),
    _must("scope", words()),
    _must("created_at", UtcDateTime),
    _must("last_used_at", UtcDateTime),
    _may("ended_at", UtcDateTime),
    _may("end_reason", Word(EndReason)),
    fill=90,
)
_partial(
    "uq_client_sessions_live", client_sessions.c.session_id, client_sessions.c.client_id,
    where="ended_at IS NULL", unique=True,
)  # fmt: skip
_partial("ix_client_sessions_ended", client_sessions.c.ended_at, where="ended_at IS NOT NULL")

refresh_families = _table(
    "refresh_families",
    _key("id", Uuid),
    _must("client_session_id", Uuid, ForeignKey("client_sessions.id", ondelete="CASCADE"), index=True),
    _must("user_id", Uuid),
    _must("client_id", Text),
    _must("counter", BigInteger),
    _must("rotated_at", UtcDateTime),
    _must("scope", words()),
    _must("resources", words()),
    _must("claims", mapping()),
    _must("authorization_details", details(), server_default=text("'[]'")),
    _must("auth_time", UtcDateTime),
    _must("acr", Text),
    _must("amr", words()),
    _may("jkt", Text),
    _may("x5t", Text),
    _must("created_at", UtcDateTime),
    _must("idle_seconds", Integer),
    _must("expires_at", UtcDateTime),
    fill=90,
)
Index(
    "ix_refresh_families_created_at", refresh_families.c.created_at, postgresql_using="brin",
    postgresql_with={"pages_per_range": 32},
)  # fmt: skip

codes = _table(
    "codes",
    _key("code_hash", LargeBinary),
    _must("client_id", Text, ForeignKey("clients.client_id", ondelete="CASCADE")),
    _must("user_id", Uuid, index=True),
    _must("session_id", Uuid, ForeignKey("sessions.id", ondelete="CASCADE"), index=True),
    _must("device_id", Uuid),
    _must("redirect_uri", Text),
    _must("scope", words()),
    _must("resources", words()),
    _may("nonce", Text),
    _may("code_challenge", Text),
    _may("dpop_jkt", Text),
    _must("claims", mapping()),
    _must("authorization_details", details(), server_default=text("'[]'")),
    _must("auth_time", UtcDateTime),
    _must("acr", Text),
    _must("amr", words()),
    _must("created_at", UtcDateTime),
    _must("expires_at", UtcDateTime, index=True),
    _may("used_at", UtcDateTime),
    _may("client_session_id", Uuid),
    fill=80,
)
Index("ix_codes_client_id_user_id", codes.c.client_id, codes.c.user_id)

interactions = _table(
    "interactions",
    _key("id_hash", LargeBinary),  # SHA-256: a copy of the database answers nobody's request (P7)
    _must("request", authorization_request()),
    _must("created_at", UtcDateTime),
    _must("expires_at", UtcDateTime, index=True),
    _may("chosen_by", Uuid),
    _may("consented_by", Uuid),
    _may("denied_at", UtcDateTime),
    _may("completed_at", UtcDateTime),
)

pushed_requests = _table(
    "pushed_requests",
    _key("reference_hash", LargeBinary),
    _must("client_id", Text, ForeignKey("clients.client_id", ondelete="CASCADE")),
    _must("parameters", pairs()),
    _must("signed", Boolean),
    _must("created_at", UtcDateTime),
    _must("expires_at", UtcDateTime, index=True),
    _may("used_at", UtcDateTime),
    fill=80,
)

consents = _table(
    "consents",
    _key("user_id", Uuid, ForeignKey("users.id")),
    _key("client_id", Text, ForeignKey("clients.client_id", ondelete="CASCADE")),
    _must("scopes", words()),
    _must("created_at", UtcDateTime),
    _must("updated_at", UtcDateTime),
)
Index("ix_consents_client_id", consents.c.client_id)

pairwise_subjects = _table(
    "pairwise_subjects",
    _key("user_id", Uuid, ForeignKey("users.id")),
    _key("sector", Text),
    _must("subject", Text, unique=True),
)

resources = _table(
    "resources",
    _key("identifier", Text),
    _must("name", Text),
    _may("client_id", Text, ForeignKey("clients.client_id", ondelete="SET NULL"), index=True),
    _must("created_at", UtcDateTime),
)

scopes = _table(
    "scopes",
    _key("name", Text),
    _must("resource", Text, ForeignKey("resources.identifier", ondelete="CASCADE"), index=True),
    _must("sentence", Text),
)

detail_types = _table(
    "detail_types",
    _key("name", Text),
    _must("resource", Text, ForeignKey("resources.identifier", ondelete="CASCADE"), index=True),
    _must("sentence", Text),
    _must("members", mapping()),
    _must("created_at", UtcDateTime),
)

signing_keys = _table(
    "signing_keys",
    _key("kid", Text),
    _must("alg", Text),
    _must("state", Word(KeyState)),
    _must("public_jwk", mapping()),
    _must("private_sealed", LargeBinary),
    _must("created_at", UtcDateTime),
    _may("activated_at", UtcDateTime),
    _may("retired_at", UtcDateTime),
    _may("remove_at", UtcDateTime),
)

revocations = _table(
    "revocations",
    _key("seq", BigInteger),
    _must("kind", Word(RevocationKind)),
    _must("value", Text),
    _must("at", UtcDateTime),
    _must("expires_at", UtcDateTime, index=True),
    _must("reason", Text),
)
Index("ix_revocations_kind_value", revocations.c.kind, revocations.c.value)

security_events = _table(
    "security_events",
    _key("id", Uuid),
    _must("at", UtcDateTime, index=True),
    _must("kind", Text),
    _may("user_id", Uuid),
    _may("client_id", Text),
    _may("session_id", Uuid),
    _may("device_id", Uuid),
    _must("actor", Text),
    _may("reason", Text),
    _must("address", Text),
    _must("user_agent", Text),
    _must("details", mapping()),
)
Index("ix_security_events_user_id_at", security_events.c.user_id, security_events.c.at)

outbox = _table(
    "outbox",
    _key("id", Uuid),
    _must("kind", Text),
    _must("payload", mapping()),
    _must("created_at", UtcDateTime, index=True),
    _must("due_at", UtcDateTime),
    _must("attempts", Integer, server_default=text("0")),  # the previous version does not name it
    _may("claimed_until", UtcDateTime),
    _may("delivered_at", UtcDateTime),
    _may("gave_up_at", UtcDateTime),
    _may("last_error", Text),
    _may("client_id", Text),
    _may("user_id", Uuid),
    _may("sid", Uuid),
    _may("session_id", Uuid),
)
_partial("ix_outbox_waiting", outbox.c.due_at, where="delivered_at IS NULL AND gave_up_at IS NULL")
for _concern in (outbox.c.user_id, outbox.c.client_id, outbox.c.sid):
    _partial(f"ix_outbox_of_{_concern.name}", _concern, where=f"{_concern.name} IS NOT NULL")

throttles = _table(
    "throttles",
    _key("key", LargeBinary),
    _must("count", Integer),
    _must("expires_at", UtcDateTime, index=True),
    fill=80,
)

assertion_ids = _table(
    "assertion_ids",
    _key("client_id", Text),
    _key("jti_hash", LargeBinary),
    _must("expires_at", UtcDateTime, index=True),
)

initial_access_tokens = _table(
    "initial_access_tokens",
    _key("id", Uuid),
    _must("token_hash", LargeBinary, unique=True),
    _must("label", Text),
    _may("quota", Integer),
    _must("used", Integer),
    _must("created_at", UtcDateTime),
    _must("expires_at", UtcDateTime),  # a handful of rows: the sweeper reads them all
    _may("revoked_at", UtcDateTime),
    fill=80,
)

settling = _table(
    "settling",  # endings that the hot copy has not confirmed (settling.py)
    _key("sid", Uuid),
    _must("known_at", UtcDateTime, index=True),
)

turns = _table(
    "turns",  # one row per queue; its lock is held until commit (turns.py)
    _key("name", Text),
    _must("value", BigInteger),
    fill=80,
)
