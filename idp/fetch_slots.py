"""How many fetches go at a time, so that no stranger's silent server takes what others need.

A fetch holds the thread that makes it, and a worker has few (``idp serve --threads``, 4). Keys of clients and
issuers that an operator registered have slots that nothing else can take, and are waited for a moment: without
them an honest client cannot sign in. Whatever a stranger can have us fetch has one slot for each purpose, and
all of that together two: of four threads one address of silent servers holds two, whatever it names.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum

PATIENCE_SECONDS = 0.5


class Purpose(StrEnum):
    """What a document is fetched for, and so who can cause it."""

    KEYS = "keys"  # of a client or issuer that an operator registered
    STRANGERS_KEYS = "keys of a client that registered itself"
    REQUEST_OBJECT = "request object"
    CLIENT_DOCUMENT = "client document"
    SECTOR = "sector"


_OURS = threading.BoundedSemaphore(2)
_STRANGERS = threading.BoundedSemaphore(2)
_EACH = {purpose: threading.BoundedSemaphore(1) for purpose in Purpose if purpose is not Purpose.KEYS}


class NoSlot(Exception):
    """Too many are under way."""


@contextmanager
def slot(purpose: Purpose) -> Iterator[None]:
    """A place for one fetch. Raises NoSlot, for a stranger's at once."""
    with ExitStack() as held:
        if purpose is Purpose.KEYS:
            _take(held, _OURS, PATIENCE_SECONDS)
        else:
            _take(held, _EACH[purpose], 0)
            _take(held, _STRANGERS, 0)
        yield


def _take(held: ExitStack, semaphore: threading.BoundedSemaphore, seconds: float) -> None:
    taken = semaphore.acquire(timeout=seconds) if seconds else semaphore.acquire(blocking=False)
    if not taken:
        raise NoSlot
    held.callback(semaphore.release)
