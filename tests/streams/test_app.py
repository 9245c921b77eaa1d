"""The ASGI application: what it answers, what a stream says and when it ends, and that nobody misses anything."""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from idp.domain.revocation import RevocationKind
from idp.oauth import revocation_log
from idp.oauth.revocation_log import Following
from idp.oauth.rfc9068_access_token import AccessTokens
from idp.oauth.rfc9449_dpop import Proofs
from idp.oauth.sender_constraint import PresentedTokens
from idp.services.codes import Grant
from idp.streams import app as streams_app
from idp.streams import hub as streams_hub
from idp.streams import serving as streams_serving
from idp.streams.app import Streams
from idp.streams.window import Window

from ..oauth.test_revocation_log import resource_server, token_of
from ..oauth.test_rfc8705_mtls import MINE, OTHER
from ..provider import ISSUER, App, Provider, claims_of
from .asgi import PATIENCE, Exchange, Server, serving
from .in_memory import Log


@dataclass
class Scene:
    """A provider's tokens, a log in memory, and the application over both."""

    provider: Provider
    server: App
    token: str
    log: Log

    @asynccontextmanager
    async def serve(self, **settings: Any) -> AsyncIterator[Server]:
        provider = self.provider
        changed = provider.settings.model_copy(update=settings)
        made = AccessTokens(changed.issuer, 900, provider.services.keys, provider.stores.randomness, provider.clock)
        presented = PresentedTokens(changed.issuer, made, Proofs(provider.stores.assertion_ids, provider.clock, None))
        app = Streams(changed, Following(presented, changed.revocations_urls, self.log), self.log, provider.clock)
        async with serving(app, self.token) as server:
            yield server

    def end(self, *values: str, kind: RevocationKind = RevocationKind.SID) -> None:
        self.log.end(*values, kind=kind, at=self.provider.clock.now())

    def play(self, act: Callable[[Server], Awaitable[None]], **settings: Any) -> None:
        """Do it on a running application."""

        async def go() -> None:
            async with self.serve(**settings) as server:
                await act(server)

        asyncio.run(go())


@pytest.fixture(scope="module")
def api(provider: Provider) -> App:
    return resource_server(provider)


@pytest.fixture
def scene(provider: Provider, api: App) -> Scene:
    return Scene(provider, api, token_of(provider, api), Log())


def seqs(exchange: Exchange) -> list[int]:
    return [entry["seq"] for entry in exchange.entries]


def ended(exchange: Exchange) -> bool:
    return exchange.ended


# ── plain answers ─────────────────────────────────────────────────────────────────────────────────


def test_a_page(scene: Scene) -> None:
    scene.end("a", "b")

    async def act(server: Server) -> None:
        answer = await server.get()
        assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
        assert answer.headers["cache-control"] == "no-store"
        assert (answer.json["head"], answer.json["more"], answer.json["poll"]) == (2, False, 0.15)
        assert [entry["value"] for entry in answer.json["entries"]] == ["a", "b"]
        scene.end("c")
        assert [entry["value"] for entry in (await server.get("/revocations?after=2")).json["entries"]] == ["c"]

    scene.play(act)


def test_an_answer_is_never_older_than_its_request(scene: Scene) -> None:
    async def act(server: Server) -> None:
        for number in range(30):
            scene.end(str(number))
            assert (await server.get()).json["head"] == number + 1

    scene.play(act)


def test_long_poll_waits_for_an_entry_and_not_longer(scene: Scene) -> None:
    async def act(server: Server) -> None:
        waiting = server.open("/revocations?after=0&wait=30")
        await asyncio.sleep(0.3)
        assert not waiting.ended
        scene.end("a")
        await waiting.until(ended)
        assert seqs_of_page(waiting) == [1]
        empty = await server.get("/revocations?after=1&wait=0.2")
        assert (empty.json["head"], empty.json["entries"]) == (1, [])

    scene.play(act)


def seqs_of_page(exchange: Exchange) -> list[int]:
    return [entry["seq"] for entry in exchange.json["entries"]]


@pytest.mark.parametrize(
    ("url", "headers", "status"),
    [("/revocations?after=x", {}, 400), ("/revocations?wait=31", {}, 400), ("/revocations?after=1&after=1", {}, 400),
     ("/revocations", {"authorization": ""}, 401), ("/revocations", {"authorization": "Bearer x"}, 401),
     ("/revocations?access_token=x", {}, 400), ("/revocations?after=9", {}, 410),
     ("/revocations", {"host": "evil.example"}, 421), ("/elsewhere", {}, 404), ("/revocations/", {}, 404)],
)  # fmt: skip
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_refusals(scene: Scene, url: str, headers: dict[str, str], status: int, accept: str) -> None:
    async def act(server: Server) -> None:
        answer = await server.get(url, **{"accept": accept} | headers)
        assert answer.status == status
        assert answer.headers["content-type"] == "application/json"
        assert answer.json["error"]
        assert status != 401 or answer.headers["www-authenticate"].startswith("Bearer")

    scene.play(act)


@pytest.mark.spec("RFC 9110", "15.5.6")
@pytest.mark.parametrize("method", ["HEAD", "POST", "OPTIONS"])
def test_it_is_only_read(scene: Scene, method: str) -> None:
    async def act(server: Server) -> None:
        answer = await server.get("/revocations", method)
        assert (answer.status, answer.headers["allow"]) == (405, "GET")

    scene.play(act)


@pytest.mark.spec("RFC 8705", "3")
def test_a_certificate_is_seen_here_as_in_the_other_process(scene: Scene) -> None:
    """Told by a proxy of ours and by nobody else, under the header that was agreed on."""
    provider, certificate = scene.provider, base64.b64encode(MINE.der).decode()
    grant = Grant(
        client_id=scene.server.id, subject=scene.server.id, scope=("revocations",), resources=(), audience=(ISSUER,),
        confirmation={"x5t#S256": MINE.thumbprint},
    )  # fmt: skip
    keys = provider.services.keys
    tokens = AccessTokens(ISSUER, 900, keys, provider.stores.randomness, provider.clock)
    token = tokens.make(grant, provider.clock.now())

    async def act(server: Server) -> None:
        server.token = token
        assert (await server.get(ClientCert=f":{certificate}:")).status == 401, "anybody could have written it"
        server.peer = "10.0.0.1"
        assert (await server.get(ClientCert=f":{certificate}:")).status == 200
        for wrong in ({}, {"ClientCert": OTHER.header}, {"Client_Cert": f":{certificate}:"}):
            assert (await server.get(**wrong)).status == 401

    scene.play(act, client_certificate_header="ClientCert", trusted_proxies=("10.0.0.1",))


def test_health(scene: Scene) -> None:
    async def act(server: Server) -> None:
        assert (await server.get("/healthz", host="10.0.0.1")).status == 200
        assert (await server.get("/readyz", host="10.0.0.1")).status == 200

    scene.play(act)


# ── streams ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec("HTML Living Standard", "9.2.5")
def test_what_a_stream_looks_like(scene: Scene) -> None:
    scene.end("a")

    async def act(server: Server) -> None:
        stream = server.stream()
        await stream.until(lambda one: len(one.events) >= 2)
        assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream")
        assert stream.headers["cache-control"] == "no-store"
        first, second = stream.events[:2]
        assert (first.kind, first.id, first.data["head"], first.data["more"]) == ("revocations", "1", 1, False)
        assert [entry["value"] for entry in first.data["entries"]] == ["a"]
        assert (second.kind, second.id, second.data.keys()) == ("heartbeat", None, {"head", "tick"})
        assert second.data["head"] == 1
        assert second.data["tick"] > first.data["tick"] > 0
        raw = stream.body.decode()
        assert raw.startswith("id: 1\nevent: revocations\ndata: {")
        assert "\r" not in raw

    scene.play(act)


def test_the_first_event_says_where_one_stands_also_when_there_is_nothing(scene: Scene) -> None:
    async def act(server: Server) -> None:
        stream = server.stream()
        await stream.until(lambda one: one.events)
        assert (stream.events[0].kind, stream.events[0].data["entries"], stream.events[0].id) == (
            "revocations",
            [],
            "0",
        )

    scene.play(act)


def test_an_entry_comes_at_once_and_heartbeats_in_between(scene: Scene) -> None:
    async def act(server: Server) -> None:
        stream = server.stream()
        await stream.until(lambda one: len(one.events) > 3)
        scene.end("a")
        await stream.until(lambda one: one.entries)
        ticks = [event.data["tick"] for event in stream.events]
        assert ticks == sorted(set(ticks)), "each is of a reading of its own"

    scene.play(act)


@pytest.mark.spec("HTML Living Standard", "9.2.4")
@pytest.mark.parametrize(
    ("url", "last", "given"),
    [("?after=2", "", [3, 4]), ("", "3", [4]), ("?after=1", "3", [4]), ("?after=4", "", []),
     ("?after=0", "", [1, 2, 3, 4])],
)  # fmt: skip
def test_where_a_stream_goes_on(scene: Scene, url: str, last: str, given: list[int]) -> None:
    scene.end(*"abcd")

    async def act(server: Server) -> None:
        stream = server.stream(f"/revocations{url}", last_event_id=last)
        await stream.until(lambda one: len(one.events) > 1)
        assert seqs(stream) == given
        assert stream.events[0].id == "4"

    scene.play(act)


@pytest.mark.parametrize(("last", "status"), [("9", 410), ("x", 400), ("-1", 400), ("1.0", 400)])
def test_a_place_that_is_none(scene: Scene, last: str, status: int) -> None:
    async def act(server: Server) -> None:
        assert (await server.get(accept="text/event-stream", last_event_id=last)).status == status

    scene.play(act)


def test_a_long_snapshot_comes_in_parts_that_prove_nothing_until_the_last(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams_serving, "PAGE", 3)
    monkeypatch.setattr(revocation_log, "PAGE", 3)
    scene.end(*"abcdefgh")

    async def act(server: Server) -> None:
        stream = server.stream()
        await stream.until(lambda one: len(one.entries) == 8)
        parts = stream.events[:3]
        assert [part.data["more"] for part in parts] == [True, True, False]
        assert [part.data["tick"] > 0 for part in parts] == [False, False, True]
        assert [part.id for part in parts] == ["3", "6", "8"]
        assert seqs(stream) == list(range(1, 9))

    scene.play(act)


def test_what_the_window_has_forgotten_comes_from_storage(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams_serving, "PAGE", 3)
    monkeypatch.setattr(revocation_log, "PAGE", 3)
    monkeypatch.setattr(streams_app, "Window", lambda: Window(2))
    scene.end(*"abcdefgh")

    async def act(server: Server) -> None:
        stream, page = server.stream(), await server.get("/revocations?after=1")
        await stream.until(lambda one: len(one.entries) == 8)
        scene.end("i")
        await stream.until(lambda one: len(one.entries) == 9)
        assert seqs(stream) == list(range(1, 10))
        assert (seqs_of_page(page), page.json["more"]) == ([2, 3, 4], True)

    scene.play(act)


# ── how a stream ends ─────────────────────────────────────────────────────────────────────────────

ENDS: dict[str, tuple[Callable[[Scene, Server], None], str]] = {
    "token revoked": (
        lambda scene, _: scene.end(claims_of(scene.token)["jti"], kind=RevocationKind.JTI), "not_allowed",
    ),
    "client disabled": (lambda scene, _: scene.end(scene.server.id, kind=RevocationKind.CLIENT), "not_allowed"),
    "no resource server any more": (lambda scene, _: scene.log.dismissed.add(scene.server.id), "not_allowed"),
    "token expired": (lambda scene, _: None, "token_expired"),
    "shutdown": (lambda _, server: server.app.hub.stop(), "shutdown"),
    "database restored": (lambda scene, _: put_back(scene.log), "log_restored"),
}  # fmt: skip


def put_back(log: Log) -> None:
    log.entries, log.last = [], 0


@pytest.mark.promise("P1")
@pytest.mark.parametrize("case", ENDS)
def test_a_stream_ends_with_what_it_hangs_on(scene: Scene, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    act, reason = ENDS[case]
    monkeypatch.setattr(streams_app, "PATROL", 0.05)
    monkeypatch.setattr(streams_app, "ROUNDS_TO_LOOK", 2)
    scene.end("a")

    async def play(server: Server) -> None:
        stream = server.stream()
        await stream.until(lambda one: one.events)
        act(scene, server)
        await stream.until(ended)
        last = stream.events[-1]
        assert last.kind == "bye"
        assert last.data["reason"] == reason
        assert 0 <= last.data["retry"] < 1

    if case == "token expired":
        with scene.provider.clock.later(898):
            scene.play(play)
    else:
        scene.play(play)


def test_they_do_not_all_come_back_at_once(scene: Scene) -> None:
    async def act(server: Server) -> None:
        streams = [server.stream() for _ in range(20)]
        for stream in streams:
            await stream.until(lambda one: one.events)
        server.app.hub.stop()
        for stream in streams:
            await stream.until(ended)
        waits = sorted(stream.events[-1].data["retry"] for stream in streams)
        assert all(later - sooner > 0.02 for sooner, later in pairwise(waits))

    scene.play(act)


def test_a_long_poll_ends_with_its_client_too(scene: Scene) -> None:
    async def act(server: Server) -> None:
        waiting = server.open("/revocations?after=0&wait=30")
        await asyncio.sleep(0.2)
        scene.log.dismissed.add(scene.server.id)
        server.app.hub.dismiss({scene.server.id})
        await waiting.until(ended)
        assert waiting.status == 401

    scene.play(act)


def test_a_follower_that_leaves_gives_its_seat_back(scene: Scene) -> None:
    async def act(server: Server) -> None:
        stream = server.stream()
        await stream.until(lambda one: one.events)
        assert len(server.app.hub) == 1
        stream.left.set()
        assert stream.task is not None
        await asyncio.wait_for(stream.task, PATIENCE)
        assert len(server.app.hub) == 0

    scene.play(act)


def test_a_slow_follower_is_cut_off_and_resumes_where_it_was(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams_app, "PATROL", 0.05)
    monkeypatch.setattr(streams_hub, "PATIENCE", 0.2)

    async def act(server: Server) -> None:
        slow, quick = server.stream(), server.stream()
        await slow.until(lambda one: one.events)
        slow.taking.clear()
        scene.end(*"abc")
        await quick.until(lambda one: len(one.entries) == 3)
        assert slow.task is not None
        await asyncio.wait_for(slow.task, PATIENCE)
        assert slow.entries == []
        again = server.stream(last_event_id=slow.events[0].id or "")
        await again.until(lambda one: len(one.entries) == 3)
        assert len(server.app.hub) == 2

    scene.play(act)


def test_a_slow_follower_costs_the_others_nothing_and_catches_up(scene: Scene) -> None:
    """It is sent what it has missed in one piece: nothing queues up for it."""

    async def act(server: Server) -> None:
        slow, quick = server.stream(), server.stream()
        await slow.until(lambda one: one.events)
        slow.taking.clear()
        for number in range(20):
            scene.end(str(number))
            await quick.until(lambda one, count=number + 1: len(one.entries) == count)
        slow.taking.set()
        await slow.until(lambda one: len(one.entries) == 20)
        assert seqs(slow) == seqs(quick) == list(range(1, 21))
        assert sum(event.kind == "revocations" for event in slow.events) < 5

    scene.play(act)


def test_there_are_so_many_seats(scene: Scene) -> None:
    async def act(server: Server) -> None:
        streams = [server.stream() for _ in range(2)]
        for stream in streams:
            await stream.until(lambda one: one.events)
        refused = await server.get(accept="text/event-stream")
        assert (refused.status, refused.json["error"]) == (503, "temporarily_unavailable")
        assert int(refused.headers["retry-after"]) > 0
        assert (await server.get("/revocations?wait=5")).status == 503, "a long poll takes one, too"
        assert (await server.get()).status == 200, "a plain page takes none"

    scene.play(act, streams_limit=4)


# ── the database away ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.promise("P5")
def test_no_heartbeat_without_a_reading(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams_hub, "STALE", 0.3)

    async def act(server: Server) -> None:
        stream = server.stream()
        await stream.until(lambda one: len(one.events) > 2)
        scene.log.down = True
        await asyncio.sleep(0.2)
        before = len(stream.events)
        await asyncio.sleep(0.8)
        assert len(stream.events) == before, "an open connection proves nothing"
        for accept in ("text/event-stream", "application/json"):
            refused = await server.get(accept=accept)
            assert (refused.status, refused.json["error"]) == (503, "temporarily_unavailable")
        assert (await server.get("/readyz")).status == 503
        assert (await server.get("/healthz")).status == 200
        scene.end("meanwhile")
        scene.log.down = False
        await stream.until(lambda one: one.entries)

    scene.play(act)


# ── everything, once, in order ────────────────────────────────────────────────────────────────────


def test_whoever_joins_at_any_moment_misses_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty come, go and resume while the log grows and the window forgets; a 503 is one more reason to resume."""
    monkeypatch.setattr(streams_app, "Window", lambda: Window(40))
    monkeypatch.setattr(streams_serving, "PAGE", 25)
    monkeypatch.setattr(revocation_log, "PAGE", 25)
    chance, total = random.Random(4), 600

    async def follow(server: Server) -> list[int]:
        seen: list[int] = []
        await asyncio.sleep(chance.random())
        while len(seen) < total:
            stream = server.stream(last_event_id=str(seen[-1]) if seen else "")
            stay = min(chance.randint(1, total), total - len(seen))
            await stream.until(lambda one, stay=stay: one.ended or len(one.entries) >= stay)
            stream.left.set()
            seen += seqs(stream)
        return seen

    async def act(server: Server) -> None:
        followers = [asyncio.ensure_future(follow(server)) for _ in range(60)]
        for _ in range(total // 3):
            scene.end(*"abc")
            await asyncio.sleep(0.005)
        for follower in followers:
            assert await follower == list(range(1, total + 1))

    scene.play(act)
