"""``idp worker``: real processes, really killed; nothing is lost, nothing sent by two at a time (I12, F-17, F-43)."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path

import pytest

from idp.domain.outbox import MessageState, Search
from idp.domain.session import EndReason, ThisSession
from tests.builders import NOW, a_client
from tests.receivers import Receiver
from tests.running import Operator, RunningProvider, operating
from tests.storage.people import joined, sign_in

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("worker"), pytest.mark.timeout(600)]
STOP_SECONDS = 10.0


@pytest.fixture(params=["sqlite", "postgresql"])
def idle(request: pytest.FixtureRequest, tmp_path: Path) -> RunningProvider:
    """A provider that is not started: its settings and its database are what the workers need."""
    url = request.getfixturevalue("postgres").new_database() if request.param == "postgresql" else ""
    settings = {"IDP_FETCH_PRIVATE_NETWORKS": "1", "IDP_LOG_LEVEL": "info"}
    return RunningProvider(tmp_path, database_url=url, settings=settings)


@pytest.fixture
def operator(idle: RunningProvider) -> Iterator[Operator]:
    with operating(idle) as found:
        found.services.keys.ensure()
        yield found


@contextmanager
def a_worker(idle: RunningProvider, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own; it is gone afterwards."""
    with (idle.folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "idp", "worker", *options], cwd=idle.folder, env=idle.environment,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait(20)


def end_sessions(operator: Operator, receiver: Receiver, number: int, path: str = "/ok") -> None:
    """So many sign-outs of people whom one app must be told of."""
    client = a_client(metadata={"backchannel_logout_uri": receiver.uri(path)})
    operator.stores.clients.add(client)
    for _ in range(number):
        who = sign_in(operator.stores, client=client, created_at=operator.stores.clock.now())
        joined(operator.stores, who)
        with operator.stores.work():
            operator.services.sessions.end_session(ThisSession(who.session.id), EndReason.SIGNED_OUT, by="test")


def started(idle: RunningProvider, number: int) -> bool:
    """Have so many workers come to their work? Before that SIGTERM is a sudden end."""
    return (idle.folder / "worker.log").read_text().count("worker started") >= number


def stopped_in_time(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and it ends by itself, as if it had done all it wanted."""
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(STOP_SECONDS + 20) == 0
    assert time.monotonic() - began < STOP_SECONDS + 15, "some for a busy machine to clear up"


@pytest.mark.promise("I12")
def test_a_worker_that_is_killed_loses_nothing(idle: RunningProvider, operator: Operator) -> None:
    number = 24
    with Receiver(delays={"/ok": 0.4}) as photos:
        with a_worker(idle, "--threads", "4") as first, a_worker(idle, "--threads", "4") as second:
            photos.wait(lambda: started(idle, 2))
            end_sessions(operator, photos, number)
            photos.wait(lambda: len(photos.arrivals) >= 6)
            first.kill()
            with a_worker(idle) as third:
                photos.wait(lambda: not operator.stores.outbox.pending(1) and started(idle, 3))
                for process in (second, third):
                    stopped_in_time(process)
        arrivals = photos.at("/ok")
    assert len({arrival.claims["jti"] for arrival in arrivals}) == number, "everybody was told"
    assert len(arrivals) - number <= 4, "twice at most what the killed one was at"
    for one, other in combinations(arrivals, 2):
        if one.claims["jti"] == other.claims["jti"]:
            assert one.ended < other.began or other.ended < one.began, "never by two at the same time"
    states = {message.state for message in operator.stores.outbox.list(Search(), 100)}
    assert states == {MessageState.DELIVERED}


def test_it_stops_in_time_whoever_holds_it(idle: RunningProvider, operator: Operator) -> None:
    """F-43: a receiver that never answers."""
    with Receiver(delays={"/slow": 300}) as photos:
        end_sessions(operator, photos, 3, "/slow")
        with a_worker(idle) as worker:
            photos.wait(lambda: bool(photos.arrivals))
            stopped_in_time(worker)


def test_once_does_what_is_due_endings_by_age_included(idle: RunningProvider, operator: Operator) -> None:
    """The session of the builders ran out long ago: its end is written, and its app is told, in one go."""
    with Receiver(statuses={"/broken": 500}) as photos:
        client = a_client(metadata={"backchannel_logout_uri": photos.uri()})
        operator.stores.clients.add(client)
        who = sign_in(operator.stores, client=client, idle_seconds=1, created_at=NOW)
        sid = joined(operator.stores, who).id
        end_sessions(operator, photos, 1, "/broken")
        with a_worker(idle, "--once") as worker:
            assert worker.wait(120) == 0
        assert [arrival.claims["sid"] for arrival in photos.at("/ok")] == [str(sid)]
        assert len(photos.at("/broken")) == 1
    ended = operator.stores.sessions.get(who.session.id)
    assert ended is not None
    assert ended.end_reason is EndReason.IDLE


def test_new_messages_are_taken_up_soon(idle: RunningProvider, operator: Operator) -> None:
    with Receiver() as photos, a_worker(idle):
        end_sessions(operator, photos, 1)
        photos.wait(lambda: len(photos.arrivals) == 1)
        time.sleep(1.5)  # idle by now
        began = time.monotonic()
        end_sessions(operator, photos, 1)
        photos.wait(lambda: len(photos.arrivals) == 2)
        assert time.monotonic() - began < 15, "about a second, on a machine that is not busy"
