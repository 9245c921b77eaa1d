"""Column types: how a member of a domain value lies in a row, the same to the caller on both databases.

Why microseconds on SQLite: it has no time type; text compares only if every writer pads alike, while an
integer is exact, comparable and fast.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ColumnElement, FunctionElement
from sqlalchemy.types import JSON, TypeDecorator, TypeEngine

from ..domain.exchange import ExchangePolicy
from ..domain.interaction import AuthorizationRequest
from ..domain.session import Factor

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_REQUEST_MEMBERS = frozenset(member.name for member in fields(AuthorizationRequest))


class UtcDateTime(TypeDecorator[datetime]):
    """``timestamptz`` on PostgreSQL, microseconds since 1970 on SQLite; aware UTC to the caller."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type the database sees."""
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """A naive time is a mistake of the caller, never guessed around."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("times are aware UTC datetimes")
        return (value - _EPOCH) // _MICROSECOND if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Aware UTC."""
        if value is None or dialect.name != "sqlite":
            return cast("datetime | None", value)  # psycopg made an aware datetime of it
        return _EPOCH + timedelta(microseconds=value)


class Word(TypeDecorator[StrEnum]):
    """One member of a StrEnum, kept as its text."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: type[StrEnum]) -> None:
        super().__init__()
        self.kind = kind

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:  # noqa: ARG002  # signature is SQLAlchemy's
        """The member."""
        return None if value is None else self.kind(value)


class JsonOf(TypeDecorator[Any]):
    """JSON (JSONB on PostgreSQL) of a value that ``encode`` makes plain and ``decode`` makes whole again."""

    impl = JSON
    cache_ok = True

    def __init__(self, encode: Callable[[Any], Any], decode: Callable[[Any], Any]) -> None:
        super().__init__(none_as_null=True)
        self.encode = encode
        self.decode = decode

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """JSONB compares and stores better than JSON."""
        kind = JSONB if dialect.name == "postgresql" else JSON
        return dialect.type_descriptor(kind(none_as_null=True))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002  # signature is SQLAlchemy's
        """Plain JSON."""
        return None if value is None else self.encode(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002  # signature is SQLAlchemy's
        """The domain's value."""
        return None if value is None else self.decode(value)


def loads(text: bytes | str) -> Any:
    """``json_deserializer`` of the engine. The same few lists of words lie in every row, so they are kept.

    What ``JsonOf`` makes of a list is new each time; nobody else gets to see it.
    """
    return _list(text) if len(text) <= 200 and text[:1] in (b"[", "[") else json.loads(text)


@lru_cache(maxsize=512)
def _list(text: bytes | str) -> Any:
    return json.loads(text)


def words(kind: Callable[[str], str] = str) -> JsonOf:
    """A tuple of texts, or of members of the StrEnum ``kind``."""
    return JsonOf(list, tuple if kind is str else _Words(kind))


class _Words:
    """Equal for equal kinds, so that SQLAlchemy's statement cache knows the column type again."""

    def __init__(self, kind: Callable[[str], str]) -> None:
        self.kind = kind

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Words) and other.kind is self.kind

    def __hash__(self) -> int:
        return hash(self.kind)

    def __call__(self, value: list[str]) -> tuple[str, ...]:
        return tuple(self.kind(text) for text in value)


def mapping() -> JsonOf:
    """A JSON object."""
    return JsonOf(dict, dict)


def pairs() -> JsonOf:
    """A tuple of pairs of texts."""
    return JsonOf(list, _whole_pairs)


def details() -> JsonOf:
    """A tuple of JSON objects, which nobody changes: whoever reads the same text may share them."""
    return JsonOf(list, tuple)


def exchange_policy() -> JsonOf:
    """What a client may exchange tokens for."""
    return JsonOf(asdict, _whole_policy)


def _whole_policy(value: Mapping[str, Any]) -> ExchangePolicy:
    """Of a version that knows more members, those that this one knows."""
    known = {field.name for field in fields(ExchangePolicy)}
    members: dict[str, Any] = {
        name: tuple(member) if isinstance(member, list) else member for name, member in value.items()
    }
    return ExchangePolicy(**{name: member for name, member in members.items() if name in known})


def factors() -> JsonOf:
    """The factors of a Session as ``[method, ISO 8601 time]``."""
    return JsonOf(_plain_factors, _whole_factors)


def authorization_request() -> JsonOf:
    """A validated authorization request."""
    return JsonOf(_plain_request, _whole_request)


def _plain_factors(value: tuple[Factor, ...]) -> list[list[str]]:
    return [[factor.method, factor.at.isoformat()] for factor in value]


def _whole_factors(value: list[list[str]]) -> tuple[Factor, ...]:
    return tuple(Factor(method=method, at=datetime.fromisoformat(at)) for method, at in value)


def _whole_pairs(value: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, text) for name, text in value)


def _plain_request(value: AuthorizationRequest) -> dict[str, Any]:
    plain = asdict(value)
    return plain | {"hinted_sub": value.hinted_sub and value.hinted_sub.hex}


def _whole_request(value: Mapping[str, Any]) -> AuthorizationRequest:
    """The version that runs beside this one may know more members of a request, or fewer."""
    members: dict[str, Any] = {
        name: tuple(member) if isinstance(member, list) else member
        for name, member in value.items()
        if name in _REQUEST_MEMBERS
    }
    sub = members.get("hinted_sub")
    return AuthorizationRequest(**members | {"hinted_sub": UUID(sub) if sub else None})


class SecondsAfter(FunctionElement[datetime]):
    """A time column plus a column of seconds: the idle end of a row, computed where the row lies.

    Why computed: a stored idle end would have to move with every use, in step with the time of use.
    """

    name = "seconds_after"
    type = UtcDateTime()
    inherit_cache = True

    def __init__(self, start: ColumnElement[Any], seconds: ColumnElement[Any]) -> None:
        super().__init__(start, seconds)


@compiles(SecondsAfter, "postgresql")
def _seconds_after_postgresql(element: SecondsAfter, compiler: SQLCompiler, **options: Any) -> str:
    start, seconds = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({start} + {seconds} * interval '1 second')"


@compiles(SecondsAfter, "sqlite")
def _seconds_after_sqlite(element: SecondsAfter, compiler: SQLCompiler, **options: Any) -> str:
    start, seconds = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({start} + {seconds} * 1000000)"
