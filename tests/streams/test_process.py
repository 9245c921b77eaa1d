"""The process itself, over real connections: killed, stopped, overrun, without its database. Nobody misses anything."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from idp.domain.revocation import RETENTION, Revocation, RevocationKind
from tests.postgres import PostgresServer

from .process import PATIENCE, Follower, Scene, StreamsProcess, streaming

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(params=["sqlite", "postgresql"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres").new_database()
    with streaming(tmp_path, url) as made:
        yield made


def end(scene: Scene, count: int) -> None:
    """So many endings, in one transaction."""
    now = scene.operator.stores.clock.now()
    entry = Revocation(kind=RevocationKind.SID, value="s" * 36, at=now, expires_at=now + RETENTION, reason="x")
    scene.operator.stores.revocations.append([entry] * count)


def endings(scene: Scene, transactions: int, of: int, pause: float = 0.0) -> Callable[[], None]:
    """Endings one after the other, from a thread of their own."""

    def work() -> None:
        for _ in range(transactions):
            end(scene, of)
            time.sleep(pause)

    return work


def reasons(streams: StreamsProcess) -> list[str | None]:
    """Why streams have ended, from the log."""
    lines = [json.loads(line) for line in streams.log.read_text().splitlines() if line.startswith("{")]
    return [line["reason"] for line in lines if line["event"] == "stream ended"]


def test_nothing_is_missed_when_the_process_is_killed_again_and_again(scene: Scene) -> None:
    """kill -9 in the midst of thousands of endings; followers resume at the new process."""
    chapters, size = 3, 1000
    total = chapters * size

    async def play() -> list[Follower]:
        loop = asyncio.get_running_loop()
        followers = [Follower(scene) for _ in range(30)]
        running = [asyncio.ensure_future(follower.follow(total)) for follower in followers]
        for chapter in range(chapters):
            ending = loop.run_in_executor(None, endings(scene, size // 10, 10, 0.01))
            await everybody_has(followers, chapter * size + 100)
            if chapter < chapters - 1:
                scene.streams.crash()
                await loop.run_in_executor(None, scene.streams.start)
            await ending
        await asyncio.gather(*running)
        return followers

    for follower in asyncio.run(play()):
        assert follower.seqs == list(range(1, total + 1)), "everything, once, in order"
        assert follower.connections >= chapters


async def everybody_has(followers: list[Follower], count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while min(len(follower.seqs) for follower in followers) < count:
            await asyncio.sleep(0.01)


def test_two_hundred_streams_while_many_end_sessions_at_once(scene: Scene) -> None:
    writers, each = 8, 30

    async def play() -> list[list[int]]:
        loop = asyncio.get_running_loop()
        running = [asyncio.ensure_future(Follower(scene).follow(writers * each * 3)) for _ in range(200)]
        await asyncio.gather(*(loop.run_in_executor(None, endings(scene, each, 3, 0.01)) for _ in range(writers)))
        return await asyncio.gather(*running)

    assert all(seqs == list(range(1, writers * each * 3 + 1)) for seqs in asyncio.run(play()))


def test_who_does_not_read_is_cut_off_and_resumes(scene: Scene) -> None:
    """Twenty megabytes for somebody who takes nothing: more than the kernels between us keep."""
    total = 150_000
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", scene.streams.port))
        slow.sendall(Follower(scene).request())
        ending = threading.Thread(target=endings(scene, total // 1000, 1000))
        ending.start()
        until(lambda: "too_slow" in reasons(scene.streams))
        ending.join()
    follower = Follower(scene)
    assert asyncio.run(follower.follow(total)) == list(range(1, total + 1))


def until(holds: Callable[[], Any]) -> None:
    finish = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < finish
        time.sleep(0.05)


def test_it_stops_in_order(scene: Scene) -> None:
    async def play() -> str:
        async with Follower(scene).stream() as events:
            await anext(events)
            stopping = asyncio.get_running_loop().run_in_executor(None, scene.streams.stop)
            async for event in events:
                if event.kind == "bye":
                    break
            began = time.monotonic()
            assert await stopping == 0
            assert time.monotonic() - began < 9, "it waits for nobody"
            return str(event.data["reason"])

    assert asyncio.run(play()) == "shutdown"


@pytest.mark.promise("P1")
def test_the_stream_of_a_disabled_client_ends(scene: Scene) -> None:
    async def play() -> str:
        async with Follower(scene).stream() as events:
            await anext(events)
            with scene.operator.services.work():
                scene.operator.services.clients.disable(scene.client_id)
            async with asyncio.timeout(PATIENCE):
                async for event in events:
                    if event.kind == "bye":
                        break
            return str(event.data["reason"])

    assert asyncio.run(play()) == "not_allowed"
    headers = {"Authorization": f"Bearer {scene.token}"}
    assert requests.get(scene.streams.url, headers=headers, timeout=30).status_code == 401


@pytest.mark.promise("P5")
def test_heartbeats_stop_with_the_database_and_come_back_with_it(tmp_path: Path) -> None:
    with PostgresServer(fsync="on") as server, streaming(tmp_path, server.new_database()) as scene:
        asyncio.run(_without_database(scene, server))


async def _without_database(scene: Scene, server: PostgresServer) -> None:
    follower = Follower(scene)
    async with follower.stream() as events:
        reading = asyncio.ensure_future(_drain(events))
        await _more(follower, 3)
        server.kill()
        await asyncio.sleep(1)
        before = len(follower.events)
        await asyncio.sleep(3)
        assert len(follower.events) == before, "no heartbeat without a reading"
        headers = {"Authorization": f"Bearer {scene.token}", "Accept": "text/event-stream"}
        refused = await asyncio.to_thread(requests.get, scene.streams.url, headers=headers, timeout=30)
        assert refused.status_code == 503
        assert "Retry-After" in refused.headers
        server.start()
        await _more(follower, 3)
        end(scene, 1)
        await _more(follower, 3)
        assert follower.seqs == [1]
        assert follower.connections == 1, "the same stream goes on"
        reading.cancel()


async def _drain(events: Any) -> None:
    async for _event in events:
        pass


async def _more(follower: Follower, count: int) -> None:
    wanted = len(follower.events) + count
    async with asyncio.timeout(PATIENCE):
        while len(follower.events) < wanted:
            await asyncio.sleep(0.05)


def test_retention_covers_every_clock() -> None:
    """An hour for the longest token, five minutes for clocks apart (domain/revocation.py)."""
    assert timedelta(hours=1, minutes=5) == RETENTION
