"""The SDK in single routes of Starlette and FastAPI.

    resource = ProtectedResource(verifier, realm="notes", scopes="notes.read notes.delete")
    init_app(app, resource)
    reader = require_token(verifier, scope="notes.read")
    deleter = require_token(verifier, scope="notes.delete", mode="introspect", acr_values="aal2", max_age=300)

    @app.get("/notes")                                          # FastAPI
    async def notes(token: Annotated[AccessToken, Depends(reader)]): return {"sub": token.sub}

    async def delete(request):                                  # Starlette
        token = await deleter(request)

    @app.websocket("/live")
    async def live(socket: WebSocket, token: Annotated[AccessToken, Depends(reader)]):
        await socket.accept()
        async with closed_when_over(verifier, socket): ...

``init_app`` turns refusals into answers (RFC 6750 section 3, RFC 9470) and publishes the metadata of RFC
9728. ``asgi`` guards a whole application.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketState

from .access_token import AccessToken
from .asgi import authorization_of, sender_of
from .asgi_waiting import admit
from .errors import TokenError
from .live import EndReason
from .requirement import Mode
from .rfc9728_metadata import ProtectedResource, Reply
from .verifier import Verifier, bearer_token

_POLICY_VIOLATION = 1008


def require_token(
    verifier: Verifier,
    scope: str | Iterable[str] = (),
    *,
    mode: Mode | None = None,
    acr_values: str | Iterable[str] = (),
    max_age: int | None = None,
) -> Callable[[HTTPConnection], Awaitable[AccessToken]]:
    """A dependency that gives the request's token, or raises TokenError, which ``init_app`` answers.

    ``acr_values`` and ``max_age`` ask for a sign-in of one of these kinds, not longer ago. Raises
    ValueError at once if the verifier cannot do this.
    """
    needed = verifier.require(scope=scope, mode=mode, acr_values=acr_values, max_age=max_age)

    async def token_of(connection: HTTPConnection) -> AccessToken:
        return await admit(verifier, authorization_of(connection.scope), needed, sender_of(verifier, connection.scope))

    return token_of


def init_app(app: Starlette, resource: ProtectedResource) -> None:
    """Answer every TokenError, and serve the resource's metadata if its audience is an address."""

    async def answer(connection: HTTPConnection, error: Exception) -> Response | None:
        if not isinstance(error, TokenError):
            raise error
        reply = resource.refusal(error)
        if isinstance(connection, WebSocket):
            await _refuse(connection, reply)
            return None
        return _response(reply)

    async def metadata(_request: Request) -> Response:
        return _response(resource.metadata())

    app.add_exception_handler(TokenError, answer)  # type: ignore[arg-type]
    if resource.metadata_path is not None:
        app.add_route(resource.metadata_path, metadata, include_in_schema=False)


@asynccontextmanager
async def closed_when_over(verifier: Verifier, socket: WebSocket, *, mode: Mode | None = None) -> AsyncIterator[None]:
    """Close an accepted WebSocket with 1008 when its token is no longer good; what waits on it is told.

    The body is cancelled then, and left without an exception.
    """
    loop = asyncio.get_running_loop()
    reasons: list[EndReason] = []
    token = bearer_token(authorization_of(socket.scope))
    try:
        async with asyncio.timeout(None) as over:

            def end(reason: EndReason) -> None:
                reasons.append(reason)
                with suppress(RuntimeError):  # the loop, or the body, has ended meanwhile
                    loop.call_soon_threadsafe(_cut, over, loop)

            with verifier.watch(token, end, mode=mode):
                yield
    except TimeoutError:
        if not over.expired():
            raise
        with suppress(RuntimeError, OSError):  # closed already
            await socket.close(_POLICY_VIOLATION, reasons[0])


def _cut(over: asyncio.Timeout, loop: asyncio.AbstractEventLoop) -> None:
    with suppress(RuntimeError):
        over.reschedule(loop.time())


async def _refuse(socket: WebSocket, reply: Reply) -> None:
    """Before the handshake, with the whole answer where the server can; else by closing."""
    before = socket.application_state is WebSocketState.CONNECTING
    if before and "websocket.http.response" in socket.scope.get("extensions", {}):
        await socket.send_denial_response(_response(reply))
    else:
        await socket.close(_POLICY_VIOLATION)


def _response(reply: Reply) -> Response:
    return Response(reply.body, reply.status, reply.headers)
