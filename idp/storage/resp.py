"""RESP2, the protocol that Redis speaks, as far as short exchanges need it (redis.io, "Redis serialization protocol").

Why not redis-py's reader and writer: each exchange made it change the socket's time-out four times and look at every
reply a line at a time; among threads that share an interpreter each of those calls is a chance to wait for it again.
Connecting, with TLS, passwords and a choice of family, stays redis-py's.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from time import monotonic
from typing import Any

from redis.exceptions import BusyLoadingError, InvalidResponse, NoScriptError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

Word = str | bytes | int
Reply = Any

_AT_ONCE = 65536
_MOST = 1 << 20  # whoever sends more answers none of our questions
_DEPTH = 4
_ERRORS = {b"NOSCRIPT": NoScriptError, b"LOADING": BusyLoadingError}


class _Incomplete(Exception):
    """The rest has not come yet."""


def packed(commands: Sequence[Sequence[Word]]) -> bytes:
    """Commands as they travel: arrays of bulk strings."""
    parts = []
    for words in commands:
        parts.append(b"*%d\r\n" % len(words))
        for word in words:
            raw = word if isinstance(word, bytes) else str(word).encode()
            parts.append(b"$%d\r\n%b\r\n" % (len(raw), raw))
    return b"".join(parts)


def exchange(wire: socket.socket, commands: Sequence[Sequence[Word]], patience: float) -> list[Reply]:
    """Send them, and read as many replies; a reply that is an error is among them as ``ResponseError``.

    Raises RedisError or OSError if that takes longer than ``patience`` seconds or what comes is no answer:
    then what is on the wire is nobody's, and the connection of no more use.
    """
    end = monotonic() + patience
    if wire.gettimeout() != patience:
        wire.settimeout(patience)
    wire.sendall(packed(commands))
    data = b""
    while len(data) < _MOST:
        part = wire.recv(_AT_ONCE)
        if not part:
            raise RedisConnectionError("closed by the server")
        data += part
        try:
            return _replies(data, len(commands))
        except _Incomplete:
            if monotonic() > end:
                raise RedisTimeoutError("the answer takes too long") from None
    raise InvalidResponse("too long an answer")


def _replies(data: bytes, count: int) -> list[Reply]:
    found, at = [], 0
    for _ in range(count):
        reply, at = _reply(data, at, _DEPTH)
        found.append(reply)
    if at != len(data):
        raise InvalidResponse("more than was asked for")
    return found


def _reply(data: bytes, at: int, depth: int) -> tuple[Reply, int]:
    """The one that begins at ``at``, and where the next one does."""
    end = data.find(b"\r\n", at)
    if end < 0:
        raise _Incomplete
    kind, line, after = data[at : at + 1], data[at + 1 : end], end + 2
    if kind == b"$":
        return _bulk(data, after, _number(line))
    if kind == b"*" and depth:
        return _array(data, after, _number(line), depth - 1)
    if kind == b":":
        return _number(line), after
    if kind == b"+":
        return line, after
    if kind == b"-":
        return _error(line), after
    raise InvalidResponse("no reply")


def _bulk(data: bytes, at: int, length: int) -> tuple[bytes | None, int]:
    if length < 0:
        return None, at
    if len(data) < at + length + 2:
        raise _Incomplete
    return data[at : at + length], at + length + 2


def _array(data: bytes, at: int, length: int, depth: int) -> tuple[list[Reply] | None, int]:
    if length < 0:
        return None, at
    items = []
    for _ in range(length):
        item, at = _reply(data, at, depth)
        items.append(item)
    return items, at


def _number(line: bytes) -> int:
    try:
        return int(line)
    except ValueError:
        raise InvalidResponse("no number") from None


def _error(line: bytes) -> ResponseError:
    """A refusal is an answer; that the server is still reading its data in is none yet, and raised."""
    name = line.partition(b" ")[0]
    error = _ERRORS.get(name, ResponseError)(line.decode("utf-8", "replace"))
    if not isinstance(error, ResponseError):
        raise error
    return error
