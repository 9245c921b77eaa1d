"""What the tests of PostgreSQL's faults do to a server, and what they ask of a database meanwhile."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Self

import psycopg
import pytest
from sqlalchemy import text

from idp.errors import Unavailable
from idp.storage.database import Database

from ..postgres import PostgresServer

ONE = text("SELECT 1")
RECOVERY_SECONDS = 5.0


def every_connection_of(server: PostgresServer) -> Iterator[psycopg.Connection]:
    """All that it still gives."""
    with suppress(psycopg.OperationalError):
        while True:
            yield psycopg.connect(host="127.0.0.1", port=server.port, user="idp", dbname="postgres")


@contextmanager
def paused(server: PostgresServer) -> Iterator[None]:
    server.pause()
    try:
        yield
    finally:
        server.resume()


def unavailable(act: Callable[[], object]) -> float:
    """How long it took to be told."""
    began = time.monotonic()
    with pytest.raises(Unavailable):
        act()
    return time.monotonic() - began


def until_it_answers(database: Database) -> float:
    began = time.monotonic()
    while True:
        try:
            database.rows(ONE)
        except Unavailable:
            assert time.monotonic() - began < 4 * RECOVERY_SECONDS
            time.sleep(0.02)
        else:
            return time.monotonic() - began


def put(database: Database, name: str) -> None:
    with database.work():
        database.count(text("INSERT INTO things VALUES (:name)"), {"name": name})


class Writer:
    """Writes names, one transaction each, and remembers which were acknowledged."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._acknowledged: set[str] = set()
        self._ended = threading.Event()
        self._mistake: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        number = 0
        try:
            while not self._ended.is_set():
                number += 1
                name = str(number)
                try:
                    put(self._database, name)
                except Unavailable:
                    time.sleep(0.01)
                else:
                    self._acknowledged.add(name)
        except BaseException as mistake:  # noqa: BLE001 - told by ``stop``
            self._mistake = mistake

    def stop(self) -> set[str]:
        """The names acknowledged. Raises what the thread met and should not have."""
        self._ended.set()
        self._thread.join(30)
        if self._mistake is not None:
            raise self._mistake
        return self._acknowledged


class Middleman:
    """Passes TCP on to a port of this machine, until told to drop what comes on connections that are there."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._epoch = 0
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        for one in (self._listener, *self._sockets):
            _shut(one)

    def drop_what_is_there(self) -> None:
        """From now on; connections made later work."""
        self._epoch += 1

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target))
            self._sockets += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(source, sink, self._epoch), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, epoch: int) -> None:
        try:
            while data := source.recv(65536):
                if epoch == self._epoch:
                    sink.sendall(data)
        except OSError:
            pass
        finally:
            if epoch == self._epoch:
                _shut(sink)


def _shut(one: socket.socket) -> None:
    """Close it, also under a thread that reads from it."""
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
