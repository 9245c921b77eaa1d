"""Whom the load knows: people with their devices, and what apps hold of them.

An app is honest: it uses a refresh token once, waits for the answer, and repeats the same use where the
answer was lost. What a person ends goes to the graveyard, where it is asked about for the rest of the run.
"""

from __future__ import annotations

import base64
import json
import random
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

FRESH_SECONDS = 1800.0


@dataclass(frozen=True)
class App:
    """A confidential client with client_secret_post."""

    client_id: str
    secret: str
    offline: bool = False

    @property
    def credentials(self) -> dict[str, str]:
        return {"client_id": self.client_id, "client_secret": self.secret}

    @property
    def scope(self) -> str:
        return "openid offline_access" if self.offline else "openid"


@dataclass(eq=False)
class Family:
    """One chain of refresh tokens as its app knows it: ``unsure`` while the answer to a use is lost.
    ``old`` are the tokens it has used up."""

    name: str
    token: str
    counter: int = 0
    unsure: bool = False
    old: deque[tuple[str, int]] = field(default_factory=lambda: deque(maxlen=4))
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(eq=False)
class Hold:
    """What one app holds of one device: a client session."""

    sid: str
    app: App
    scene: Scene
    families: list[Family] = field(default_factory=list)
    access: deque[tuple[str, float]] = field(default_factory=lambda: deque(maxlen=6))
    id_token: str = ""
    ending: bool = False

    @property
    def subjects(self) -> tuple[str, ...]:
        """Itself, and what it hangs on: an offline one survives its Session (design.md section 5)."""
        under = () if self.app.offline else (self.scene.session,)
        return (f"sid:{self.sid}", *under, self.scene.device)


@dataclass(eq=False)
class Scene:
    """One person on one device, signed in."""

    person: Person
    session: str
    device: str
    cookie: str
    holds: dict[str, Hold] = field(default_factory=dict)
    ending: bool = False
    form_token: str = ""

    @property
    def device_id(self) -> UUID:
        return UUID(self.device.partition(":")[2])

    @property
    def session_id(self) -> UUID:
        return UUID(self.session.partition(":")[2])


@dataclass(eq=False)
class Person:
    """``lock`` is held by whoever adds a device and by whoever ends several: each knows what there is.

    ``devices`` are all there ever were: an app may keep its access on one where nobody is signed in any more.
    """

    id: str
    email: str
    devices: list[str] = field(default_factory=list)
    scenes: list[Scene] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def living(self) -> list[Scene]:
        return [scene for scene in self.scenes if not scene.ending]


@dataclass
class Everybody:
    """Shared by the threads of a process. Only lists are changed, by operations that are atomic in CPython."""

    people: list[Person]
    apps: list[App]
    graveyard: deque[Hold] = field(default_factory=lambda: deque(maxlen=400))
    buried_sessions: deque[Scene] = field(default_factory=lambda: deque(maxlen=100))
    survivors: deque[Hold] = field(default_factory=lambda: deque(maxlen=40))

    def scenes(self) -> list[Scene]:
        """Devices where somebody is signed in."""
        return [scene for person in self.people for scene in list(person.scenes) if not scene.ending]

    def hold(self, chance: random.Random) -> Hold | None:
        """Any that nobody is ending."""
        held = [hold for scene in self.scenes() for hold in list(scene.holds.values())]
        holds = [hold for hold in (*held, *list(self.survivors)) if not hold.ending]
        return chance.choice(holds) if holds else None

    def bury(self, hold: Hold) -> None:
        """Its end is being asked for: no more use, many questions."""
        hold.ending = True
        hold.scene.holds.pop(hold.sid, None)
        if hold in self.survivors:
            self.survivors.remove(hold)
        self.graveyard.append(hold)

    def bury_session(self, scene: Scene, *, device: bool) -> None:
        """Its Session ends, and with it what is online; with the device the rest, too."""
        scene.ending = True
        for hold in list(scene.holds.values()):
            if device or not hold.app.offline:
                self.bury(hold)
            else:
                self.survivors.append(hold)
        self.buried_sessions.append(scene)
        if scene in scene.person.scenes:
            scene.person.scenes.remove(scene)


def facts(token: str) -> dict[str, Any]:
    """The claims of a JWT, unverified."""
    part = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims
