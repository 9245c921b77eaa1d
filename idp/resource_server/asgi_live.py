"""One ASGI connection that is cut when its token is no longer good.

A WebSocket is watched from its beginning. An HTTP answer is watched from the moment it turns out to come
piece by piece: most are complete at once and need not be.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from .asgi_types import App, Message, Receive, Scope, Send
from .errors import TokenError
from .live import EndReason, Watch
from .requirement import Mode
from .verifier import Verifier, bearer_token

_POLICY_VIOLATION = 1008
_CLOSE_SECONDS = 5.0


class Cut(ConnectionAbortedError):
    """Nothing more can be sent: the session behind the connection ended."""


class Live:
    """``authorization`` has been checked."""

    def __init__(
        self, verifier: Verifier, authorization: str | None, mode: Mode, kind: str, receive: Receive, send: Send
    ) -> None:
        self._verifier, self._token, self._mode, self._kind = verifier, bearer_token(authorization), mode, kind
        self._receive, self._send = receive, send
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self._sending = asyncio.Lock()
        self._opened = False
        self._watch: Watch | None = None
        self._closing: asyncio.Task[None] | None = None

    async def run(self, app: App, scope: Scope) -> None:
        """The application, with what it receives and sends passing through here."""
        try:
            if self._kind == "websocket":
                self._begin_to_watch()
            if not self._over.is_set():
                await app(scope, self.receive, self.send)
        except Cut:
            if self._kind == "http":
                raise  # the server breaks the connection off: what was sent is not all there is
        finally:
            if self._watch is not None:
                self._watch.cancel()
            if self._closing is not None:
                await self._closing

    async def receive(self) -> Message:
        """The next message; once over, that the client has gone. The first of a WebSocket opens it."""
        if self._kind == "websocket" and not self._opened:
            self._opened = True
            return await self._receive()
        message, over = asyncio.ensure_future(self._receive()), asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait((message, over), return_when=asyncio.FIRST_COMPLETED)
            if message.done():
                return message.result()
            return self._gone()
        finally:
            over.cancel()
            message.cancel()

    async def send(self, message: Message) -> None:
        """Pass it on. Raises Cut once it is over."""
        if self._kind == "http" and self._watch is None and message.get("more_body", False):
            self._begin_to_watch()
        async with self._sending:
            if self._over.is_set():
                raise Cut
            await self._send(message)

    def _begin_to_watch(self) -> None:
        """What cannot be watched is over: expired meanwhile, or the verifier was closed."""
        try:
            self._watch = self._verifier.watch(self._token, self._on_end, mode=self._mode)
        except TokenError:
            self._end("unverifiable")

    def _on_end(self, reason: EndReason) -> None:
        """On a thread of the verifier's; the loop may have ended."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._end, reason)

    def _end(self, reason: EndReason) -> None:
        self._over.set()
        if self._kind == "websocket":
            self._closing = self._loop.create_task(self._close(reason))

    async def _close(self, reason: EndReason) -> None:
        """Unless it is closed already; a client that reads nothing does not hold us up."""
        with suppress(TimeoutError, OSError, RuntimeError):
            async with asyncio.timeout(_CLOSE_SECONDS), self._sending:
                await self._send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": reason})

    def _gone(self) -> Message:
        if self._kind == "websocket":
            return {"type": "websocket.disconnect", "code": _POLICY_VIOLATION, "reason": ""}
        return {"type": "http.disconnect"}
