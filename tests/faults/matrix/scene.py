"""What the rows of the matrix are played with: somebody signed in, a crowd beside, and the verdict."""

from __future__ import annotations

import itertools
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from uuid import UUID

from idp.domain.device import Origin
from idp.services.sign_in import SignedIn
from idp.storage import hot_copy
from tests.faults import checker, history
from tests.faults.acts import Client
from tests.faults.endings import Endings
from tests.faults.history import Operation, Recorder
from tests.faults.load import Load, Spec
from tests.faults.people import App, Everybody, Hold, Person, Scene
from tests.faults.stage import GRACE_SECONDS, PASSWORD, Stage, Worker
from tests.faults.wire import Answer, Proxy, Wire

CROWD = 8
PAUSE_SECONDS = 0.05  # between two acts of one of them: they share an interpreter with the proxies of every worker
_numbers = itertools.count(1)


@dataclass
class Play:
    """One stage, its apps, and every line of every row."""

    stage: Stage
    told: int = 0
    _judged: list[Operation] = field(default_factory=list)
    _wires: list[Wire] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.recorder = Recorder(self.stage.folder / "history-rows.jsonl")
        self.client = self.a_client(self.stage.workers)
        self.endings = Endings(self.client, self.stage.operator.services, self.stage.operator.stores)

    @cached_property
    def apps(self) -> list[App]:
        """One online, one offline."""
        return [App(**app) for app in self.stage.apps()]

    @cached_property
    def strict_app(self) -> App:
        """Like the online one, with the default grace."""
        return App(**self.stage.app(False, refresh_grace=30))

    def a_client(self, workers: list[Worker], everybody: Everybody | None = None) -> Client:
        """Somebody who asks these workers only."""
        chance = random.Random(next(_numbers))
        wire = Wire(self.stage.issuer, [(worker.name, worker.port) for worker in workers], chance)
        self._wires.append(wire)
        everybody = everybody or Everybody([], list(self.apps))
        return Client(wire, self.recorder, everybody, chance, threading.Event())

    def close(self) -> None:
        """Let go of every connection, and of the file."""
        for wire in self._wires:
            wire.close()
        self.recorder.close()

    def at(self, worker: Worker) -> Client:
        """Somebody who asks this worker only."""
        return self.a_client([worker], self.client.everybody)

    # ── who takes part ───────────────────────────────────────────────────────────────────────────

    def person(self) -> Person:
        """Somebody new."""
        [email] = self.stage.people(1, f"row{next(_numbers)}-")
        user = self.stage.operator.stores.users.by_email(email)
        assert user is not None
        return Person(str(user.id), email)

    def scene(self, person: Person | None = None) -> Scene:
        """A device where somebody is signed in."""

        person = person or self.person()
        services = self.stage.operator.services
        user = self.stage.operator.stores.users.by_email(person.email)
        assert user is not None

        def begin() -> SignedIn:
            with services.work():
                return services.sign_in.begin(user, origin=Origin(), device_secret=None, session_secret=None)

        done = self.stage.patiently(begin)
        session = done.session
        cookie = f"idp-session={done.session_secret}; idp-device={done.device_secret}"
        made = Scene(person, f"session:{session.id}", f"device:{session.device_id}", cookie)
        person.scenes.append(made)
        person.devices.append(made.device)
        return made

    def holding(self, app: App | None = None, scene: Scene | None = None) -> Hold:
        """An app that holds tokens of somebody who is signed in."""
        scene, app = scene or self.scene(), app or self.apps[0]
        for _ in range(100):
            code = self.client.code(scene, app)
            hold = self.client.redeem(scene, app, code) if code else None
            if hold is not None:
                return hold
            time.sleep(0.1)
        raise AssertionError("nobody can sign in")

    # ── asking ───────────────────────────────────────────────────────────────────────────────────

    def introspect(self, hold: Hold, worker: Worker | None = None) -> Answer:
        """At one worker, recorded."""
        client = self.at(worker) if worker else self.client
        token = hold.access[-1][0]
        answer = client.wire.ask("POST", "/introspect", {"token": token, **hold.app.credentials})
        alive = b'"active":true' in answer.body if answer.status == 200 else None
        client.reading("introspect", answer, hold.subjects, alive)
        client.wire.close()
        return answer

    def active(self, hold: Hold, worker: Worker | None = None) -> bool | None:
        """What introspection says; None if it says nothing."""
        answer = self.introspect(hold, worker)
        return b'"active":true' in answer.body if answer.status == 200 else None

    def leased(self, hold: Hold, worker: Worker) -> bool:
        """Is it alive? A lease stands if so: the first question asks the record alone, the second leases its answer."""
        return all(self.active(hold, worker) for _ in range(3))

    def revoke(self, hold: Hold, worker: Worker) -> Answer:
        """One attempt at one worker, recorded."""
        client = self.at(worker)
        answer = client.wire.ask("POST", "/revoke", {"token": hold.access[-1][0], **hold.app.credentials})
        outcome = history.Outcome.OK if answer.status == 200 else history.Outcome.INFO
        client.note("revoke", answer, outcome, subjects=(f"sid:{hold.sid}",), asks_end=True)
        client.wire.close()
        return answer

    @contextmanager
    def crowd(self, threads: int = CROWD, proxy: Proxy | None = None) -> Iterator[Load]:
        """Recording clients act at random meanwhile; at the end everybody who lives shows that they do."""
        emails = self.stage.people(6, f"crowd{next(_numbers)}-")
        stores = self.stage.operator.stores
        users = [user for user in map(stores.users.by_email, emails) if user is not None]
        everybody = Everybody([Person(str(user.id), user.email) for user in users], list(self.apps))
        spec = Spec(
            self.stage.issuer, self.stage.addresses, {}, [], emails, PASSWORD, next(_numbers), "", next(_numbers),
            PAUSE_SECONDS,
        )  # fmt: skip
        load = Load(
            spec, self.stage.operator, self.recorder, everybody, {str(user.id): user for user in users},
            threading.Event(), threads, proxy,
        )  # fmt: skip
        thread = threading.Thread(target=load.run)
        thread.start()
        try:
            until(lambda: everybody.hold(random.Random(0)))
            yield load
        finally:
            load.stopping.set()
            thread.join()

    # ── verdict ──────────────────────────────────────────────────────────────────────────────────

    def operations(self) -> list[Operation]:
        """Everything recorded since this was asked last."""
        self.recorder.flush()
        found = list(history.load([self.recorder.path]))
        fresh, self.told = found[self.told :], len(found)
        return fresh

    def judge(self) -> list[Operation]:
        """Nothing was violated since the last verdict; nor did any answer take longer than it may at random."""
        operations = self.operations()
        settle = self.stage.operator.stores.tombstones.settle_seconds
        bounds = checker.Bounds(grace=GRACE_SECONDS, settle=settle)
        violations = checker.check(operations, bounds)
        assert not violations, "\n".join(str(violation) for violation in violations[:10])
        self._judged += operations
        return operations

    def told_of_silence(self) -> set[str]:
        """Requests whose ending Redis did not confirm within its 50 ms. Where nobody has touched it that is the
        machine's doing; their 503 is what design.md 4.2 says they are told."""
        lines = [json.loads(line) for line in self.stage.logs().splitlines() if "is not confirmed by redis" in line]
        return {f"request {line.get('request_id')}" for line in lines if line["reason"].endswith("TimeoutError")}

    def marked(self, hold: Hold) -> bool:
        """Does a tombstone stand in Redis? Any process that reaches it repeats what another could not write."""
        assert self.stage.redis is not None
        sid = UUID(hold.sid)
        return self.stage.redis.cli("GET", hot_copy._keys(sid, hot_copy._shard(sid))[0]) == "x"

    def summary(self) -> str:
        """Figures."""
        found = checker.figures(self._judged)
        return f"{len(self._judged)} operations, {sum(found['endings'].values())} endings, {dict(found['readings'])}"


def until(true: Callable[[], object], seconds: float = 300.0) -> None:
    """Wait for it, patiently."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)
