"""Resources and their scopes (RFC 8707). A scope's name is unique over all resources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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


class SqlResources:
    """Implements ``ports.Resources``."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, resource: Resource, scopes: Sequence[Scope]) -> None:
        """All or nothing; raises Conflict if the identifier or a scope's name is taken."""
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
        return self._db.count(_DELETE, {"key": identifier}) == 1

    def scopes(self, names: Sequence[str]) -> Mapping[str, Scope]:
        """Those of the names that are registered."""
        rows = self._db.rows(_SCOPES, {"names": list(names)}) if names else ()
        return {scope.name: scope for scope in SCOPE.read_all(rows)}

    def known(self, identifiers: Sequence[str]) -> Mapping[str, Resource]:
        """Those of the identifiers that are registered."""
        rows = self._db.rows(_KNOWN, {"names": list(identifiers)}) if identifiers else ()
        return {resource.identifier: resource for resource in RESOURCE.read_all(rows)}

    def of_server(self, client_id: str) -> Sequence[str]:
        """Identifiers for which this client is the resource server."""
        return tuple(row[0] for row in self._db.rows(_OF_SERVER, {"server": client_id}))
