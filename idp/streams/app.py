"""The ASGI application of ``idp serve --streams``: ``GET /revocations`` as ``oauth.revocation_log`` says, and more.

``Accept: text/event-stream`` opens a stream: entries at once as they are committed, heartbeats in between. It
begins after ``Last-Event-ID`` (HTML Living Standard 9.2.4) or ``after``, else with a snapshot; its first event is
always ``revocations``, if need be without entries. ``wait`` makes a plain answer wait for entries.

Why the server's signals are listened to as well: servers tell an application that they stop when its
requests have ended, and a stream does not end by itself.
"""

from __future__ import annotations

import asyncio
import json
import signal
import threading
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

import structlog

from ..client_certificate import certificate_told
from ..domain.ports import Clock, Revocations
from ..errors import IdpError
from ..oauth.requests import Received
from ..oauth.responses import NO_STORE, error_for_programs
from ..oauth.revocation_log import PATH as LOG_PATH
from ..oauth.revocation_log import Asked, Following, seq
from ..settings import Settings
from . import wire
from .feed import Feed
from .hub import SLOW, Follower, Hub
from .serving import Serving
from .window import Window

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PATROL = 0.5
ROUNDS_TO_LOOK = 10  # patrols until the clients are looked at again: five seconds
THREADS = 4
GONE = "gone"
_JSON = {"Content-Type": "application/json", **NO_STORE}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Request:
    """What of a request matters here."""

    method: str
    path: str
    query: bytes
    headers: Mapping[str, str]
    certificate: str | None = None

    @property
    def received(self) -> Received:
        """As the endpoints of the other application read theirs."""
        authorization, proof = self.headers.get("authorization"), self.headers.get("dpop")
        return Received(self.method, "", self.query, b"", authorization, "", proof, self.certificate)

    @property
    def streaming(self) -> bool:
        """Does it ask for server-sent events?"""
        accepted = self.headers.get("accept", "").lower().split(",")
        return any(part.split(";")[0].strip() == "text/event-stream" for part in accepted)


class Streams:
    """One per process. ``following`` and ``revocations`` are used in threads, everything else on the loop."""

    def __init__(
        self, settings: Settings, following: Following, revocations: Revocations, clock: Clock
    ) -> None:  # fmt: skip
        self._settings = settings
        self._revocations = revocations
        self._hosts = {settings.host.lower(), urlsplit(settings.revocations_url).netloc.lower()}
        self._pool = ThreadPoolExecutor(THREADS, "idp-streams")
        self.window = Window()
        self.hub = Hub(settings.streams_limit)
        self.feed = Feed(revocations, clock, self.window, self.hub.heard)
        self._serving = Serving(following, self.window, self.hub, self._pool, clock)
        self._tasks: list[asyncio.Task[None]] = []
        self._listening = False
        prefix = settings.path_prefix
        self._routes = {prefix + LOG_PATH: self._log, prefix + "/healthz": self._alive, prefix + "/readyz": self._ready}
        self._log_path = prefix + LOG_PATH

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            self._listen()
            await self._answer(_request(scope, self._settings), receive, send)

    # ── life ─────────────────────────────────────────────────────────────────────────────────────

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def start(self) -> None:
        """Begin to read the log."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self.feed.run()), loop.create_task(self._patrol())]

    async def stop(self) -> None:
        """End every stream and what runs beside them."""
        self.hub.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _listen(self) -> None:
        """Hear the server's signals beside the server, which has set its handlers by the first request."""
        if self._listening or threading.current_thread() is not threading.main_thread():
            return
        self._listening = True
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            _chain(number, lambda: loop.call_soon_threadsafe(self.hub.stop))

    async def _patrol(self) -> None:
        patrols = 0
        while True:
            await asyncio.sleep(PATROL)
            patrols += 1
            self.hub.patrol()
            if patrols % ROUNDS_TO_LOOK == 0 and self.hub.clients:
                await self._look_at_clients(self.hub.clients)

    async def _look_at_clients(self, clients: frozenset[str]) -> None:
        """Who joins meanwhile has just been looked at, and so is no stranger."""
        ask = self._revocations.still_following
        try:
            good = await asyncio.get_running_loop().run_in_executor(self._pool, ask, clients)
        except IdpError:
            return  # the log cannot be read either, and heartbeats have stopped
        self.hub.dismiss(clients - good)

    # ── requests ─────────────────────────────────────────────────────────────────────────────────

    async def _answer(self, request: _Request, receive: Receive, send: Send) -> None:
        try:
            handle = self._routes.get(request.path)
            if handle is None:
                await _error(send, 404, "not_found", "there is no such thing")
            elif request.path == self._log_path and request.headers.get("host", "").lower() not in self._hosts:
                await _error(send, 421, "invalid_request", "not our host (RFC 9110 15.5.20)")
            elif request.method != "GET":
                await _error(send, 405, "invalid_request", "only GET (RFC 9110 15.5.6)", {"Allow": "GET"})
            else:
                await handle(request, receive, send)
        except IdpError as error:
            answer = error_for_programs(error)
            await _whole(send, answer.status_code, dict(answer.headers), answer.get_data())

    async def _alive(self, _request: _Request, _receive: Receive, send: Send) -> None:
        await _whole(send, 200, _JSON, b'{"status":"alive"}')

    async def _ready(self, _request: _Request, _receive: Receive, send: Send) -> None:
        await self._serving.reach(None)
        await _whole(send, 200, _JSON, b'{"status":"ready"}')

    async def _log(self, request: _Request, receive: Receive, send: Send) -> None:
        asked = await self._serving.asked(request.received)
        if not request.streaming and not asked.wait:
            await _whole(send, 200, _JSON, await self._serving.page(asked, None))
            return
        follower = self._serving.seat(asked)
        follower.task = asyncio.current_task()
        watch = asyncio.create_task(_watch(follower, receive))
        try:
            await self._serve(request, asked, follower, send)
        except asyncio.CancelledError:
            if follower.ending not in (GONE, SLOW):
                raise
        finally:
            watch.cancel()
            self.hub.leave(follower)
            log.info("stream ended", client_id=asked.token.client_id, reason=follower.ending, place=follower.place)

    async def _serve(self, request: _Request, asked: Asked, follower: Follower, send: Send) -> None:
        if not request.streaming:
            await _whole(send, 200, _JSON, await self._serving.page(asked, follower))
            return
        asked = replace(asked, after=_resumed(request, asked))
        await self._serving.reach(asked.after)

        async def write(body: bytes) -> None:
            await send({"type": "http.response.body", "body": body, "more_body": True})

        await send({"type": "http.response.start", "status": 200, "headers": _raw(wire.HEADERS)})
        await self._serving.stream(asked, follower, write)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _chain(number: signal.Signals, act: Callable[[], object]) -> None:
    """Do ``act`` at a signal, and then what was done before."""
    before = signal.getsignal(number)

    def handle(received: int, frame: FrameType | None) -> None:
        act()
        if callable(before):
            before(received, frame)

    signal.signal(number, handle)


def _request(scope: Message, settings: Settings) -> _Request:
    """Repeated headers are joined as RFC 9110 section 5.2 says; of two tokens none is then valid."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    peer = (scope.get("client") or (None,))[0]
    certificate = certificate_told(headers, peer, settings)
    return _Request(scope["method"], scope["path"], scope["query_string"], headers, certificate)


def _resumed(request: _Request, asked: Asked) -> int | None:
    """Where the stream goes on: the header that the browser sends by itself wins (9.2.4)."""
    found = seq(request.headers.get("last-event-id") or None, "Last-Event-ID")
    return asked.after if found is None else found


async def _watch(follower: Follower, receive: Receive) -> None:
    """Nobody writes to a connection that is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    follower.ending = GONE
    if follower.task is not None:
        follower.task.cancel()


async def _whole(send: Send, status: int, headers: Mapping[str, str], body: bytes) -> None:
    sized = {**headers, "Content-Length": str(len(body))}
    await send({"type": "http.response.start", "status": status, "headers": _raw(sized)})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _error(
    send: Send, status: int, error: str, description: str, headers: Mapping[str, str] | None = None
) -> None:
    body = json.dumps({"error": error, "error_description": description}, separators=(",", ":")).encode()
    await _whole(send, status, {**_JSON, **(headers or {})}, body)


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
