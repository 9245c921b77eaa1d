"""What one database is asked: first 1,000 refreshes of one session, then each endpoint under load."""

from __future__ import annotations

import base64
import http.client
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from . import generators, storage
from .children import BARE_PATH, BenchFailed, Server
from .requests import Chains, Each, Request, Same, Workload, get, post, refresh
from .results import Measured, Row
from .seed import API_SCOPE, Scene

REFRESHES = 1000
_WARM_UP = 96
_MOST_CODES_PER_SECOND = 1000
_TRIALS = 8


@dataclass(frozen=True)
class Plan:
    """How hard and how long."""

    seconds: int
    connections: int
    use_wrk: bool

    @property
    def codes(self) -> int:
        """Enough for the exchange under load, a chain for each connection, warming up and trials."""
        return math.ceil(self.seconds * _MOST_CODES_PER_SECOND) + self.connections + _WARM_UP + _TRIALS


@dataclass(frozen=True)
class Target:
    """A provider and the bare route beside it, over a seeded database."""

    database: str
    server: Server
    bare: Server
    engine: Engine
    scene: Scene
    plan: Plan

    @property
    def port(self) -> int:
        """Where the provider listens."""
        return self.server.port


def refresh_a_thousand_times(target: Target) -> tuple[storage.Storage, storage.Storage]:
    """Storage before and after. The chain has been used once before, as every chain soon has."""
    tokens = _tokens(target)
    claims = json.loads(base64.urlsafe_b64decode(tokens["access_token"].split(".")[1] + "=="))
    chain = Chains([tokens["refresh_token"]], target.scene.app, target.port)
    _checked(generators.by_sockets(chain, target.port, 1, 60, 1), "refresh")
    before = storage.measure(target.engine, UUID(claims["sid"]))
    done = _checked(generators.by_sockets(chain, target.port, 1, 60, REFRESHES), "refresh")
    if done.requests != REFRESHES:
        raise BenchFailed(f"{done.requests} refreshes in {done.seconds:.0f} s instead of {REFRESHES}")
    return before, storage.measure(target.engine, UUID(claims["sid"]))


def rows(target: Target) -> Iterator[Row]:
    """One after the other; each beside the bare route, measured just before with the same generator."""
    token = _tokens(target)["access_token"]
    scene = target.scene
    own = {"grant_type": "client_credentials", "scope": API_SCOPE}
    yield _repeated(target, "token: client credentials", post("/token", scene.app, own), "access_token")
    yield _exchange(target)
    yield _refresh(target)
    asked = post("/introspect", scene.api, {"token": token})
    yield _repeated(target, "introspection, live JWT", asked, '"active":true')
    yield _repeated(target, "userinfo", get("/userinfo", Authorization=f"Bearer {token}"), '"email"')
    yield _repeated(target, "JWKS", get("/.well-known/jwks.json"), '"keys"')


# ── requests that repeat ──────────────────────────────────────────────────────────────────────────


def _repeated(target: Target, name: str, request: Request, expected: str) -> Row:
    plan = target.plan
    _try(target, request, expected)
    _warm_up(target, Same(request, target.port))
    if not plan.use_wrk:
        return _row(target, name, request, Same(request, target.port))
    like = request.to(BARE_PATH)
    beside = _timed(target.bare, lambda port: generators.by_wrk(like, port, plan.connections, plan.seconds))
    measured = _timed(target.server, lambda port: generators.by_wrk(request, port, plan.connections, plan.seconds))
    return Row(name, target.database, "wrk", _checked(measured, name), _checked(beside, "bare route"))


def _timed(server: Server, load: Callable[[int], Measured]) -> Measured:
    """With the processor time that the server's processes have used."""
    before = server.cpu_seconds()
    measured = load(server.port)
    after = server.cpu_seconds()
    return measured if before is None or after is None else replace(measured, cpu_seconds=after - before)


def _try(target: Target, request: Request, expected: str) -> str:
    """Once by itself: does it answer what it is measured for?"""
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=10)
    connection.request(request.method, request.path, request.body or None, request.all_headers())
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    if answer.status != 200 or expected not in text:
        raise BenchFailed(f"{request.method} {request.path} answered {answer.status} without {expected}: {text[:300]}")
    return text


def _tokens(target: Target) -> Any:
    return json.loads(_try(target, target.scene.exchange(), "id_token"))


# ── requests that differ ──────────────────────────────────────────────────────────────────────────


def _exchange(target: Target) -> Row:
    """A chain for each connection is left over for the refreshing that follows."""
    scene, port = target.scene, target.port
    _warm_up(target, Each([scene.exchange().wire(port) for _ in range(_WARM_UP)]))
    like = scene.exchange()
    codes = Each([scene.exchange().wire(port) for _ in range(len(scene.codes) - target.plan.connections)])
    return _row(target, "token: code exchange", like, codes)


def _refresh(target: Target) -> Row:
    tokens = [_tokens(target)["refresh_token"] for _ in range(target.plan.connections)]
    chains = Chains(tokens, target.scene.app, target.port)
    _warm_up(target, chains)
    return _row(target, "token: refresh", refresh(tokens[0], target.scene.app), chains)


def _row(target: Target, name: str, like: Request, workload: Workload) -> Row:
    plan = target.plan
    same = Same(like.to(BARE_PATH), target.bare.port)
    beside = _timed(target.bare, lambda port: generators.by_sockets(same, port, plan.connections, plan.seconds))
    measured = _timed(target.server, lambda port: generators.by_sockets(workload, port, plan.connections, plan.seconds))
    return Row(name, target.database, "python", _checked(measured, name), _checked(beside, "bare route"))


def _warm_up(target: Target, workload: Workload) -> None:
    """Every worker has seen the statements before the clock starts."""
    measured = generators.by_sockets(workload, target.port, target.plan.connections, 20, _WARM_UP)
    _checked(measured, "warming up")


def _checked(measured: Measured, name: str) -> Measured:
    if measured.failures or not measured.requests:
        raise BenchFailed(f"{name}: {measured.failures} of {measured.requests} answers not 2xx: {measured.sample}")
    return measured
