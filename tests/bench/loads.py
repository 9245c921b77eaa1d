"""How each contender is asked for each operation: the same work, in its own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .contenders import SECRET, Peer
from .requests import Request, get, post
from .seed import API_SCOPE, CALLBACK, Scene
from .targets import (
    CREDENTIALS,
    DISCOVERY,
    EXCHANGE,
    INTROSPECTION,
    JWKS,
    LEAN_REFRESH,
    LONG_STATIC,
    ONE_GET,
    ONE_SIGNATURE,
    ONE_UPDATE,
    REFRESH,
    STATIC,
    USERINFO,
)

ITEM = "{}"
_APP, _MACHINE = ("photos", SECRET), ("machine", SECRET)
_REFRESH = {"grant_type": "refresh_token"}
_CODE = {"grant_type": "authorization_code", "redirect_uri": CALLBACK}
_API = {"grant_type": "client_credentials", "scope": API_SCOPE}


@dataclass(frozen=True)
class Load:
    """Requests of one kind: ``mode`` is that of ``wrk.lua``, ``items`` take the place of ``{}``."""

    port: int
    request: Request
    mode: str = "same"
    items: Sequence[str] = field(default=(), repr=False)

    def of(self, items: Sequence[str]) -> Load:
        """The same with other items."""
        return Load(self.port, self.request, self.mode, items)


def _form(path: str, client: tuple[str, str], form: Mapping[str, str], name: str) -> Request:
    """A form with a member whose value is the item; base64url needs no escaping."""
    request = post(path, client, form)
    body = f"{request.body}&{name}={ITEM}" if request.body else f"{name}={ITEM}"
    return Request(request.method, request.path, request.headers, body)


def _bearer(path: str) -> Request:
    return get(path, Authorization=f"Bearer {ITEM}")


def of_provider(
    port: int, scene: Scene, refresh: Sequence[str], lean: Sequence[str], access: Sequence[str]
) -> dict[str, Load]:  # fmt: skip
    """Ours. The codes that nobody has used yet are used by rounds, each its own."""
    exchange = _CODE | {"code_verifier": scene.verifier}
    return {
        JWKS: Load(port, get("/.well-known/jwks.json")),
        DISCOVERY: Load(port, get("/.well-known/openid-configuration")),
        INTROSPECTION: Load(port, _form("/introspect", scene.api, {}, "token"), "cycle", access),
        USERINFO: Load(port, _bearer("/userinfo"), "cycle", access),
        CREDENTIALS: Load(port, post("/token", scene.app, _API)),
        REFRESH: Load(port, _form("/token", scene.app, _REFRESH, "refresh_token"), "chain", refresh),
        LEAN_REFRESH: Load(port, _form("/token", scene.app, _REFRESH, "refresh_token"), "chain", lean),
        EXCHANGE: Load(port, _form("/token", scene.app, exchange, "code"), "once", list(scene.codes)),
    }


def of_node(peer: Peer) -> dict[str, Load]:
    """oidc-provider: opaque access tokens, but a JWT where one is asked for (client credentials for an API)."""
    port = peer.server.port
    return {
        JWKS: Load(port, get("/jwks")), DISCOVERY: Load(port, get("/.well-known/openid-configuration")),
        INTROSPECTION: Load(port, _form("/token/introspection", _APP, {}, "token"), "cycle", peer.access),
        USERINFO: Load(port, _bearer("/me"), "cycle", peer.access),
        CREDENTIALS: Load(port, post("/token", _APP, _API | {"resource": "https://api.example"})),
        REFRESH: Load(port, _form("/token", _APP, _REFRESH, "refresh_token"), "chain", peer.refresh),
        EXCHANGE: Load(port, _form("/token", _APP, _CODE, "code"), "once", peer.codes),
    }  # fmt: skip


def of_django(peer: Peer) -> dict[str, Load]:
    """django-oauth-toolkit: opaque access tokens throughout."""
    port = peer.server.port
    return {
        JWKS: Load(port, get("/o/.well-known/jwks.json")),
        INTROSPECTION: Load(port, _form("/o/introspect/", _APP, {}, "token"), "cycle", peer.access),
        USERINFO: Load(port, _bearer("/o/userinfo/"), "cycle", peer.access),
        CREDENTIALS: Load(port, post("/o/token/", _MACHINE, _API)),
        REFRESH: Load(port, _form("/o/token/", _APP, _REFRESH, "refresh_token"), "chain", peer.refresh),
        EXCHANGE: Load(port, _form("/o/token/", _APP, _CODE, "code"), "once", peer.codes),
    }


def of_bare(port: int) -> dict[str, Load]:
    """The least that could be written."""
    signed = Request("POST", "/sign", body="grant_type=client_credentials")
    return {
        STATIC: Load(port, get("/static")), LONG_STATIC: Load(port, get("/static/long")),
        ONE_GET: Load(port, Request("POST", "/redis", body="token=x")),
        ONE_SIGNATURE: Load(port, signed), ONE_UPDATE: Load(port, signed.to("/rotate")),
    }  # fmt: skip
