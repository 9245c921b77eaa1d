"""The databases under fault: a PostgreSQL that syncs, and can be killed as the kernel kills."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg

from tests.postgres import PostgresServer

CONNECTIONS = 60


class MortalPostgres(PostgresServer):
    """fsync is on: what it acknowledges must be there after any of these."""

    def __init__(self, **settings: str) -> None:
        super().__init__(**{"fsync": "on", "full_page_writes": "on", "max_connections": str(CONNECTIONS)} | settings)

    def kill_9(self) -> None:
        """SIGKILL of the postmaster and of each of its processes, as the kernel does it when memory is short."""
        if self._process is None:
            return
        family = [self._process.pid, *_children(self._process.pid)]
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(30)
        self._process = None
        until = time.monotonic() + 30
        while any(Path(f"/proc/{pid}").exists() for pid in family) and time.monotonic() < until:
            time.sleep(0.02)

    def pause(self) -> None:
        """SIGSTOP of every process: connections stand, nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        for pid in (self._process.pid, *_children(self._process.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    @contextmanager
    def exhausted(self) -> Iterator[int]:
        """Every connection that can be had is held; says how many."""
        with ExitStack() as held:
            count = 0
            with suppress(psycopg.OperationalError):
                for count in range(CONNECTIONS + 10):  # noqa: B007 - said below
                    held.enter_context(psycopg.connect(host="127.0.0.1", port=self.port, user="idp", dbname="postgres"))
            yield count


def _children(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError, IndexError):
            if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(entry.name))
    return found
