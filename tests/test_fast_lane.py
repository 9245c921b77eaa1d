"""Both lanes give the same answer, byte for byte, and what is not plain success takes the ordinary one."""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import structlog
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app

from idp import jose, logs
from idp.bodies import Bodies
from idp.documents import Documents
from idp.errors import LostTransaction
from idp.fast_lane import FastLane
from idp.oauth.rfc7523_client_assertion import ASSERTION_TYPE

from .oauth.test_revocation_log import resource_server
from .provider import ISSUER, Provider, answered, basic, both, database, provider, refused, running, seeded

__all__ = ["both", "database", "provider", "seeded"]

JWKS = "/.well-known/jwks.json"
CHANGING = {"X-Request-ID"}


class Lanes:
    """One provider, asked through the whole application or through the ordinary lane alone."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        documents = provider.flask.wsgi_app
        assert isinstance(documents, Documents)
        bodies = documents._application
        assert isinstance(bodies, Bodies)
        lane = bodies._application
        assert isinstance(lane, FastLane)
        self.lane = lane
        self._ordinary = lane.ordinary
        self.taken: list[str] = []
        lane.ordinary = self._seen

    def _seen(self, environ: Any, start_response: Any) -> Any:
        self.taken.append(environ["PATH_INFO"])
        return self._ordinary(environ, start_response)

    def fast(self, path: str, **request: Any) -> TestResponse:
        """Through the whole application; fails unless the fast lane answered."""
        before = len(self.taken)
        found = self._send(self.provider.flask.wsgi_app, path, request)
        assert len(self.taken) == before, "the ordinary lane was asked"
        return found

    def any(self, path: str, **request: Any) -> TestResponse:
        """Through the whole application."""
        return self._send(self.provider.flask.wsgi_app, path, request)

    def ordinary(self, path: str, **request: Any) -> TestResponse:
        """As if there were no other."""
        return self._send(self._ordinary, path, request)

    def _send(self, application: Any, path: str, request: Mapping[str, Any]) -> TestResponse:
        builder = EnvironBuilder(path, self.provider.base, environ_base={"REMOTE_ADDR": "192.0.2.7"}, **request)
        environ = builder.get_environ()
        return TestResponse(*run_wsgi_app(application, environ), builder.get_request())


@pytest.fixture
def lanes(provider: Provider) -> Iterator[Lanes]:
    made = Lanes(provider)
    yield made
    made.lane.ordinary = made._ordinary


@pytest.fixture
def scene(provider: Provider) -> dict[str, Any]:
    app, api = provider.register(), provider.register("API", redirect_uris=[], grant_types=[])
    return {"app": app, "api": api, "tokens": provider.tokens(app, provider.sign_in(), scope="openid profile email")}


def same(one: TestResponse, other: TestResponse) -> None:
    """Status, body, and every header in its order."""
    assert one.status == other.status
    assert one.get_data() == other.get_data()
    headers = [[(name, value if name not in CHANGING else "") for name, value in r.headers] for r in (one, other)]
    assert headers[0] == headers[1]


def asked_by(provider: Provider, **headers: str) -> dict[str, Any]:
    """An introspection request of a client of this provider."""
    credentials, _ = provider.register("API", redirect_uris=[], grant_types=[]).credentials
    return {"method": "POST", "headers": {**credentials, **headers}, "data": {"token": "junk"}}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# ── the same answers ──────────────────────────────────────────────────────────────────────────────


def test_introspection(lanes: Lanes, scene: dict[str, Any]) -> None:
    headers, _ = scene["app"].credentials
    for token in (*scene["tokens"].values(), "junk"):
        request = {"method": "POST", "headers": headers, "data": {"token": str(token)}}
        same(lanes.fast("/introspect", **request), lanes.ordinary("/introspect", **request))


def test_userinfo(lanes: Lanes, scene: dict[str, Any]) -> None:
    token = scene["tokens"]["access_token"]
    for request in (
        {"headers": bearer(token)}, {"method": "POST", "data": {"access_token": token}},
    ):  # fmt: skip
        same(lanes.fast("/userinfo", **request), lanes.ordinary("/userinfo", **request))


def test_the_revocation_log(lanes: Lanes) -> None:
    server = resource_server(lanes.provider)
    token = answered(lanes.provider.credentials(server, scope="revocations"))["access_token"]
    for query in ("", "after=0", "after=0&wait=5"):
        request: dict[str, Any] = {"headers": bearer(token), "query_string": query}
        same(lanes.fast("/revocations", **request), lanes.ordinary("/revocations", **request))
    refused(lanes.any("/revocations", headers=bearer(token), query_string="after=x"), 400, "invalid_request")


def test_tokens(lanes: Lanes, scene: dict[str, Any]) -> None:
    """Two answers are never the same; all but the tokens is."""
    machine = lanes.provider.register(grant_types=["client_credentials"], redirect_uris=[])
    headers, _ = machine.credentials
    request = {"method": "POST", "headers": headers, "data": {"grant_type": "client_credentials"}}
    one, other = lanes.fast("/token", **request), lanes.ordinary("/token", **request)
    assert list(one.headers.keys()) == list(other.headers.keys())
    assert set(answered(one)) == set(answered(other))
    headers, _ = scene["app"].credentials
    token = scene["tokens"]["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": token}
    first = answered(lanes.fast("/token", method="POST", headers=headers, data=form))
    again = answered(lanes.ordinary("/token", method="POST", headers=headers, data=form))
    assert first["refresh_token"] == again["refresh_token"]
    assert set(first) == set(again)


@pytest.mark.parametrize("secure", [True, False])
def test_under_a_path_and_without_tls(database: str, secure: bool) -> None:
    issuer = "https://id.example/tenant" if secure else "http://localhost:8000"
    with running(database, issuer=issuer) as other:
        lanes = Lanes(other)
        path = ("/tenant" if secure else "") + "/introspect"
        request = asked_by(other)
        same(lanes.fast(path, **request), lanes.ordinary(path, **request))
        assert ("Strict-Transport-Security" in lanes.fast(path, **request).headers) is secure


# ── what is refused, and what is unusual ──────────────────────────────────────────────────────────


REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "no client": ("/introspect", {"method": "POST", "data": {"token": "x"}}),
    "wrong secret": ("/introspect", {"method": "POST", "data": {"token": "x"}, "headers": basic("app", "wrong")}),
    "repeated": ("/introspect", {"method": "POST", "data": {"token": ["x", "y"]}}),
    "NUL": ("/introspect", {"method": "POST", "data": {"token": "\0"}}),
    "no token": ("/userinfo", {}),
    "junk token": ("/userinfo", {"headers": bearer("junk")}),
    "Basic": ("/userinfo", {"headers": basic("app", "secret")}),
    "two tokens": ("/userinfo", {"method": "POST", "headers": bearer("x"), "data": {"access_token": "x"}}),
    "no grant": ("/token", {"method": "POST", "data": {"x": "y"}}),
    "unknown grant": ("/token", {"method": "POST", "data": {"grant_type": "password"}}),
}  # fmt: skip

UNUSUAL: dict[str, tuple[str, dict[str, Any]]] = {
    "HEAD": (JWKS, {"method": "HEAD"}), "POST": (JWKS, {"method": "POST"}), "OPTIONS": (JWKS, {"method": "OPTIONS"}),
    "PROPFIND": ("/token", {"method": "PROPFIND"}), "GET of a form": ("/introspect", {}),
    "query": (JWKS, {"query_string": "x=y"}), "query of a form": (
        "/introspect", {"method": "POST", "query_string": "token=x", "data": {"token": "x"}}
    ),
    "token in the query": ("/userinfo", {"query_string": "access_token=x"}),
    "Host": (JWKS, {"headers": {"Host": "evil.example"}}), "no Host": (JWKS, {"headers": {"Host": ""}}),
    "JSON": ("/introspect", {"method": "POST", "json": {"token": "x"}}),
    "charset": ("/introspect", {"method": "POST", "data": b"token=x",
                                "content_type": "application/x-www-form-urlencoded; charset=utf-8"}),
    "no body": ("/introspect", {"method": "POST", "content_type": "application/x-www-form-urlencoded"}),
    "no media type": ("/introspect", {"method": "POST", "data": b"token=x", "content_type": ""}),
    "If-None-Match": (JWKS, {"headers": {"If-None-Match": "*"}}), "Range": (JWKS, {"headers": {"Range": "bytes=0-3"}}),
    "slash": (JWKS + "/", {}), "case": (JWKS.upper(), {}), "encoded": ("/%75serinfo%2f", {}),
}  # fmt: skip


@pytest.mark.parametrize("case", [*REFUSED, *UNUSUAL])
def test_all_else_is_answered_by_the_ordinary_lane(lanes: Lanes, case: str) -> None:
    path, request = (REFUSED | UNUSUAL)[case]
    one = lanes.any(path, **request)
    assert lanes.taken, "the fast lane answered"
    same(one, lanes.ordinary(path, **request))


def test_another_host_is_the_ordinary_lanes_affair(lanes: Lanes, scene: dict[str, Any]) -> None:
    """Even where all else is right (security.md E12)."""
    request = {"headers": {**bearer(scene["tokens"]["access_token"]), "Host": "evil.example"}}
    one = lanes.any("/userinfo", **request)
    assert lanes.taken.count("/userinfo") == 1, "the fast lane answered"
    same(one, lanes.ordinary("/userinfo", **request))


@pytest.mark.promise("P5")
def test_an_unexpected_error_is_the_ordinary_lanes(lanes: Lanes, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a detail for nobody")

    monkeypatch.setattr(type(lanes.provider.stores.clients), "get", broken)
    request = {"method": "POST", "headers": basic("app", "x"), "data": {"token": "x"}}
    one = lanes.any("/introspect", **request)
    refused(one, 500, "server_error")
    same(one, lanes.ordinary("/introspect", **request))


@pytest.mark.promise("P4")
def test_what_failed_is_not_tried_again(lanes: Lanes, scene: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong secret counts once; a code is claimed once and is no replay of itself."""
    tries = []
    take = type(lanes.provider.stores.throttles).take

    def counted(self: Any, *told: Any) -> int:
        tries.append(told)
        return take(self, *told)

    monkeypatch.setattr(type(lanes.provider.stores.throttles), "take", counted)
    request = {"method": "POST", "headers": basic(scene["app"].id, "wrong"), "data": {"token": "x"}}
    refused(lanes.any("/introspect", **request), 401, "invalid_client")
    assert len(tries) == 1


@pytest.mark.promise("P5")
def test_what_lost_its_transaction_begins_anew(lanes: Lanes, scene: dict[str, Any], monkeypatch: Any) -> None:
    code = lanes.provider.code(scene["app"], lanes.provider.sign_in())
    claim, lost = type(lanes.provider.stores.codes).claim, []

    def losing(self: Any, *told: Any) -> bool:
        if len(lost) < 2:
            lost.append(told)
            raise LostTransaction("deadlock")
        return claim(self, *told)

    monkeypatch.setattr(type(lanes.provider.stores.codes), "claim", losing)
    assert answered(lanes.provider.redeem(scene["app"], code))["access_token"]
    assert len(lost) == 2


def test_an_assertion_takes_the_ordinary_lane(lanes: Lanes) -> None:
    """It is used once: what the fast lane began with it would be a replay there."""
    key = jose.generate("ES256")
    app = lanes.provider.register(
        token_endpoint_auth_method="private_key_jwt", grant_types=["client_credentials"], redirect_uris=[],
        jwks={"keys": [jose.public_jwk(key, "ES256")]},
    )  # fmt: skip
    now = int(time.time())
    claims = {"iss": app.id, "sub": app.id, "aud": ISSUER, "iat": now, "exp": now + 60, "jti": "once"}
    kid = str(jose.public_jwk(key, "ES256")["kid"])
    form = {
        "grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": jose.sign(claims, jose.Signer(kid, "ES256", key), typ="JWT"),
    }  # fmt: skip
    assert answered(lanes.any("/token", method="POST", data=form))["access_token"]
    assert lanes.taken == ["/token"]


def test_an_ordinary_request_may_not_say_that_it_failed(lanes: Lanes) -> None:
    """The environ's own members cannot be sent as headers."""
    assert lanes.any(JWKS, headers={"idp.failed": "x", "Idp-Failed": "x"}).status_code == 200


# ── ids and lines ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    out = io.StringIO()
    yield out
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def facts(line: str) -> dict[str, Any]:
    return {
        name: "" if name in ("ms", "request_id", "timestamp") else value for name, value in json.loads(line).items()
    }


@pytest.mark.promise("P7")
def test_the_line_is_the_same(lanes: Lanes, scene: dict[str, Any], stream: io.StringIO) -> None:
    """Written by either lane, by the pipeline or beside it: the same members in the same order."""
    logs.configure("info", stream)
    token = scene["tokens"]["access_token"]
    ids = [ask("/userinfo", headers=bearer(token)).headers["X-Request-ID"] for ask in (lanes.fast, lanes.ordinary)]
    logging.getLogger().addHandler(logging.NullHandler())  # somebody else listens: the pipeline serves all
    ids += [ask("/userinfo", headers=bearer(token)).headers["X-Request-ID"] for ask in (lanes.fast, lanes.ordinary)]
    lines = stream.getvalue().splitlines()
    assert len(lines) == 4
    assert [json.loads(line)["request_id"] for line in lines] == ids
    assert len({json.dumps(facts(line)) for line in lines}) == 1
    assert facts(lines[0])["path"] == "/userinfo"
    assert facts(lines[0])["address"] == "192.0.2.7"
    assert token not in stream.getvalue()


def test_no_line_below_its_level(lanes: Lanes, stream: io.StringIO) -> None:
    logs.configure("warning", stream)
    request = asked_by(lanes.provider)
    lanes.fast("/introspect", **request)
    lanes.ordinary("/introspect", **request)
    assert stream.getvalue() == ""


def test_a_log_that_nobody_reads_fails_no_request(lanes: Lanes, stream: io.StringIO) -> None:
    request = asked_by(lanes.provider)
    logs.configure("info", stream)
    stream.close()
    for ask in (lanes.fast, lanes.ordinary):
        assert ask("/introspect", **request).status_code == 200


def test_an_id_of_a_proxy_is_taken_over(database: str) -> None:
    with running(database, trusted_proxies=("192.0.2.7",)) as other:
        lanes = Lanes(other)
        request = asked_by(other, **{"X-Request-ID": "from-proxy-1", "X-Forwarded-For": "198.51.100.9"})
        same(lanes.fast("/introspect", **request), lanes.ordinary("/introspect", **request))
        assert lanes.fast("/introspect", **request).headers["X-Request-ID"] == "from-proxy-1"
