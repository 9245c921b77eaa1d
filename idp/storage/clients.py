"""Clients. Deleting one takes its client sessions, codes and consents along (foreign keys)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, delete, select, update

from ..domain.client import Client
from ..errors import Conflict
from .client_leases import ClientLeases
from .database import Database
from .pages import Pages
from .rows import Rows
from .tables import clients
from .upsert import insert_or_nothing

CLIENT = Rows(Client, clients)
_KEY = clients.c.client_id == bindparam("key")

_ADD = insert_or_nothing(clients)
_GET = select(*CLIENT.columns).where(_KEY)
_HOLD = _GET.with_for_update(key_share=True)
_STEADY = _GET.with_for_update(read=True)
_SOME = select(*CLIENT.columns).where(clients.c.client_id.in_(bindparam("keys", expanding=True)))
_ALL = Pages(select(*CLIENT.columns), clients.c.created_at, clients.c.client_id, "")
_SAVE = update(clients).where(_KEY)
_DELETE = delete(clients).where(_KEY)


class SqlClients:
    """Implements ``ports.Clients``."""

    def __init__(self, database: Database, leases: ClientLeases | None = None) -> None:
        self._db = database
        self._leases = leases or ClientLeases()

    def add(self, client: Client) -> None:
        """Raises Conflict if the ``client_id`` is taken."""
        if not self._db.count(_ADD, CLIENT.parameters(client)):
            raise Conflict("the client_id is taken")

    def get(self, client_id: str) -> Client | None:
        """Exact look-up, disabled ones too."""
        return CLIENT.read_one(self._db.hot_row(_GET, {"key": client_id}))

    def lately(self, client_id: str) -> Client | None:
        """From a lease; in a transaction, whose writes may be undone, as it is there."""
        return self.get(client_id) if self._db.in_work else self._leases.of(client_id, self.get)

    def settle(self) -> None:
        """Wait until every lease of a record that was replaced before has run out."""
        self._leases.settle()

    def hold(self, client_id: str) -> Client | None:
        """As it is now, locked until commit."""
        return CLIENT.read_one(self._db.row(_HOLD, {"key": client_id}))

    def steady(self, client_id: str) -> Client | None:
        """As it is now, and nobody changes it before commit; several may want that at once."""
        return CLIENT.read_one(self._db.row(_STEADY, {"key": client_id}))

    def some(self, client_ids: Sequence[str]) -> Mapping[str, Client]:
        """Several at once, by id."""
        found = CLIENT.read_all(self._db.rows(_SOME, {"keys": list(client_ids)})) if client_ids else ()
        return {client.client_id: client for client in found}

    def list(self) -> Sequence[Client]:
        """Oldest first."""
        return _ALL.read(self._db, CLIENT)

    def save(self, client: Client) -> bool:
        """Replace all but ``client_id`` and ``created_at``; False if it is gone."""
        changes = CLIENT.changes(client, "client_id", "created_at")
        return self._db.count(_SAVE, {"key": client.client_id} | changes) == 1

    def delete(self, client_id: str) -> bool:
        """False if there is none."""
        return self._db.count(_DELETE, {"key": client_id}) == 1
