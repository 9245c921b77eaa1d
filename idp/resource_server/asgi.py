"""The SDK in front of any ASGI application on asyncio (Starlette, FastAPI, Litestar, Quart, …).

    verifier = Verifier("https://id.example.com", "https://api.example.com",
                        client_id="my-api", client_secret="…", mode="stream")
    resource = ProtectedResource(verifier, realm="notes", scopes="notes.read")
    app = BearerMiddleware(app, resource, scope="notes.read", public={"/healthz"})

    # or, in Starlette and FastAPI:
    app.add_middleware(BearerMiddleware, resource=resource, scope="notes.read")

    # in the application: scope["access_token"], an AccessToken

Every request and WebSocket needs a token, but those to ``public`` paths; ``idp.resource_server.starlette``
has what single routes need. What memory can decide is decided in place; what needs the network waits in
a thread, never in the event loop. A WebSocket, or an answer that comes piece by piece, is cut when its
token is no longer good: code 1008 (RFC 6455 section 7.4.1), or a connection that breaks off, so that what
is cut is not taken for complete. A preflight of CORS carries no token: put that middleware outside.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from .asgi_live import Live
from .asgi_types import App, Receive, Scope, Send
from .asgi_waiting import admit
from .errors import TokenError
from .possession import Sender
from .requirement import Mode
from .rfc9728_metadata import ProtectedResource, Reply
from .verifier import Verifier

_POLICY_VIOLATION = 1008


class BearerMiddleware:
    """``scope``, ``mode``, ``acr_values`` and ``max_age`` are what every request needs."""

    def __init__(
        self,
        app: App,
        resource: ProtectedResource,
        *,
        scope: str | Iterable[str] = (),
        mode: Mode | None = None,
        acr_values: str | Iterable[str] = (),
        max_age: int | None = None,
        public: Collection[str] = (),
    ) -> None:
        self._app, self._resource, self._public = app, resource, frozenset(public)
        self._needed = resource.verifier.require(scope=scope, mode=mode, acr_values=acr_values, max_age=max_age)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)  # lifespan
        elif scope["type"] == "http" and scope["path"] == self._resource.metadata_path:
            await answer(send, self._resource.metadata())
        elif scope["path"] in self._public:
            await self._app(scope, receive, send)
        else:
            await self._guard(scope, receive, send)

    async def _guard(self, scope: Scope, receive: Receive, send: Send) -> None:
        authorization = authorization_of(scope)
        try:
            token = await admit(
                self._resource.verifier, authorization, self._needed, sender_of(self._resource.verifier, scope)
            )
        except TokenError as error:
            await refuse(scope, receive, send, self._resource.refusal(error))
            return
        live = Live(self._resource.verifier, authorization, self._needed.mode, scope["type"], receive, send)
        await live.run(self._app, {**scope, "access_token": token})


def authorization_of(scope: Scope) -> str | None:
    """The header, joined if it was sent more than once, as WSGI servers do; such a one is refused."""
    return header_of(scope, "authorization")


def header_of(scope: Scope, wanted: str) -> str | None:
    """One header, joined if it was sent more than once."""
    key = wanted.lower().encode("latin-1")
    found = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == key]
    return ",".join(found) if found else None


def sender_of(verifier: Verifier, scope: Scope) -> Sender:
    """What a connection proves; a WebSocket is opened by GET (RFC 6455 section 4.1)."""
    return verifier.sender(scope.get("method", "GET"), scope["path"], lambda name: header_of(scope, name))


async def answer(send: Send, reply: Reply, kind: str = "http") -> None:
    """Send a whole answer; ``kind`` is the prefix of the messages."""
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in reply.headers.items()]
    headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": f"{kind}.response.start", "status": reply.status, "headers": headers})
    await send({"type": f"{kind}.response.body", "body": reply.body})


async def refuse(scope: Scope, receive: Receive, send: Send, reply: Reply) -> None:
    """An HTTP answer; to a WebSocket too, before its handshake, where the server can (else it says 403)."""
    if scope["type"] == "http":
        await answer(send, reply)
        return
    await receive()  # websocket.connect
    if "websocket.http.response" in scope.get("extensions", {}):
        await answer(send, reply, "websocket.http")
    else:
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": ""})
