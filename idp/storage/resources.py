"""Resources and their scopes (RFC 8707). A scope's name is unique over all resources.

They are an operator's, few, and asked for by every token request and introspection, so each process
looks at a copy of all of them that is two seconds old at most. What is not in the copy is looked for in
the database, so what has just been registered is there at once, on every worker; what has been removed,
or given to another resource server, is so within two seconds. A transaction looks at a copy but makes
none, for what it sees need never be committed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, select

from ..domain.scope import Resource, Scope
from ..errors import Conflict
from .database import Database
from .rows import Rows
from .tables import resources, scopes
from .upsert import insert_or_nothing

RESOURCE = Rows(Resource, resources)
SCOPE = Rows(Scope, scopes)

_ADD = insert_or_nothing(resources)
_ADD_SCOPE = insert_or_nothing(scopes)
_LIST = select(*RESOURCE.columns).order_by(resources.c.identifier)
_LIST_SCOPES = select(*SCOPE.columns).order_by(scopes.c.name)
_DELETE = delete(resources).where(resources.c.identifier == bindparam("key"))
_SCOPES = select(*SCOPE.columns).where(scopes.c.name.in_(bindparam("names", expanding=True)))
_KNOWN = select(*RESOURCE.columns).where(resources.c.identifier.in_(bindparam("names", expanding=True)))
_OF_SERVER = (
    select(resources.c.identifier).where(resources.c.client_id == bindparam("server")).order_by(resources.c.identifier)
)


SNAPSHOT_SECONDS = 2.0
_MOST = 1000  # an installation with more of them asks the database


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """All of them, as they were."""

    scopes: Mapping[str, Scope]
    resources: Mapping[str, Resource]
    of_server: Mapping[str, tuple[str, ...]]
    read_at: float


class SqlResources:
    """Implements ``ports.Resources``."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._snapshot: _Snapshot | None = None

    def add(self, resource: Resource, scopes: Sequence[Scope]) -> None:
        """All or nothing; raises Conflict if the identifier or a scope's name is taken."""
        self._snapshot = None
        with self._db.savepoint():
            if not self._db.count(_ADD, RESOURCE.parameters(resource)):
                raise Conflict("the resource is registered already")
            for scope in scopes:
                if not self._db.count(_ADD_SCOPE, SCOPE.parameters(scope)):
                    raise Conflict(f"the scope {scope.name} belongs to another resource")

    def list(self) -> Sequence[tuple[Resource, Sequence[Scope]]]:
        """By identifier; scopes by name."""
        of_resource: dict[str, list[Scope]] = {}
        for scope in SCOPE.read_all(self._db.rows(_LIST_SCOPES)):
            of_resource.setdefault(scope.resource, []).append(scope)
        found = RESOURCE.read_all(self._db.rows(_LIST))
        return [(resource, tuple(of_resource.get(resource.identifier, ()))) for resource in found]

    def delete(self, identifier: str) -> bool:
        """With its scopes; False if there is none."""
        self._snapshot = None
        return self._db.count(_DELETE, {"key": identifier}) == 1

    def scopes(self, names: Sequence[str]) -> Mapping[str, Scope]:
        """Those of the names that are registered."""
        known = self._recent().scopes
        missing = [name for name in names if name not in known]
        rows = self._db.rows(_SCOPES, {"names": missing}) if missing else ()
        found = {scope.name: scope for scope in SCOPE.read_all(rows)}
        return {name: known.get(name) or found[name] for name in names if name in known or name in found}

    def known(self, identifiers: Sequence[str]) -> Mapping[str, Resource]:
        """Those of the identifiers that are registered."""
        known = self._recent().resources
        missing = [identifier for identifier in identifiers if identifier not in known]
        rows = self._db.rows(_KNOWN, {"names": missing}) if missing else ()
        found = {resource.identifier: resource for resource in RESOURCE.read_all(rows)}
        return {name: known.get(name) or found[name] for name in identifiers if name in known or name in found}

    def of_server(self, client_id: str) -> Sequence[str]:
        """Identifiers for which this client is the resource server."""
        known = self._recent().of_server.get(client_id)
        return known or tuple(row[0] for row in self._db.rows(_OF_SERVER, {"server": client_id}))

    def _recent(self) -> _Snapshot:
        snapshot = self._snapshot
        if snapshot is not None and time.monotonic() - snapshot.read_at < SNAPSHOT_SECONDS:
            return snapshot
        if self._db.in_work:
            return _NOTHING
        self._snapshot = snapshot = self._read()
        return snapshot

    def _read(self) -> _Snapshot:
        read_at = time.monotonic()
        found = self.list()
        if len(found) > _MOST:
            return _Snapshot({}, {}, {}, read_at)
        of_server: dict[str, tuple[str, ...]] = {}
        for resource, _scopes in found:
            if resource.client_id is not None:
                of_server[resource.client_id] = (*of_server.get(resource.client_id, ()), resource.identifier)
        return _Snapshot(
            {scope.name: scope for _resource, scopes in found for scope in scopes},
            {resource.identifier: resource for resource, _scopes in found}, of_server, read_at,
        )  # fmt: skip


_NOTHING = _Snapshot({}, {}, {}, 0.0)
