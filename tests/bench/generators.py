"""Load: closed loops over keep-alive connections; each sends its next request when it has its answer.

``by_wrk`` for requests that repeat, ``by_sockets`` for those that must differ, and for all where wrk is
not installed. A ratio never mixes the two, for Python's own generator costs more of the same cores.
wrk alone corrects its latencies for coordinated omission, so p99 of the two compare loosely.
"""

from __future__ import annotations

import selectors
import shutil
import socket
import subprocess
import time
from collections import Counter
from pathlib import Path

from .requests import Request, Workload
from .results import Measured, parse_wrk

_SCRIPT = Path(__file__).with_name("wrk.lua")
_PATIENCE_SECONDS = 10
_CHUNK = 65536


def wrk_installed() -> bool:
    """Is wrk there?"""
    return shutil.which("wrk") is not None


def by_wrk(
    request: Request, port: int, connections: int, seconds: int, mode: str = "same", items: Path | None = None
) -> Measured:  # fmt: skip
    """One thread of wrk. ``mode`` says which line of ``items`` takes the place of ``{}`` (``wrk.lua``)."""
    headers = [part for pair in request.all_headers().items() for part in pair]
    command = [
        "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", f"{_PATIENCE_SECONDS}s", "-s", str(_SCRIPT),
        f"http://127.0.0.1:{port}{request.path}", "--", mode, str(items or "-"), request.method, request.body, *headers,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 30)
    return parse_wrk(done.stdout + done.stderr)


def by_sockets(
    workload: Workload, port: int, connections: int, seconds: float, most: int | None = None
) -> Measured:  # fmt: skip
    """Until the time is up, ``most`` requests are sent or the workload has no more."""
    return _Loop(workload, port, seconds, most).run(connections)


class _Loop:
    """One thread and a selector over all connections."""

    def __init__(self, workload: Workload, port: int, seconds: float, most: int | None) -> None:
        self._workload = workload
        self._port = port
        self._seconds = seconds
        self._left = most if most is not None else -1  # -1: endless
        self._selector = selectors.DefaultSelector()
        self._latencies: Counter[int] = Counter()
        self._failures = 0
        self._sample = ""
        self._end = 0.0

    def run(self, connections: int) -> Measured:
        """Open all connections, then start the clock."""
        opened = [_Connection(slot, self._port) for slot in range(connections)]
        try:
            began = time.perf_counter()
            self._end = began + self._seconds
            waiting = sum(self._send(connection) for connection in opened)
            while waiting:
                waiting -= self._round()
            elapsed = time.perf_counter() - began
        finally:
            self._selector.close()
            for connection in opened:
                connection.socket.close()
        return Measured(elapsed, self._latencies.total(), self._failures, self._latencies, self._sample)

    def _send(self, connection: _Connection) -> bool:
        """Is there something to send, and time?"""
        if self._left == 0 or time.perf_counter() >= self._end:
            return False
        payload = self._workload.next(connection.slot)
        if payload is None:
            return False
        self._left -= 1
        if not connection.registered:
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.registered = True
        connection.sent_at = time.perf_counter()
        connection.socket.sendall(payload)
        return True

    def _round(self) -> int:
        """Read what has come; how many connections have no more to do."""
        ready = self._selector.select(_PATIENCE_SECONDS)
        if not ready:
            raise TimeoutError(f"no answer for {_PATIENCE_SECONDS} s")
        finished = 0
        for key, _ in ready:
            connection: _Connection = key.data
            answer = connection.receive()
            if answer is not None:
                self._count(connection, *answer)
                finished += not self._send(connection)
        return finished

    def _count(self, connection: _Connection, status: int, body: bytes) -> None:
        self._latencies[int((time.perf_counter() - connection.sent_at) * 1e6)] += 1
        if not 200 <= status < 300:
            self._failures += 1
            self._sample = self._sample or f"{status} {body[:300].decode(errors='replace')}"
        self._workload.answered(connection.slot, body)


class _Connection:
    """One keep-alive connection with at most one request on its way."""

    def __init__(self, slot: int, port: int) -> None:
        self.slot = slot
        self.sent_at = 0.0
        self.registered = False
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def receive(self) -> tuple[int, bytes] | None:
        """Status and body once the whole answer is here."""
        part = self.socket.recv(_CHUNK)
        if not part:
            raise ConnectionError("the server closed a connection in the middle of an answer")
        self._buffer += part
        answer = split_answer(self._buffer)
        if answer is not None:
            self._buffer = b""
        return answer


def split_answer(received: bytes) -> tuple[int, bytes] | None:
    """Status and body of an answer that has a Content-Length; None while some of it is missing."""
    head, separator, body = received.partition(b"\r\n\r\n")
    if not separator:
        return None
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    if not found:
        raise ValueError(f"an answer without Content-Length: {head[:200]!r}")
    length = int(rest.partition(b"\r\n")[0])
    return (int(head[9:12]), body) if len(body) >= length else None
