"""Connections to PostgreSQL that nobody waits for in vain: each statement and each connect has an end here.

The server ends what takes too long by itself (``statement_timeout``, ``lock_timeout``). It cannot when it is
stopped, when the network swallows packets, or when a proxy keeps a connection whose other end is gone: so
the client counts, too (``STATEMENT_SECONDS``: the server's own limit, and the time for its answer to come).
What is not answered by then is cancelled and thrown away with its connection; whether a write, or a COMMIT,
was done is *unknown*. It is answered 503, and the caller's retry is safe, for every step is a claim: it finds
what the first attempt has done, or does it.

Why cancelled, too: a COMMIT that waits for a synchronous standby has no limit at the server (``statement_timeout``
is over by then), so with the standby away it would keep its row locks, in which every retry gets stuck, and
its place among ``max_connections``. Closing the connection does not end that wait; a cancel does.

Why one overdue statement condemns all connections older than it (``Connector.check_out``): they lead to
the same server, and each of them would cost its user the whole wait again.

Why a warning can be an error: when an operator cancels a COMMIT that waits for a synchronous standby
(``pg_cancel_backend``), the server reports success, with a warning that the standby may not have it. To be
acknowledged and then lost with the primary is what the standby is there to prevent: that, too, is unknown.

Why connecting happens on another thread: the shortest ``connect_timeout`` is 2 s for each address of each
host, and none covers the resolver. A caller waits ``CONNECT_SECONDS``; a connection that comes later is kept
for whoever asks next, so a standby at the end of a list of hosts is reached although the first hangs.

Why a failure is remembered, for as long as it took and at most ``PAUSE_SECONDS``: while nothing can be
connected, one caller at a time tries and all others are told so at once. Threads do not pile up, and the
first success ends it. A refusal comes back at once and costs nobody anything, so it is all but forgotten.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from threading import Lock, Thread
from time import monotonic
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.waiting import wait_conn
from sqlalchemy import make_url
from sqlalchemy.exc import DisconnectionError

from .columns import loads

T = TypeVar("T")

STATEMENT_SECONDS = 2.5
CONNECT_SECONDS = 1.0
CANCEL_SECONDS = 1.0
PAUSE_SECONDS = 0.5
_LATE_SECONDS = 5.0  # a connection that came late and that nobody has asked for since is of no use
_TICK = 0.1  # psycopg looks for signals so often
_UNCONFIRMED = {"01000", "57P01"}  # the wait for a standby was cancelled; the server is shutting down
SERVER_LIMITS = {"statement_timeout": 2000, "lock_timeout": 1000, "idle_in_transaction_session_timeout": 5000}
"""In milliseconds, the server's own."""
_NETWORK = {"connect_timeout": 2, "tcp_user_timeout": 3000}


class TimedConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection on which every exchange with the server ends within ``patience`` seconds (None: never)."""

    patience: float | None = STATEMENT_SECONDS
    used = False
    born = 0.0
    unconfirmed = False
    overdue: Callable[[], None] = staticmethod(lambda: None)

    def wait(self, gen: PQGen[T], interval: float = _TICK, timeout: float | None = None) -> T:
        """psycopg's one place to wait for an answer. Raises OperationalError, closed, when it is overdue."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            answer = super().wait(gen, interval, self.patience)
        except psycopg.errors._WaitTimeout:
            _cancel(self.pgconn)
            self.close()
            self.overdue()
            raise psycopg.OperationalError("no answer in time; whether it was done is unknown") from None
        if self.unconfirmed:
            self.close()
            raise psycopg.OperationalError("no standby confirmed in time; whether it will last is unknown")
        return answer

    def rollback(self) -> None:
        """Nothing to do where no transaction is open, which is so nearly whenever the pool takes one back."""
        if self.pgconn.transaction_status != TransactionStatus.IDLE:
            super().rollback()

    def listen(self) -> None:
        """Hear the server's warnings from now on."""
        self.add_notice_handler(self._hear)

    def _hear(self, notice: psycopg.errors.Diagnostic) -> None:
        """Every warning without a code of its own, for its words are of the server's language."""
        if notice.severity_nonlocalized == "WARNING" and notice.sqlstate in _UNCONFIRMED:
            self.unconfirmed = True


def _cancel(pgconn: psycopg.pq.abc.PGconn) -> None:
    """Ask the server to end what runs there, on another thread: it may be the server that does not answer.

    Never by libpq's older ``PQcancel``: it keeps all threads of this process waiting for a stopped server.
    """
    with suppress(psycopg.Error):
        Thread(target=_send, args=(pgconn.cancel_conn(),), name="idp-cancel", daemon=True).start()


def _send(request: psycopg.pq.abc.PGcancelConn) -> None:
    with suppress(psycopg.Error, psycopg.errors._WaitTimeout):
        request.start()
        wait_conn(psycopg.generators.cancel(request), _TICK, CANCEL_SECONDS)


class _Attempt:
    """One connect, on a thread of its own: those who wait for it may leave."""

    def __init__(self, connect: Callable[[], TimedConnection]) -> None:
        self._connect = connect
        self._future: Future[TimedConnection] = Future()
        Thread(target=self._run, name="idp-connect", daemon=True).start()

    def _run(self) -> None:
        try:
            self._future.set_result(self._connect())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            self._future.set_exception(error)

    def result(self, seconds: float) -> TimedConnection:
        """The connection. Raises what connecting raised, or TimeoutError: then the attempt goes on."""
        return self._future.result(seconds)

    def worth_waiting(self) -> bool:
        """Still under way, or come to a connection a moment ago; an old connection is closed."""
        if not self._future.done():
            return True
        if self._future.exception() is not None:
            return False
        connection = self._future.result()
        if monotonic() - connection.born < _LATE_SECONDS:
            return True
        connection.close()
        return False


class Connector:
    """Makes the connections of one engine: its pool's ``creator``."""

    def __init__(self, connect: Callable[[], TimedConnection]) -> None:
        self._connect = connect
        self._lock = Lock()
        self._late: deque[_Attempt] = deque()
        self._try_again_at: float | None = None  # None while connecting works
        self._trying = False
        self._condemned_before = 0.0

    def __call__(self) -> TimedConnection:
        """A new connection. Raises psycopg.OperationalError within ``CONNECT_SECONDS``, or at once if one just has."""
        self._admit()
        began = monotonic()
        attempt = self._attempt()
        try:
            connection = attempt.result(CONNECT_SECONDS)
        except TimeoutError:
            self._late.append(attempt)
            self._failed(began)
            raise psycopg.OperationalError("connecting takes too long") from None
        except BaseException:
            self._failed(began)
            raise
        self._worked()
        return connection

    def check_out(self, connection: TimedConnection, _record: object, _proxy: object) -> None:
        """The pool hands a connection out. Raises DisconnectionError, for a new one, if it is condemned.

        A new one is never refused: the pool would take a second refusal for a mistake of ours.
        """
        connection.patience = STATEMENT_SECONDS
        if connection.used and connection.born < self._condemned_before:
            raise DisconnectionError("made before a statement went without an answer")
        connection.used = True

    # ── inside ───────────────────────────────────────────────────────────────────────────────────

    def _admit(self) -> None:
        with self._lock:
            if self._try_again_at is None:
                return
            if self._trying or monotonic() < self._try_again_at:
                raise psycopg.OperationalError("it could not be connected to a moment ago")
            self._trying = True

    def _worked(self) -> None:
        with self._lock:
            self._trying, self._try_again_at = False, None

    def _failed(self, began: float) -> None:
        now = monotonic()
        with self._lock:
            self._trying, self._try_again_at = False, now + min(now - began, PAUSE_SECONDS)

    def _attempt(self) -> _Attempt:
        """One that somebody left waiting, else a new one: so there are never more threads than callers."""
        with self._lock:
            while self._late:
                attempt = self._late.popleft()
                if attempt.worth_waiting():
                    return attempt
        return _Attempt(self._open)

    def _open(self) -> TimedConnection:
        connection = self._connect()
        connection.born = monotonic()
        connection.overdue = self._condemn
        connection.listen()
        return connection

    def _condemn(self) -> None:
        self._condemned_before = monotonic()


def connector(url: str, *, pooled: bool = False) -> Connector:
    """For a PostgreSQL URL, which may name several hosts (``?host=a&host=b&target_session_attrs=read-write``).

    ``pooled``: a pooler stands between, which gives each transaction whichever of its connections is free
    (PgBouncer in transaction mode). It refuses the server's limits at start, so the role must have them
    (``idp doctor`` looks), and statements prepared on one connection are unknown on the next. The time zone
    is one of the few things that it does carry from connection to connection.
    """
    parsed = make_url(url)
    kind: Any = parsed.get_dialect()
    _, arguments = kind(dbapi=kind.import_dbapi(), json_deserializer=loads).create_connect_args(parsed)
    if pooled:
        options = {**_NETWORK, "autocommit": True, "prepare_threshold": None, **arguments}
        return Connector(lambda: _in_utc(TimedConnection.connect(**options)))
    limits = " ".join(f"-c {name}={value}" for name, value in {**SERVER_LIMITS, "timezone": "UTC"}.items())
    options = {**_NETWORK, "options": limits, **arguments}
    return Connector(lambda: TimedConnection.connect(**options))


def _in_utc(connection: TimedConnection) -> TimedConnection:
    connection.execute("SET timezone = 'UTC'")
    return connection


def set_patience(connection: object, seconds: float | None) -> None:
    """Let this driver connection wait for longer, until it goes back to the pool. Others have no such limit."""
    if isinstance(connection, TimedConnection):
        connection.patience = seconds
