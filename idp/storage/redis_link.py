"""Speaking to one Redis server: every exchange on one connection, within a budget, never tried again.

Why not redis-py's client classes: they retry, follow redirections and choose connections by themselves,
and each of these takes time that is not in the budget, or parts a write from the ``WAIT`` that asks who
has received *it*: ``WAIT`` speaks of the connection it comes on. Their connections connect; what is said on
them is ours (``resp``).

Why a connection is closed on any failure: an answer that comes late must not be read as the answer to
the next question.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from select import POLLIN, poll
from typing import Any

from redis.backoff import NoBackoff
from redis.connection import Connection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.retry import Retry

from .breaker import Breaker
from .resp import Reply, Word, exchange

BUDGET_SECONDS = 0.05
WAIT_SECONDS = 0.1

Options = dict[str, Any]
AnyConnection = Any  # redis-py leaves most of its methods untyped


class RedisSilent(Exception):
    """No answer within the budget, or one that refuses; what was asked may have been done all the same."""


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script, known to servers by its SHA-1."""

    text: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "sha", digest)


@dataclass(frozen=True, slots=True)
class Call:
    """One run of a script. All its keys lie in one hash slot."""

    script: Script
    keys: Sequence[str]
    arguments: Sequence[Word]

    def words(self, *, whole: bool) -> tuple[Word, ...]:
        """The command: by the script's hash, or with its text where the server does not know it."""
        script = self.script
        name: tuple[Word, Word] = ("EVAL", script.text) if whole else ("EVALSHA", script.sha)
        return (*name, len(self.keys), *self.keys, *self.arguments)


class RedisLink:
    """One server. Any thread may use it; connections are kept as many as were ever needed at once."""

    def __init__(self, address: str, options: Options, told: Callable[[bool], None]) -> None:
        self.address = address
        self.breaker = Breaker(address, told)
        kind = options.get("connection_class", Connection)
        kept = {name: value for name, value in options.items() if name != "connection_class"}
        self._make: Callable[[], AnyConnection] = lambda: kind(**kept)
        self._idle: deque[AnyConnection] = deque()

    def run(self, call: Call) -> Reply:
        """What the script returns. Raises RedisSilent."""
        return self.run_all([call])[0]

    def run_all(self, calls: Sequence[Call], *, replicas: int = 0) -> list[Reply]:
        """Run them and, if asked, wait until ``replicas`` have received it all. Raises RedisSilent.

        A server that has forgotten the scripts (it was restarted) is sent their text: nothing of the
        exchange has been done by then that may not be done again.
        """
        try:
            replies = self._scripts(calls, replicas, whole=False)
            if any(isinstance(reply, NoScriptError) for reply in replies):
                replies = self._scripts(calls, replicas, whole=True)
        except (RedisError, OSError) as error:
            self.breaker.failed()
            raise RedisSilent(f"{self.address}: {type(error).__name__}") from error
        return self._judged(replies, replicas)

    def ask(self, *words: Word) -> Reply:
        """One plain command, not of the hot path. Raises RedisSilent."""
        try:
            (reply,) = self._exchange([words], BUDGET_SECONDS)
        except (RedisError, OSError) as error:
            raise RedisSilent(f"{self.address}: {type(error).__name__}") from error
        if isinstance(reply, ResponseError):
            raise RedisSilent(f"{self.address}: {reply}")
        return reply

    # ── inside ───────────────────────────────────────────────────────────────────────────────────

    def _scripts(self, calls: Sequence[Call], replicas: int, *, whole: bool) -> list[Reply]:
        commands = [call.words(whole=whole) for call in calls]
        if not replicas:
            return self._exchange(commands, BUDGET_SECONDS)
        commands.append(("WAIT", replicas, int(WAIT_SECONDS * 1000)))
        return self._exchange(commands, WAIT_SECONDS + BUDGET_SECONDS)

    def _judged(self, replies: list[Reply], replicas: int) -> list[Reply]:
        """A refusal is an answer in time, and so none of the breaker's business."""
        self.breaker.succeeded()
        refused = next((reply for reply in replies if isinstance(reply, ResponseError)), None)
        if refused is not None:
            raise RedisSilent(f"{self.address}: {refused}")
        if replicas and replies.pop() < replicas:
            raise RedisSilent(f"{self.address}: too few of its replicas confirmed")
        return replies

    def _exchange(self, commands: Sequence[tuple[Word, ...]], patience: float) -> list[Reply]:
        connection = self._connection()
        try:
            self._ready(connection)
            replies = exchange(connection._sock, commands, patience)
        except BaseException:
            connection.disconnect()
            raise
        self._idle.append(connection)
        return replies

    def _connection(self) -> AnyConnection:
        """The one used last, so that the others may be closed by the server; a new one if all are in use."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._make()

    def _ready(self, connection: AnyConnection) -> None:
        """Connected, with nothing left to read: neither the end of a server that went nor an old answer."""
        connection.connect()
        if not _readable(connection):
            return
        try:
            stale = connection.can_read(0)  # a TLS server may have sent what is no answer
        except RedisConnectionError:
            stale = True
        if stale:
            connection.disconnect()
            connection.connect()


def connection_options(**options: Any) -> Options:
    """What every connection of ours has: the budget, no retries, no greetings that cost round trips."""
    ours = {
        "socket_timeout": BUDGET_SECONDS, "socket_connect_timeout": BUDGET_SECONDS, "retry": Retry(NoBackoff(), 0),
        "protocol": 2, "driver_info": None, "health_check_interval": 0,
    }  # fmt: skip
    return options | ours


def _readable(connection: AnyConnection) -> bool:
    readers = poll()
    readers.register(connection._sock, POLLIN)
    return bool(readers.poll(0))
