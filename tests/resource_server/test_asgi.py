"""The ASGI middleware in front of a real Starlette application: requests, WebSockets, long answers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from idp.resource_server import ProtectedResource, Verifier
from idp.resource_server.asgi import BearerMiddleware

from .asgi_client import TestClient, WebSocketDenialResponse, drained
from .fake_issuer import AUDIENCE, FakeIssuer, eventually
from .fake_log import honest


async def whoami(request: Request) -> JSONResponse:
    return JSONResponse({"sub": request.scope["access_token"].sub})


async def healthz(_: Request) -> JSONResponse:
    return JSONResponse({})


async def news(_: Request) -> StreamingResponse:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(10_000):
            yield f"data: {number}\n\n".encode()
            await asyncio.sleep(0.02)

    return StreamingResponse(pieces(), media_type="text/event-stream")


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            await socket.send_text(await socket.receive_text())


async def clock(socket: WebSocket) -> None:
    """Never listens."""
    await socket.accept()
    while True:
        await socket.send_text("tick")
        await asyncio.sleep(0.02)


def guarded(verifier: Verifier, **needs: Any) -> BearerMiddleware:
    app = Starlette(
        routes=[
            Route("/me", whoami), Route("/healthz", healthz), Route("/news", news), WebSocketRoute("/echo", echo),
            WebSocketRoute("/clock", clock),
        ]
    )  # fmt: skip
    resource = ProtectedResource(verifier, realm="notes", scopes="notes.read")
    return BearerMiddleware(app, resource, scope="notes.read", public={"/healthz"}, **needs)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def client(following: Verifier, issuer: FakeIssuer) -> Iterator[TestClient]:
    issuer.log.speaks = honest
    following.start()
    eventually(lambda: following.fresh)
    with TestClient(guarded(following)) as client:
        yield client


def test_a_live_token_passes(client: TestClient, issuer: FakeIssuer) -> None:
    answer = client.get("/me", headers=bearer(issuer.token()))
    assert (answer.status_code, answer.json()) == (200, {"sub": "ada"})
    assert issuer.asked["/introspect"] == 0


def test_refusals(client: TestClient, issuer: FakeIssuer) -> None:
    missing = client.get("/me")
    assert (missing.status_code, missing.headers["Cache-Control"]) == (401, "no-store")
    metadata = f'resource_metadata="{AUDIENCE}/.well-known/oauth-protected-resource"'
    assert missing.headers["WWW-Authenticate"] == f'Bearer realm="notes", {metadata}'
    assert missing.json()["error"] == "token_missing"
    assert client.get("/me", headers=bearer(issuer.token(scope=""))).status_code == 403
    issuer.log.revoke("sid", "s1")
    token = issuer.token()
    eventually(lambda: client.get("/me", headers=bearer(token)).status_code == 401)
    twice = [("Authorization", f"Bearer {issuer.token(sid='s2')}")] * 2
    assert client.get("/me", headers=twice).status_code == 401


def test_what_is_public(client: TestClient) -> None:
    assert client.get("/healthz").status_code == 200
    assert client.get("/healthz/").status_code == 401
    assert client.get("/.well-known/oauth-protected-resource").json()["resource"] == AUDIENCE


def test_step_up(following: Verifier, issuer: FakeIssuer) -> None:
    client = TestClient(guarded(following, mode="local", acr_values="aal2"))
    refused = client.get("/me", headers=bearer(issuer.token()))
    assert 'error="insufficient_user_authentication"' in refused.headers["WWW-Authenticate"]
    assert client.get("/me", headers=bearer(issuer.token(acr="aal2"))).status_code == 200


def test_nobody_could_say(asking: Verifier, issuer: FakeIssuer) -> None:
    issuer.override["/introspect"] = (503, {}, b"")
    answer = TestClient(guarded(asking)).get("/me", headers=bearer(issuer.token()))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "WWW-Authenticate" not in answer.headers


def test_waiting_does_not_stop_the_event_loop(asking: Verifier, issuer: FakeIssuer) -> None:
    issuer.delay["/introspect"] = 0.5
    app = guarded(asking)

    async def both() -> list[str]:
        order: list[str] = []
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:

            async def get(path: str) -> None:
                answer = await client.get(path, headers=bearer(issuer.token()))
                order.append(f"{path} {answer.status_code}")

            await asyncio.gather(get("/me"), get("/healthz"))
        return order

    assert asyncio.run(both()) == ["/healthz 200", "/me 200"]


# ── open connections ─────────────────────────────────────────────────────────────────────────────


def test_a_websocket_needs_a_token(client: TestClient) -> None:
    with pytest.raises(WebSocketDenialResponse) as caught, client.websocket_connect("/echo"):
        pass
    assert caught.value.status_code == 401
    assert caught.value.headers["WWW-Authenticate"].startswith('Bearer realm="notes"')


def test_a_server_that_cannot_say_more_closes(following: Verifier) -> None:
    sent: list[Any] = []

    async def connect() -> None:
        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await guarded(following)({"type": "websocket", "path": "/echo", "headers": []}, receive, send)

    asyncio.run(connect())
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]


@pytest.mark.parametrize("path", ["/echo", "/clock"])
def test_a_websocket_is_closed_when_its_session_ends(client: TestClient, issuer: FakeIssuer, path: str) -> None:
    with client.websocket_connect(path, headers=bearer(issuer.token())) as socket:
        socket.send_text("hello")
        assert socket.receive_text() in ("hello", "tick")
        issuer.log.revoke("sid", "s1")
        with pytest.raises(WebSocketDisconnect) as caught:
            drained(socket)
    assert (caught.value.code, caught.value.reason) == (1008, "ended")


def test_what_cannot_be_watched_is_closed(client: TestClient, following: Verifier, issuer: FakeIssuer) -> None:
    token = issuer.token()
    following.check(token)
    following.close()
    with pytest.raises(WebSocketDisconnect) as caught, client.websocket_connect("/echo", headers=bearer(token)):
        pass
    assert (caught.value.code, caught.value.reason) == (1008, "unverifiable")


def test_a_websocket_that_closes_is_forgotten(client: TestClient, following: Verifier, issuer: FakeIssuer) -> None:
    with client.websocket_connect("/echo", headers=bearer(issuer.token())):
        assert len(following._watches._open) == 1
    eventually(lambda: not following._watches._open)


@pytest.fixture
def served(following: Verifier, issuer: FakeIssuer) -> Iterator[str]:
    """The application on a real server."""
    issuer.log.speaks = honest
    following.start()
    eventually(lambda: following.fresh)
    server = uvicorn.Server(uvicorn.Config(guarded(following), port=0, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    eventually(lambda: server.started)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def test_a_long_answer_breaks_off_when_its_session_ends(served: str, following: Verifier, issuer: FakeIssuer) -> None:
    with httpx.Client(timeout=30) as client:
        assert client.get(f"{served}/me", headers=bearer(issuer.token())).status_code == 200
        assert not following._watches._open
        with client.stream("GET", f"{served}/news", headers=bearer(issuer.token())) as answer:
            pieces = answer.iter_raw()
            assert next(pieces)
            assert len(following._watches._open) == 1
            issuer.log.revoke("sid", "s1")
            with pytest.raises(httpx.RemoteProtocolError):  # not a complete answer
                list(pieces)
    eventually(lambda: not following._watches._open)
