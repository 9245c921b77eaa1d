"""One process of the load: ``python -m tests.faults.load spec.json``. Ends on SIGTERM, or with its parent.

Threads act at random on people who are signed in at this process alone. New sign-ins come from the services
in this process, in bulk, as an operator's program would make them (argon2 would be most of the load); one in
fifty is a real one, with a password, through the page.
"""

from __future__ import annotations

import json
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from idp.domain.device import Origin
from idp.domain.user import User
from idp.errors import IdpError

from .acts import Client
from .endings import Endings, alone
from .history import Recorder
from .operators import Operator, operating
from .people import App, Everybody, Hold, Person, Scene
from .registrations import Registrations
from .wire import Proxy, Wire

SCENES = 24
THREADS = 5


@dataclass(frozen=True)
class Spec:
    """What a process of the load is told. ``settings`` are the provider's, for the operator; ``pause``: the seconds
    that each thread waits between two acts."""

    issuer: str
    workers: list[tuple[str, int]]
    settings: dict[str, str]
    apps: list[dict[str, Any]]
    emails: list[str]
    password: str
    seed: int
    out: str
    number: int = 0
    pause: float = 0.0

    def save(self, path: Path) -> Path:
        path.write_text(json.dumps(asdict(self)))
        return path

    @classmethod
    def load(cls, path: Path) -> Self:
        members = json.loads(path.read_text())
        return cls(**members | {"workers": [tuple(worker) for worker in members["workers"]]})


@dataclass
class Load:
    """One process."""

    spec: Spec
    operator: Operator
    recorder: Recorder
    everybody: Everybody
    users: dict[str, User]
    stopping: threading.Event
    threads: int = THREADS
    proxy: Proxy | None = None

    def run(self) -> None:
        """Until told to stop; then everybody who lives shows that they do."""
        threads = [threading.Thread(target=self._thread, args=(number,)) for number in range(self.threads)]
        for thread in threads:
            thread.start()
        while not self.stopping.wait(1):
            self.recorder.flush()
        for thread in threads:
            thread.join()
        self._last()

    def _thread(self, number: int) -> None:
        with self._client(number) as client:
            acting = Acting(client, Endings(client, self.operator.services, self.operator.stores), self)
            while not self.stopping.is_set():
                acting.once()
                self.stopping.wait(self.spec.pause)

    @contextmanager
    def _client(self, number: int) -> Iterator[Client]:
        chance = random.Random(f"{self.spec.seed} {self.spec.number} {number}")
        wire = Wire(self.spec.issuer, self.spec.workers, chance, self.proxy)
        try:
            yield Client(wire, self.recorder, self.everybody, chance, self.stopping)
        finally:
            wire.close()

    def _last(self) -> None:
        with self._client(self.threads) as client:
            for hold in [*self._held(), *self.everybody.survivors]:
                client.final(hold)
            for hold in list(self.everybody.graveyard):
                client.look(hold)
            for scene in list(self.everybody.buried_sessions):
                client.code(scene, self.everybody.apps[0])

    def _held(self) -> list[Hold]:
        return [hold for scene in self.everybody.scenes() for hold in list(scene.holds.values())]

    # ── signing in ───────────────────────────────────────────────────────────────────────────────

    def new_scene(self, client: Client) -> None:
        """Somebody signs in on a new device, and opens both apps."""
        person = client.chance.choice(self.everybody.people)
        if len(person.living) >= 3:
            return
        with alone(person) as living:
            scene = self._signed_in(client, person) if living is not None else None
            if scene is not None:
                person.devices.append(scene.device)
                person.scenes.append(scene)
        if scene is not None:
            for app in self.everybody.apps:
                if code := client.code(scene, app):
                    client.redeem(scene, app, code)

    def _signed_in(self, client: Client, person: Person) -> Scene | None:
        services = self.operator.services
        if client.chance.random() < 0.02:
            return Registrations(client, self.operator.stores, self.spec.password).sign_in(person)
        try:
            with services.work():
                done = services.sign_in.begin(
                    self.users[person.id], origin=Origin(), device_secret=None, session_secret=None
                )
        except IdpError:
            return None
        session = done.session
        cookie = f"idp-session={done.session_secret}; idp-device={done.device_secret}"
        return Scene(person, f"session:{session.id}", f"device:{session.device_id}", cookie)


@dataclass
class Acting:
    """One thread's choice of what to do next."""

    client: Client
    endings: Endings
    load: Load

    def __post_init__(self) -> None:
        chance, client = self.client.chance, self.client
        everybody, endings = client.everybody, self.endings
        registrations = Registrations(client, self.load.operator.stores, self.load.spec.password)

        def with_hold(act: Callable[[Hold], object]) -> Callable[[], object]:
            return lambda: act(found) if (found := everybody.hold(chance)) else None

        def with_scene(act: Callable[[Scene], object]) -> Callable[[], object]:
            return lambda: act(chance.choice(found)) if (found := everybody.scenes()) else None

        def with_person(act: Callable[[Person], object]) -> Callable[[], object]:
            return lambda: act(chance.choice(everybody.people))

        self.acts: list[tuple[int, Callable[[], object]]] = [
            (300, with_hold(client.look)),
            (50, with_hold(client.introspect_refresh)),
            (160, with_hold(client.refresh)),
            (200, self.ask_the_dead),
            (40, with_scene(client.authorize)),
            (10, registrations.once),
            (12, with_hold(endings.revoke)),
            (5, with_hold(endings.replay)),
            (4, with_scene(endings.redeem_again)),
            (5, with_scene(endings.sign_out)),
            (5, with_scene(endings.log_out)),
            (4, with_person(endings.end_device)),
            (2, with_person(endings.end_others)),
            (1, with_person(endings.end_everywhere)),
            (5, with_scene(endings.operator_ends)),
            (1, with_person(endings.operator_ends_person)),
        ]

    def once(self) -> None:
        """One act; somebody new signs in where there are too few."""
        if len(self.client.everybody.scenes()) < SCENES and self.client.chance.random() < 0.2:
            self.load.new_scene(self.client)
            return
        weights = [weight for weight, _act in self.acts]
        [(_weight, act)] = self.client.chance.choices(self.acts, weights)
        act()

    def ask_the_dead(self) -> None:
        """What was ended must stay so, for ever: client sessions, and Sessions."""
        everybody, chance = self.client.everybody, self.client.chance
        graves, sessions = list(everybody.graveyard), list(everybody.buried_sessions)
        if sessions and chance.random() < 0.2:
            self.client.code(chance.choice(sessions), everybody.apps[0])
        elif graves:
            recent = graves[-8:] if chance.random() < 0.6 else graves
            self.client.look(chance.choice(recent))


def main() -> None:
    """Read what to do, do it until told to stop."""
    spec = Spec.load(Path(sys.argv[1]))
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    with ExitStack() as stack:
        operator = stack.enter_context(operating(spec.settings))
        recorder = Recorder(Path(spec.out))
        stack.callback(recorder.close)
        users = [operator.stores.users.by_email(email) for email in spec.emails]
        people = [Person(str(user.id), user.email) for user in users if user is not None]
        everybody = Everybody(people, [App(**app) for app in spec.apps])
        known = {str(user.id): user for user in users if user is not None}
        Load(spec, operator, recorder, everybody, known, stopping).run()


if __name__ == "__main__":
    main()
