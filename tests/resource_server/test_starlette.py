"""Single routes of real Starlette and FastAPI applications."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.websockets import WebSocket, WebSocketDisconnect

from idp.resource_server import AccessToken, ProtectedResource, Verifier
from idp.resource_server.starlette import closed_when_over, init_app, require_token

from .asgi_client import TestClient, WebSocketDenialResponse
from .fake_issuer import AUDIENCE, FakeIssuer, eventually
from .fake_log import honest

METADATA = f'resource_metadata="{AUDIENCE}/.well-known/oauth-protected-resource"'


def fastapi_app(verifier: Verifier) -> FastAPI:
    app = FastAPI()
    reader = Depends(require_token(verifier, scope="notes.read"))
    deleter = Depends(require_token(verifier, scope="notes.write", mode="local", acr_values="aal2", max_age=300))

    @app.get("/notes")
    async def notes(token: AccessToken = reader) -> dict[str, str]:
        return {"sub": token.sub}

    @app.delete("/notes")
    def delete(token: AccessToken = deleter) -> dict[str, str]:
        return {}

    @app.websocket("/live")
    async def live(socket: WebSocket, token: AccessToken = reader) -> None:
        await socket.accept()
        with suppress(WebSocketDisconnect):
            async with closed_when_over(verifier, socket):
                while True:
                    await socket.send_text(await socket.receive_text())

    return app


def starlette_app(verifier: Verifier) -> Starlette:
    reader = require_token(verifier, scope="notes.read")

    async def notes(request: Request) -> JSONResponse:
        return JSONResponse({"sub": (await reader(request)).sub})

    return Starlette(routes=[Route("/notes", notes)])


@pytest.fixture(params=[fastapi_app, starlette_app])
def client(request: pytest.FixtureRequest, following: Verifier, issuer: FakeIssuer) -> Iterator[TestClient]:
    issuer.log.speaks = honest
    following.start()
    eventually(lambda: following.fresh)
    app = request.param(following)
    init_app(app, ProtectedResource(following, realm="notes"))
    with TestClient(app) as client:
        yield client


only_fastapi = pytest.mark.parametrize("client", [fastapi_app], indirect=True)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_live_token_passes(client: TestClient, issuer: FakeIssuer) -> None:
    answer = client.get("/notes", headers=bearer(issuer.token()))
    assert (answer.status_code, answer.json()) == (200, {"sub": "ada"})


def test_refusals(client: TestClient, issuer: FakeIssuer) -> None:
    missing = client.get("/notes")
    assert missing.status_code == 401
    assert missing.headers["WWW-Authenticate"] == f'Bearer realm="notes", {METADATA}'
    assert client.get("/notes", headers=bearer(issuer.token(scope=""))).status_code == 403
    issuer.log.revoke("sid", "s1")
    token = issuer.token()
    eventually(lambda: client.get("/notes", headers=bearer(token)).status_code == 401)
    assert client.get("/.well-known/oauth-protected-resource").json()["resource"] == AUDIENCE


def test_nobody_could_say(client: TestClient, following: Verifier, issuer: FakeIssuer) -> None:
    issuer.override["/introspect"] = (503, {}, b"")
    following.close()
    answer = client.get("/notes", headers=bearer(issuer.token()))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")


@only_fastapi
def test_step_up(client: TestClient, issuer: FakeIssuer) -> None:
    refused = client.delete("/notes", headers=bearer(issuer.token()))
    assert 'acr_values="aal2", max_age="300"' in refused.headers["WWW-Authenticate"]
    assert client.delete("/notes", headers=bearer(issuer.token(acr="aal2"))).status_code == 200


@only_fastapi
def test_a_websocket_needs_a_token(client: TestClient) -> None:
    with pytest.raises(WebSocketDenialResponse) as caught, client.websocket_connect("/live"):
        pass
    assert caught.value.status_code == 401
    assert caught.value.headers["WWW-Authenticate"] == f'Bearer realm="notes", {METADATA}'


@only_fastapi
def test_a_websocket_is_closed_when_its_session_ends(
    client: TestClient, following: Verifier, issuer: FakeIssuer
) -> None:
    with client.websocket_connect("/live", headers=bearer(issuer.token())) as socket:
        socket.send_text("hello")
        assert socket.receive_text() == "hello"
        issuer.log.revoke("sid", "s1")
        with pytest.raises(WebSocketDisconnect) as caught:
            socket.receive_text()
    assert (caught.value.code, caught.value.reason) == (1008, "ended")
    with client.websocket_connect("/live", headers=bearer(issuer.token(sid="s2"))):
        assert len(following._watches._open) == 1
    eventually(lambda: not following._watches._open)
