"""An ASGI server for one application in this event loop: what it sends is kept, read or left lying."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from idp.streams.app import Streams

HOST = "id.example"
PATIENCE = 60.0  # seconds; generous, for a loaded machine


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    kind: str
    id: str | None
    data: dict[str, Any]


def parsed(block: str) -> Event:
    """One block between blank lines (HTML Living Standard 9.2.5)."""
    fields = dict(line.split(": ", 1) for line in block.split("\n"))
    return Event(fields["event"], fields.get("id"), json.loads(fields["data"]))


@dataclass
class Exchange:
    """One request and what has come back so far."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ended: bool = False
    events: list[Event] = field(default_factory=list)
    entries: list[dict[str, Any]] = field(default_factory=list)
    taking: asyncio.Event = field(default_factory=asyncio.Event)
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.taking.set()

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    async def until(self, holds: Any) -> None:
        """Wait for something to become true of what has come."""
        end = time.monotonic() + PATIENCE
        while not holds(self):
            assert time.monotonic() < end, (self.status, self.body[-500:])
            self.moved.clear()
            try:
                await asyncio.wait_for(self.moved.wait(), 0.1)
            except TimeoutError:
                continue

    async def receive(self) -> MutableMapping[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        await self.taking.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message["body"]
            self.ended = not message.get("more_body", False)
            if self.headers["content-type"] == "text/event-stream":
                self._read(message["body"])
        self.moved.set()

    def _read(self, body: bytes) -> None:
        """Whole events, for an event is sent in one piece."""
        found = [parsed(block) for block in body.decode().split("\n\n") if block]
        self.events += found
        self.entries += [entry for event in found for entry in event.data.get("entries", [])]


class Server:
    """Requests to one application."""

    def __init__(self, app: Streams, token: str) -> None:
        self.app = app
        self.token = token
        self.peer = "203.0.113.9"
        self.exchanges: list[Exchange] = []

    def open(self, url: str = "/revocations", method: str = "GET", **headers: str) -> Exchange:
        """Send a request and do not wait."""
        sent = {"host": HOST, "authorization": f"Bearer {self.token}"} | {
            name.replace("_", "-").lower(): value for name, value in headers.items()
        }
        parts = urlsplit(url)
        scope = {
            "type": "http", "method": method, "path": parts.path, "query_string": parts.query.encode(),
            "client": (self.peer, 50000),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items() if value],
        }  # fmt: skip
        exchange = Exchange()
        exchange.task = asyncio.ensure_future(self.app(scope, exchange.receive, exchange.send))  # type: ignore[arg-type]
        self.exchanges.append(exchange)
        return exchange

    def stream(self, url: str = "/revocations", **headers: str) -> Exchange:
        """Ask for server-sent events."""
        return self.open(url, accept="text/event-stream", **headers)

    async def get(self, url: str = "/revocations", method: str = "GET", **headers: str) -> Exchange:
        """Send a request and wait for the whole answer."""
        exchange = self.open(url, method, **headers)
        await exchange.until(lambda one: one.ended)
        return exchange


@asynccontextmanager
async def serving(app: Streams, token: str) -> AsyncIterator[Server]:
    """Started, as a server does by the lifespan protocol, and stopped."""
    server = Server(app, token)
    inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    outbox: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
    life = asyncio.ensure_future(app({"type": "lifespan"}, inbox.get, outbox.put))
    try:
        await inbox.put({"type": "lifespan.startup"})
        assert (await outbox.get())["type"] == "lifespan.startup.complete"
        yield server
    finally:
        await inbox.put({"type": "lifespan.shutdown"})
        await asyncio.wait_for(life, PATIENCE)
        for exchange in server.exchanges:
            exchange.taking.set()
        if tasks := [exchange.task for exchange in server.exchanges if exchange.task]:
            await asyncio.wait(tasks, timeout=PATIENCE)
        assert len(app.hub) == 0, "every seat is given back"
