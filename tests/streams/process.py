"""``idp serve --streams`` as a process, and followers of it over real connections."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h11
import requests

from idp.domain.client import ClientOrigin
from idp.oauth.rfc9068_access_token import AccessTokens
from idp.services.codes import Grant
from tests.demo_stack import free_ports
from tests.running import START_SECONDS, Operator, RunningProvider, operating

from .asgi import Event, parsed

PATIENCE = 300.0


@dataclass
class StreamsProcess:
    """One process with one worker, on the database of ``provider``, which itself need not run."""

    provider: RunningProvider
    port: int = field(default_factory=lambda: free_ports(1)[0])
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/revocations"

    @property
    def log(self) -> Path:
        return self.provider.folder / "streams.log"

    def start(self) -> None:
        """Start and wait until it is ready."""
        command = [sys.executable, "-m", "idp", "serve", "--streams", "--port", str(self.port)]
        environment = self.provider.environment | {"IDP_STREAMS_URL": self.url, "IDP_LOG_LEVEL": "info"}
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                command, cwd=self.provider.folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip
        end = time.monotonic() + START_SECONDS
        while not self.ready():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.1)

    def ready(self) -> bool:
        with suppress(requests.RequestException):
            return requests.get(self.url.replace("/revocations", "/readyz"), timeout=5).status_code == 200
        return False

    def crash(self) -> None:
        """kill -9 of the parent and its worker."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(30)
            self.process = None

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        assert self.process is not None
        self.process.terminate()
        code = self.process.wait(60)
        self.process = None
        return code


@dataclass
class Scene:
    """A database, the process over it, and a resource server's token."""

    streams: StreamsProcess
    operator: Operator
    client_id: str
    token: str


@contextmanager
def streaming(folder: Path, database_url: str) -> Iterator[Scene]:
    """Started, with one resource server."""
    provider = RunningProvider(folder, database_url)
    folder.mkdir(parents=True, exist_ok=True)
    streams = StreamsProcess(provider)
    with operating(provider) as operator:
        operator.services.keys.ensure()
        with operator.services.work():
            metadata = {"client_name": "Notes", "redirect_uris": [], "grant_types": ["client_credentials"]}
            made = operator.services.clients.create(metadata, origin=ClientOrigin.OPERATOR)
            operator.services.resources.create("https://notes.example", "Notes", {}, made.client.client_id)
        stores = operator.stores
        tokens = AccessTokens(provider.issuer, 900, operator.services.keys, stores.randomness, stores.clock)
        grant = Grant(
            client_id=made.client.client_id,
            subject=made.client.client_id,
            scope=("revocations",),
            resources=(),
            audience=(provider.issuer,),
        )
        token = tokens.make(grant, stores.clock.now())
        try:
            streams.start()
            yield Scene(streams, operator, made.client.client_id, token)
        finally:
            streams.crash()


class Follower:
    """One follower: what it has seen, over as many connections as it takes."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.place = ""
        self.seqs: list[int] = []
        self.events: list[Event] = []
        self.connections = 0

    async def follow(self, count: int) -> list[int]:
        """Until so many entries have come, whatever happens to the process."""
        async with asyncio.timeout(PATIENCE):
            while len(self.seqs) < count:
                with suppress(OSError, h11.RemoteProtocolError, EOFError):
                    async with self.stream() as events:
                        async for _event in events:
                            if len(self.seqs) >= count:
                                break
                await asyncio.sleep(0.05)
        return self.seqs

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[AsyncIterator[Event]]:
        """One connection, from where the last one got to."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._scene.streams.port)
        self.connections += 1
        try:
            writer.write(self.request())
            await writer.drain()
            yield self._events(reader)
        finally:
            writer.close()

    def request(self) -> bytes:
        last = f"Last-Event-ID: {self.place}\r\n" if self.place else ""
        return (
            f"GET /revocations HTTP/1.1\r\nHost: 127.0.0.1:{self._scene.streams.port}\r\n{last}"
            f"Authorization: Bearer {self._scene.token}\r\nAccept: text/event-stream\r\n\r\n"
        ).encode()

    async def _events(self, reader: asyncio.StreamReader) -> AsyncIterator[Event]:
        connection = h11.Connection(h11.CLIENT)
        connection.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
        connection.send(h11.EndOfMessage())
        text = ""
        while True:
            part: Any = connection.next_event()
            if part is h11.NEED_DATA:
                connection.receive_data(await reader.read(65536))
            elif isinstance(part, h11.Response):
                if part.status_code != 200:
                    raise EOFError(part.status_code)
            elif isinstance(part, h11.Data):
                *blocks, text = (text + part.data.decode()).split("\n\n")
                for block in blocks:
                    yield self._seen(parsed(block))
            else:
                raise EOFError

    def _seen(self, event: Event) -> Event:
        self.events.append(event)
        self.seqs += [entry["seq"] for entry in event.data.get("entries", [])]
        self.place = event.id or self.place
        return event
