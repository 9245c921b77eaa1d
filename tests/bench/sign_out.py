"""From pressing "Sign out" to the refusal by an API: ``python -m tests.bench.sign_out [--rounds N] [--plot FILE]``.

Four workers, PostgreSQL that syncs, Redis, ``idp serve --streams``, and twenty APIs in mode ``stream``, each of which
asks itself every five milliseconds whether the token is still good; clients sign in, refresh, introspect and end
sessions meanwhile, at a pace that does not fill the machine by itself (how many acts a second is said). A person
presses the button of the account page. Two times are taken for each API: from the press (the request is sent) and
from the acknowledgement (the answer has come) to its first refusal.

Then the stream is cut: the APIs turn to introspection, and an ending is noticed by that. Then the provider is gone,
too: they answer 503, and accept nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.demo_stack import free_ports
from tests.faults.load import Spec
from tests.faults.operators import Operator, operating
from tests.faults.servers import MortalPostgres
from tests.redis_server import RedisServer
from tests.running import ROOT, RunningProvider

from .plot import percentile, shares_over_time
from .sign_out_scene import People, seeded

APIS, PROCESSES, WORKERS = 20, 4, 4
LOAD_PAUSE_SECONDS = 0.25
BOUND_MS = 250.0
PICTURE = Path(__file__).parent / "pictures" / "sign_out.svg"


@dataclass(frozen=True)
class Heard:
    """What one API tells of one round: when it last accepted, when it first refused; how often it said 503."""

    api: int
    what: str
    at: float
    last: float
    accepted: int
    silent: int
    asked: int


class Apis:
    """The processes of the APIs."""

    def __init__(self, folder: Path, spec: dict[str, Any]) -> None:
        self._lines: queue.Queue[dict[str, Any]] = queue.Queue()
        self._processes = []
        for number in range(PROCESSES):
            path = folder / f"apis-{number}.json"
            path.write_text(json.dumps({**spec, "numbers": list(range(number, APIS, PROCESSES))}))
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.bench.apis", str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                text=True, cwd=ROOT,
            )  # fmt: skip
            self._processes.append(process)
            threading.Thread(target=self._read, args=(process,), daemon=True).start()

    def close(self) -> None:
        """End them."""
        for process in self._processes:
            assert process.stdin is not None
            with suppress(OSError):
                process.stdin.close()
            process.wait(30)

    def tell(self, **command: Any) -> None:
        """To all."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(json.dumps(command) + "\n")
            process.stdin.flush()

    def hear(self, *kinds: str, count: int = APIS, seconds: float = 60) -> list[dict[str, Any]]:
        """The next ``count`` lines of these kinds."""
        found: list[dict[str, Any]] = []
        until = time.monotonic() + seconds
        while len(found) < count:
            line = self._lines.get(timeout=max(0.1, until - time.monotonic()))
            if line["what"] in kinds:
                found.append(line)
        return found

    def refusals(self) -> list[Heard]:
        """One of each API."""
        return [Heard(**line) for line in self.hear("refused", "stopped")]

    def fresh(self) -> int:
        """How many would decide in memory now."""
        self.tell(fresh=True)
        return sum(int(line["count"]) for line in self.hear("fresh", count=PROCESSES))

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._lines.put(json.loads(line))


@dataclass
class Measured:
    """Milliseconds, of every API in every round; and acceptances that came too late."""

    from_press: list[float]
    from_answer: list[float]
    answers: list[float]
    too_late: int = 0
    in_memory: int = 0
    rounds: int = 0

    def lines(self) -> list[str]:
        """For a person."""
        said = [
            f"{self.rounds} sign-outs, {len(self.from_press)} refusals by {APIS} APIs, {WORKERS} workers",
            f"acceptances later than {BOUND_MS:g} ms after the acknowledgement: {self.too_late}",
            f"refusals by an API that had decided every acceptance in memory: {self.in_memory}",
        ]
        for name, values in (
            ("press to refusal", self.from_press), ("acknowledgement to refusal", self.from_answer),
            ("press to acknowledgement", self.answers),
        ):  # fmt: skip
            p50, p99 = percentile(values, 0.5), percentile(values, 0.99)
            said.append(f"{name:28} p50 {p50:6.1f} ms   p99 {p99:6.1f} ms   most {max(values):6.1f} ms")
        return said


def one_sign_out(people: People, apis: Apis) -> tuple[float, float, list[Heard]]:
    """When it was pressed, when it was acknowledged, and what each API did."""
    held = people.signed_in()
    apis.tell(token=held.access_token)
    apis.hear("accepted")
    time.sleep(random.uniform(0.1, 0.4))
    pressed, acknowledged = held.sign_out()
    return pressed, acknowledged, apis.refusals()


def measured(people: People, apis: Apis, rounds: int) -> Measured:
    """So many sign-outs, each seen by every API."""
    found = Measured([], [], [])
    for _ in range(rounds):
        pressed, acknowledged, heard = one_sign_out(people, apis)
        found.rounds += 1
        found.answers.append((acknowledged - pressed) * 1000)
        for one in heard:
            found.from_press.append((one.at - pressed) * 1000)
            found.from_answer.append(max(0.0, (one.at - acknowledged) * 1000))
            found.too_late += one.last > acknowledged + BOUND_MS / 1000
            found.in_memory += one.asked == 0
    return found


@dataclass
class Scenery:
    """Everything that runs."""

    folder: Path
    stack: ExitStack

    def build(self) -> None:
        """Servers, workers, streams, people, APIs, load."""
        self.history = self.folder / "history.jsonl"
        postgres = self.stack.enter_context(MortalPostgres())
        redis = self.stack.enter_context(RedisServer())
        port = free_ports(1)[0]
        self.provider = RunningProvider(self.folder / "provider", postgres.new_database(), workers=WORKERS, settings={
            "IDP_REDIS_URL": redis.url, "IDP_STREAMS_URL": f"http://127.0.0.1:{port}/revocations",
            "IDP_TRUSTED_PROXIES": "127.0.0.1", "IDP_CLIENT_REGISTRATION": "open", "IDP_PROOF_LIFE": "3600",
        })  # fmt: skip
        self.operator: Operator = self.stack.enter_context(operating(self.provider.settings, migrate=True))
        self.stack.callback(self.provider.stop)
        self.provider.start()
        self.streams = self._streams(port)
        self.people, spec = seeded(self.provider.issuer, self.operator)
        self.apis = Apis(self.folder, spec)
        self.stack.callback(self.apis.close)
        self._load()
        until = time.monotonic() + 120
        while self.apis.fresh() < APIS:
            if time.monotonic() > until:
                raise RuntimeError("the APIs do not follow the stream")
            time.sleep(0.5)

    def _streams(self, port: int) -> subprocess.Popen[bytes]:
        log = (self.folder / "streams.log").open("ab")
        self.stack.callback(log.close)
        process = subprocess.Popen(
            [sys.executable, "-m", "idp", "serve", "--streams", "--port", str(port)], cwd=self.folder,
            env=self.provider.environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        self.stack.callback(ended, process)
        return process

    def acts(self) -> int:
        """How many acts of the load beside have been recorded."""
        return len(self.history.read_bytes().splitlines()) if self.history.exists() else 0

    def _load(self) -> None:
        emails, apps = self.people.others(12)
        spec = Spec(
            self.provider.issuer, [("workers", self.provider.port)], self.provider.settings, apps, emails,
            "", 1, str(self.history), pause=LOAD_PAUSE_SECONDS,
        )  # fmt: skip
        path = spec.save(self.folder / "load.json")
        log = (self.folder / "load.log").open("ab")
        self.stack.callback(log.close)
        load = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.load", str(path)], cwd=ROOT, stdout=log, stderr=log
        )
        self.stack.callback(ended, load)


def ended(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL, of its children too if it leads a group."""
    with suppress(ProcessLookupError):
        if os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
    process.wait()


def without_stream(scenery: Scenery, rounds: int = 10) -> list[str]:
    """The stream is cut: each API asks the issuer, and notices an ending by that."""
    ended(scenery.streams)
    time.sleep(1)
    found = measured(scenery.people, scenery.apis, rounds)
    return [
        "", "with the stream cut (introspection):", *found.lines(),
        f"APIs that would still decide in memory: {scenery.apis.fresh()}",
    ]  # fmt: skip


def without_anything(scenery: Scenery) -> list[str]:
    """The provider is gone as well: an API says 503, and accepts nothing."""
    held = scenery.people.signed_in()
    scenery.apis.tell(token=held.access_token)
    scenery.apis.hear("accepted")
    scenery.provider.crash()
    gone = time.monotonic()
    time.sleep(5)
    scenery.apis.tell(stop=True)
    heard = scenery.apis.refusals()
    late, refused = sum(one.last > gone + BOUND_MS / 1000 for one in heard), sum(one.what == "refused" for one in heard)
    silent = f"{sum(one.silent for one in heard)} answers of 503 by {sum(one.silent > 0 for one in heard)} APIs"
    return ["", "with the provider gone, too:", f"{silent}; acceptances: {late}; refusals: {refused}"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 if p99 is over the bound, or anything was accepted that must not be."""
    parser = argparse.ArgumentParser("python -m tests.bench.sign_out", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--plot", type=Path, default=PICTURE)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="idp-sign-out-") as name, ExitStack() as stack:
        scenery = Scenery(Path(name), stack)
        scenery.build()
        began, before = time.monotonic(), scenery.acts()
        found = measured(scenery.people, scenery.apis, options.rounds)
        beside = (scenery.acts() - before) / (time.monotonic() - began)
        print("\n".join([*found.lines(), f"acts of the load beside: {beside:.0f} a second"]), flush=True)
        print("\n".join(without_stream(scenery)), flush=True)
        print("\n".join(without_anything(scenery)), flush=True)
    series = {"from the press": found.from_press, "from its acknowledgement": found.from_answer}
    most = max(300.0, percentile(found.from_press, 0.995) * 1.2)
    title = f"“Sign out” to refusal: {APIS} APIs in mode stream, {WORKERS} workers, under load"
    options.plot.parent.mkdir(parents=True, exist_ok=True)
    options.plot.write_text(shares_over_time(title, series, BOUND_MS, most))
    return 1 if found.too_late or percentile(found.from_press, 0.99) > BOUND_MS else 0


if __name__ == "__main__":
    sys.exit(main())
