"""Signing keys: announced → active → retired → gone (design.md 4.4)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, update

from ..domain.key import KeyState, SigningKey
from .database import Database
from .liveness import NOW
from .rows import Rows
from .tables import signing_keys
from .turns import be_patient, take_turn

KEY = Rows(SigningKey, signing_keys)
_K = signing_keys.c
_ROW = _K.kid == bindparam("thumbprint")
_STEP = {
    "state": bindparam("next_state", type_=_K.state.type),
    "remove_at": bindparam("until", type_=_K.remove_at.type),
}

_ALL = select(*KEY.columns).order_by(_K.created_at, _K.kid)
_ADD = insert(signing_keys)
_CHANGE = {
    KeyState.ANNOUNCED: update(signing_keys).where(_ROW).values(_STEP),
    KeyState.ACTIVE: update(signing_keys).where(_ROW).values(_STEP | {"activated_at": NOW}),
    KeyState.RETIRED: update(signing_keys).where(_ROW).values(_STEP | {"retired_at": NOW}),
}
_REMOVE = delete(signing_keys).where(_ROW)
_REMOVE_DUE = delete(signing_keys).where(_K.state == KeyState.RETIRED, _K.remove_at <= NOW)


class SqlSigningKeys:
    """Implements ``ports.SigningKeys``."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def all(self) -> Sequence[SigningKey]:
        """Oldest first."""
        return KEY.read_all(self._db.rows(_ALL))

    def add(self, key: SigningKey) -> None:
        """In the state it says."""
        self._db.count(_ADD, KEY.parameters(key))

    def lock(self) -> None:
        """Keep every other key change out until commit; eight workers that start at once make one key."""
        be_patient(self._db)
        take_turn(self._db, "signing keys")

    def change(self, kid: str, state: KeyState, now: datetime, remove_at: datetime | None) -> None:
        """Move a key on, stamping the time of its new state."""
        self._db.count(_CHANGE[state], {"thumbprint": kid, "next_state": state, "until": remove_at, "now": now})

    def remove(self, kid: str) -> bool:
        """Delete a key in whatever state."""
        return self._db.count(_REMOVE, {"thumbprint": kid}) == 1

    def remove_due(self, now: datetime) -> int:
        """Delete retired keys whose last token has expired."""
        return self._db.count(_REMOVE_DUE, {"now": now})
