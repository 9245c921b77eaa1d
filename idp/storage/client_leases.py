"""Clients' records for endpoints that the same few clients ask all the time: each read a tenth of a second ago at most.

Why nobody is taken for what they were: a reading counts for ``LEASE_SECONDS`` from *before* it was made, so one from
before the commit of a change counts until then after the commit at the latest; and whoever makes the change is told
that it is done only when ``SETTLED_SECONDS`` have passed since its commit (``settle``). So no request that began after
the acknowledgement is judged by the record of before, in whatever process and with Redis or without. Each process
counts by its own steady clock, and no two clocks are compared; what is assumed is that a machine's clock goes on while
the machine is held.

Only for the question who asks, at introspection and for the grants that ``oauth.server`` names. Whether a token lives
is read anew each time, and whether its client is enabled with it (``liveness``).
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep

from ..domain.client import Client

LEASE_SECONDS = 0.1
SETTLED_SECONDS = 0.15
_MOST = 1000


class ClientLeases:
    """One per process."""

    def __init__(self, tick: Callable[[], float] = monotonic, wait: Callable[[float], None] = sleep) -> None:
        self._tick = tick
        self._wait = wait
        self._read: dict[str, tuple[Client, float]] = {}

    def of(self, client_id: str, read: Callable[[str], Client | None]) -> Client | None:
        """The record of ``client_id``, as ``read`` said lately or says now; that there is none is not remembered."""
        known, began = self._read.get(client_id), self._tick()
        if known is not None and began - known[1] < LEASE_SECONDS:
            return known[0]
        client = read(client_id)
        if client is not None:
            if len(self._read) >= _MOST:
                self._read = {}
            self._read[client_id] = client, began
        return client

    def settle(self) -> None:
        """Wait until no lease is left of a record that a commit before this call has replaced."""
        self._wait(SETTLED_SECONDS)
