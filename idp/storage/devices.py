"""Devices: found by the hash of the browser's cookie and the user, for browsers are shared."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Update, bindparam, insert, or_, select, update

from ..domain.device import Device
from ..domain.session import OtherDevices, WholeDevice, WholeUser
from .database import Database
from .liveness import NOW
from .recently import MINUTE, Recently
from .rows import Rows
from .tables import devices
from .upsert import insert_or_nothing

DEVICE = Rows(Device, devices)
_OWNER = devices.c.user_id == bindparam("owner")

_ADD = insert(devices)
_ENSURE = insert_or_nothing(devices)
_BY_SECRET = (
    select(*DEVICE.columns)
    .where(devices.c.secret_hash == bindparam("hash"), _OWNER)
    .order_by(devices.c.created_at, devices.c.id)
    .limit(1)
)
_OF_USER = select(*DEVICE.columns).where(_OWNER).order_by(devices.c.last_seen_at.desc(), devices.c.id)
_ROTATE = update(devices).where(devices.c.secret_hash == bindparam("old")).values(secret_hash=bindparam("new"))
_SEEN = (
    update(devices)
    .where(
        devices.c.id == bindparam("key"),
        or_(devices.c.last_seen_at < bindparam("stale"), devices.c.user_agent != bindparam("agent")),
    )
    .values(last_seen_at=NOW, user_agent=bindparam("agent"))
)
_RENAME = update(devices).where(devices.c.id == bindparam("key"), _OWNER).values(name=bindparam("given"))


def _forget(aim: ColumnElement[bool]) -> Update:
    """Locked in the order of their ids, so that two endings at once do not wait for each other."""
    known = select(devices.c.id).where(aim, devices.c.secret_hash.is_not(None)).order_by(devices.c.id)
    return update(devices).where(devices.c.id.in_(known.with_for_update(key_share=True))).values(secret_hash=None)


_FORGET = {
    WholeDevice: _forget(_OWNER & (devices.c.id == bindparam("aimed"))),
    OtherDevices: _forget(_OWNER & (devices.c.id != bindparam("aimed"))),
    WholeUser: _forget(_OWNER),
}


class SqlDevices:
    """Implements ``ports.Devices``."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._seen = Recently()

    def add(self, device: Device) -> None:
        """A browser seen for the first time with this user."""
        self._db.count(_ADD, DEVICE.parameters(device))

    def ensure(self, device: Device) -> None:
        """Add it unless there is one of its id."""
        self._db.count(_ENSURE, DEVICE.parameters(device))

    def by_secret(self, secret_hash: bytes, user_id: UUID) -> Device | None:
        """The user's device behind a cookie."""
        return DEVICE.read_one(self._db.row(_BY_SECRET, {"hash": secret_hash, "owner": user_id}))

    def of_user(self, user_id: UUID) -> Sequence[Device]:
        """Latest activity first."""
        return DEVICE.read_all(self._db.rows(_OF_USER, {"owner": user_id}))

    def rotate_secret(self, old_hash: bytes, new_hash: bytes) -> int:
        """Every device of one browser gets the new cookie."""
        return self._db.count(_ROTATE, {"old": old_hash, "new": new_hash})

    def forget(self, target: WholeDevice | OtherDevices | WholeUser) -> int:
        """The rows stay: what has ended on them is shown for a while."""
        where = {"owner": target.user_id}
        match target:
            case WholeDevice(device_id=aimed) | OtherDevices(keep_device_id=aimed):
                where["aimed"] = aimed
        return self._db.count(_FORGET[type(target)], where)

    def seen(self, device_id: UUID, user_agent: str, now: datetime) -> None:
        """Note activity, at most once a minute."""
        if self._seen.first(device_id, now):
            self._db.count(_SEEN, {"key": device_id, "agent": user_agent, "now": now, "stale": now - MINUTE})

    def rename(self, user_id: UUID, device_id: UUID, name: str | None) -> bool:
        """False if the user has no such device."""
        return self._db.count(_RENAME, {"key": device_id, "owner": user_id, "given": name}) == 1
