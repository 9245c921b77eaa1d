"""A TCP proxy that can be made to fail: late, silent, deaf, torn, flapping. One stands between each worker
and each of its servers, so that one worker alone can be cut off.

``hold`` is what a network does whose packets are lost: connections are still accepted and stand, nothing
arrives, and what was sent arrives when the network is whole again. Holding one direction alone makes a
failpoint out of it, without a line in the product: hold what a database answers, and its COMMIT is done while
the worker that asked for it does not know yet.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Self

_CHUNK = 65536
_RST_ON_CLOSE = struct.pack("ii", 1, 0)


class _Direction:
    """Bytes that go one way."""

    def __init__(self) -> None:
        self.delay = 0.0
        self.open = asyncio.Event()
        self.open.set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Callable[[], None]) -> None:
        """Until one side ends; an end is held like bytes."""
        while data := await reader.read(_CHUNK):
            seen()
            if self.delay:
                await asyncio.sleep(self.delay)
            await self.open.wait()
            writer.write(data)
            await writer.drain()
        await self.open.wait()


class TcpProxy:
    """``with TcpProxy(5432) as proxy: connect to proxy.port``. ``target`` may be changed at any time."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.connections = 0
        self.requests = 0
        self._cut = False
        self._loop = asyncio.new_event_loop()
        self._up, self._down = _Direction(), _Direction()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ask(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._ask(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    # ── faults ───────────────────────────────────────────────────────────────────────────────────

    def heal(self) -> None:
        """Pass everything on at once again; what was held arrives."""
        self._set(cut=False, delay=0.0, up=True, down=True)

    def slow(self, seconds: float) -> None:
        """Each answer comes so much later."""
        self._set(delay=seconds)

    def hold(self, *, up: bool = True, down: bool = True) -> None:
        """Nothing arrives any more at the server (``up``), at the client (``down``); connections stand."""
        self._set(up=not up, down=not down)

    def cut(self) -> None:
        """Tear every connection with RST, and each new one."""
        self._set(cut=True)
        self.tear()

    def tear(self) -> None:
        """Tear every connection with RST; new ones are welcome."""
        self._ask(self._tear())

    @contextmanager
    def failing(self, fault: Callable[[], None]) -> Iterator[None]:
        """``with proxy.failing(proxy.cut): …``; whole again afterwards."""
        fault()
        try:
            yield
        finally:
            self.heal()

    # ── in the loop ──────────────────────────────────────────────────────────────────────────────

    def _set(self, **changes: bool | float) -> None:
        async def act() -> None:
            self._cut = bool(changes.get("cut", self._cut))
            self._down.delay = changes.get("delay", self._down.delay)
            for name, direction in (("up", self._up), ("down", self._down)):
                if name in changes:
                    (direction.open.set if changes[name] else direction.open.clear)()

        self._ask(act())

    def _ask(self, act: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(act, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        self._server.close()
        await self._tear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _tear(self) -> None:
        for writer in list(self._open):
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(writer)
        try:
            with suppress(OSError, asyncio.CancelledError):
                await self._join(reader, writer)
        finally:
            self._tasks.discard(task)
            self._open.discard(writer)
            _reset(writer)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until either side has ended; then the other is torn, as neither protocol here half-closes."""
        if self._cut:
            return
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self.target)
        self.connections += 1
        self._open.add(to_writer)
        ways = [
            asyncio.ensure_future(self._up.carry(reader, to_writer, self._count)),
            asyncio.ensure_future(self._down.carry(to_reader, writer, lambda: None)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._open.discard(to_writer)
            to_writer.close()

    def _count(self) -> None:
        self.requests += 1


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST: whoever is on the other side learns at once that this connection is no more."""
    taken = writer.get_extra_info("socket")
    with suppress(OSError):
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)
    writer.transport.abort()
