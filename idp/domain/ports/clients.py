"""Clients, the operator's APIs, and what people allowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from ..authorization_details import DetailType
from ..client import Client
from ..consent import Consent
from ..scope import Resource, Scope
from ..trusted_issuer import TrustedIssuer


class Clients(Protocol):
    def add(self, client: Client) -> None:
        """Raises Conflict if the ``client_id`` is taken."""
        ...

    def get(self, client_id: str) -> Client | None:
        """Exact look-up, disabled ones too."""
        ...

    def lately(self, client_id: str) -> Client | None:
        """The same as ``get``, as it was a moment ago: for who asks what changes nothing, and asks again and again."""
        ...

    def settle(self) -> None:
        """Return when ``lately`` knows, in every process, of all changes that were committed before this call."""
        ...

    def hold(self, client_id: str) -> Client | None:
        """The same as ``get``, locked until commit: of two changes at once, neither undoes the other."""
        ...

    def steady(self, client_id: str) -> Client | None:
        """The same as ``get``; until commit it stays as it is, also for others who want it so."""
        ...

    def some(self, client_ids: Sequence[str]) -> Mapping[str, Client]:
        """Those of the ids that exist, by id, in one statement."""
        ...

    def list(self) -> Sequence[Client]:
        """All, oldest first."""
        ...

    def save(self, client: Client) -> bool:
        """Replace every member but ``client_id`` and ``created_at``; False if it is gone."""
        ...

    def delete(self, client_id: str) -> bool: ...


class Resources(Protocol):
    def add(self, resource: Resource, scopes: Sequence[Scope]) -> None:
        """Raises Conflict if the identifier or a scope's name is taken."""
        ...

    def list(self) -> Sequence[tuple[Resource, Sequence[Scope]]]: ...

    def delete(self, identifier: str) -> bool: ...

    def scopes(self, names: Sequence[str]) -> Mapping[str, Scope]: ...

    def known(self, identifiers: Sequence[str]) -> Mapping[str, Resource]: ...

    def of_server(self, client_id: str) -> Sequence[str]:
        """Identifiers of the resources for which this client is the resource server."""
        ...


class DetailTypes(Protocol):
    def add(self, kind: DetailType) -> None:
        """Raises Conflict if the name is taken."""
        ...

    def list(self) -> Sequence[DetailType]: ...

    def some(self, names: Sequence[str]) -> Mapping[str, DetailType]:
        """Those of the names that are registered, by name."""
        ...

    def delete(self, name: str) -> bool: ...


class TrustedIssuers(Protocol):
    def add(self, issuer: TrustedIssuer) -> None:
        """Raises Conflict if it is trusted already."""
        ...

    def get(self, issuer: str) -> TrustedIssuer | None: ...

    def list(self) -> Sequence[TrustedIssuer]: ...

    def delete(self, issuer: str) -> bool: ...


class Consents(Protocol):
    def get(self, user_id: UUID, client_id: str) -> Consent | None: ...

    def hold(self, user_id: UUID, client_id: str) -> Consent | None:
        """The same, kept from being withdrawn until the transaction ends.

        Taken before codes, sessions and client sessions, everywhere in that order.
        """
        ...

    def allow(self, user_id: UUID, client_id: str, scopes: Sequence[str], now: datetime) -> Consent:
        """Add to what is allowed; concurrent calls lose nothing."""
        ...

    def withdraw(self, user_id: UUID, client_id: str) -> bool: ...

    def withdraw_client(self, client_id: str) -> int: ...

    def of_user(self, user_id: UUID) -> Sequence[Consent]: ...
