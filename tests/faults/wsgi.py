"""``idp.wsgi`` with a wall clock that a file shifts (FAULTS_CLOCK: seconds, read five times a second), and a file
with the names of the requests it has begun with (FAULTS_BEGUN), where they bear one.

Why not libfaketime: under it Python's ``time.sleep`` fails with EINVAL (0.9.10, CPython 3.11), so a worker would
die of the tool. Time is a port here, so there are two places to shift: that port, and PyJWT's own.
"""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import jwt.api_jwt

from idp.storage.system import SystemClock

_FILE = Path(os.environ["FAULTS_CLOCK"])
_READ_EVERY = 0.2
_real_now = SystemClock.now


class _Shift:
    """How far this process is off."""

    def __init__(self) -> None:
        self._seconds, self._read_at = 0.0, float("-inf")

    def __call__(self) -> timedelta:
        if time.monotonic() > self._read_at + _READ_EVERY:
            self._seconds, self._read_at = float(_FILE.read_text() or 0), time.monotonic()
        return timedelta(seconds=self._seconds)


_shift = _Shift()


class _ShiftedDatetime(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + _shift()


SystemClock.now = lambda self: _real_now(self) + _shift()  # type: ignore[method-assign]
jwt.api_jwt.datetime = _ShiftedDatetime  # type: ignore[attr-defined]

from idp.wsgi import app as _provider  # noqa: E402 - after its clock

_BEGUN = os.open(os.environ["FAULTS_BEGUN"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def app(environ: dict[str, Any], start_response: Any) -> Any:
    """The provider, which begins with a request only after it was noted."""
    if name := environ.get("HTTP_X_REQUEST_ID"):
        os.write(_BEGUN, f"{name}\n".encode())
    return _provider(environ, start_response)
