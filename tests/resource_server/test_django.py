"""The Django middleware and decorator in a real project, synchronous and not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import django
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, JsonResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path

from idp.resource_server import ProtectedResource, Verifier
from idp.resource_server.django import BearerMiddleware, public, require_token

from .fake_issuer import AUDIENCE, FakeIssuer, eventually
from .fake_log import honest

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["testserver"], MIDDLEWARE=["idp.resource_server.django.BearerMiddleware"],
        SECRET_KEY="only for tests", DATABASES={}, USE_TZ=True,
    )  # fmt: skip
    django.setup()

METADATA = f'resource_metadata="{AUDIENCE}/.well-known/oauth-protected-resource"'
resource: ProtectedResource
urlpatterns: list[Any] = []


def made_by(verifier: Verifier) -> list[Any]:
    """Views for this verifier."""

    @require_token(verifier, scope="notes.read")
    def notes(request: HttpRequest) -> JsonResponse:
        return JsonResponse({"sub": request.access_token.sub})

    @require_token(verifier, scope="notes.read")
    async def later(request: HttpRequest) -> JsonResponse:
        return JsonResponse({"sub": request.access_token.sub})

    @require_token(verifier, mode="local", acr_values="aal2", max_age=300)
    def delete(request: HttpRequest) -> JsonResponse:
        return JsonResponse({})

    def plain(request: HttpRequest) -> JsonResponse:
        return JsonResponse({"sub": getattr(getattr(request, "access_token", None), "sub", None)})

    views = {
        "notes": notes,
        "later": later,
        "delete": delete,
        "plain": plain,
        "open": public(lambda r: JsonResponse({})),
    }
    return [path(name, view) for name, view in views.items()]


@pytest.fixture
def client(following: Verifier, issuer: FakeIssuer) -> Iterator[Client]:
    issuer.log.speaks = honest
    following.start()
    eventually(lambda: following.fresh)
    names = globals()
    names["resource"] = ProtectedResource(following, realm="notes")
    names["urlpatterns"] = made_by(following)
    with override_settings(
        ROOT_URLCONF=type("urls", (), {"urlpatterns": urlpatterns}), IDP_RESOURCE=f"{__name__}.resource"
    ):
        yield Client()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def get(client: Client, where: str, token: str | None, by: str) -> Any:
    """Through WSGI's handler, or through ASGI's."""
    headers = bearer(token) if token else {}
    if by == "wsgi":
        return client.get(where, headers=headers)
    return asyncio.run(AsyncClient().get(where, headers=headers))


@pytest.mark.parametrize("by", ["wsgi", "asgi"])
@pytest.mark.parametrize("where", ["/notes", "/later"])
def test_views(client: Client, issuer: FakeIssuer, where: str, by: str) -> None:
    token = issuer.token()
    answer = get(client, where, token, by)
    assert (answer.status_code, answer.json()) == (200, {"sub": "ada"})
    missing = get(client, where, None, by)
    assert (missing.status_code, missing.headers["Cache-Control"]) == (401, "no-store")
    assert missing.headers["WWW-Authenticate"] == f'Bearer realm="notes", {METADATA}'
    assert get(client, where, issuer.token(scope=""), by).status_code == 403
    issuer.log.revoke("sid", "s1")
    eventually(lambda: get(client, where, token, by).status_code == 401)
    assert issuer.asked["/introspect"] == 0


@pytest.mark.parametrize("by", ["wsgi", "asgi"])
def test_the_metadata_are_published(client: Client, by: str) -> None:
    answer = get(client, "/.well-known/oauth-protected-resource", None, by)
    assert (answer.status_code, answer.json()["resource"]) == (200, AUDIENCE)


def test_step_up(client: Client, issuer: FakeIssuer) -> None:
    refused = client.get("/delete", headers=bearer(issuer.token()))
    assert 'acr_values="aal2", max_age="300"' in refused.headers["WWW-Authenticate"]
    assert client.get("/delete", headers=bearer(issuer.token(acr="aal2"))).status_code == 200


def test_nobody_could_say(client: Client, following: Verifier, issuer: FakeIssuer) -> None:
    issuer.override["/introspect"] = (503, {}, b"")
    following.close()
    answer = client.get("/notes", headers=bearer(issuer.token()))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "WWW-Authenticate" not in answer.headers


def test_without_needs_a_plain_view_is_open(client: Client) -> None:
    assert client.get("/plain").json() == {"sub": None}


@pytest.mark.parametrize("by", ["wsgi", "asgi"])
def test_with_needs_every_view_is_guarded(client: Client, issuer: FakeIssuer, by: str) -> None:
    with override_settings(IDP_RESOURCE_NEEDS={"scope": "notes.read", "mode": "local"}):
        guarded = Client()
        assert get(guarded, "/plain", None, by).status_code == 401
        assert get(guarded, "/plain", issuer.token(scope=""), by).status_code == 403
        assert get(guarded, "/plain", issuer.token(), by).json() == {"sub": "ada"}
        assert get(guarded, "/open", None, by).status_code == 200
        assert get(guarded, "/delete", issuer.token(scope="", acr="aal2"), by).status_code == 200  # its own rule


def test_a_setting_that_names_something_else_is_refused() -> None:
    with override_settings(IDP_RESOURCE="json.dumps"), pytest.raises(ImproperlyConfigured):
        BearerMiddleware(lambda request: request)
