"""The ways to end, each until it is acknowledged; every attempt is a line of the history.

An attempt that was not answered may have ended everything, so what it aims at is buried before it is sent.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from idp.domain.ports import Stores
from idp.domain.session import EndReason, EndTarget, OneClientSession, ThisSession, WholeDevice, WholeUser
from idp.errors import IdpError, Unavailable
from idp.services import Services

from .acts import CALLBACK, Client, digest
from .history import Operation, Outcome, now
from .people import Hold, Person, Scene
from .wire import Answer

SHOWS_AN_ENDING = "account page that waits for an ending to be settled"
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_REFRESH = re.compile(r'http-equiv="refresh" content="([0-9.]+);url=([^"]*)"')


def form_token(page: Answer) -> str:
    """The anti-forgery token of the forms on a page; empty if there is none."""
    found = _TOKEN.search(page.text)
    return found[1] if found else ""


def waiting_page(answer: Answer) -> tuple[float, str] | None:
    """“Signing you out…”: after how many seconds it goes on by itself, and where to."""
    found = _REFRESH.search(answer.text) if answer.status == 503 else None
    return (float(found[1]), found[2]) if found else None


@contextmanager
def alone(person: Person) -> Iterator[list[Scene] | None]:
    """The devices of somebody for whom nobody else is adding or ending any meanwhile; None if somebody is."""
    if not person.lock.acquire(blocking=False):
        yield None
        return
    try:
        yield person.living
    finally:
        person.lock.release()


@dataclass
class Endings:
    """What one thread ends, as an app, as the person, or as an operator with ``services``."""

    client: Client
    services: Services
    stores: Stores

    # ── by an app ────────────────────────────────────────────────────────────────────────────────

    def revoke(self, hold: Hold) -> None:
        """RFC 7009, of an access token or of a refresh token."""
        token = hold.access[-1][0] if self.client.chance.random() < 0.5 or not hold.families else hold.families[0].token
        form = {"token": token, **hold.app.credentials}
        self.client.everybody.bury(hold)
        self._until_done("revoke", (f"sid:{hold.sid}",), lambda: self.client.wire.ask("POST", "/revoke", form), {200})

    def replay(self, hold: Hold) -> None:
        """A thief uses a refresh token that the app has used up, and its child too: the session ends (I5)."""
        family = next((family for family in hold.families if len(family.old) > 1), None)
        if family is None:
            return
        token, counter = family.old[0]
        self.client.everybody.bury(hold)
        form = {"grant_type": "refresh_token", "refresh_token": token, **hold.app.credentials}
        about = {"family": family.name, "counter": counter}
        self._until_refused("replay", hold, form, about)

    def redeem_again(self, scene: Scene) -> None:
        """A thief redeems a code that has been redeemed: what it gave ends (P4)."""
        app = self.client.chance.choice(self.client.everybody.apps)
        code = self.client.code(scene, app)
        hold = self.client.redeem(scene, app, code) if code else None
        if hold is None or code is None:
            return
        self.client.everybody.bury(hold)
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": "v" * 43,
            **hold.app.credentials,
        }  # fmt: skip
        self._until_refused("redeem again", hold, form, {}, code=digest(code))

    # ── by the person ────────────────────────────────────────────────────────────────────────────

    def sign_out(self, scene: Scene) -> None:
        """The button of the account page."""
        self._press_for(scene, "sign out", "/account/sign-out", [scene], device=False, subjects=(scene.session,))

    def log_out(self, scene: Scene) -> None:
        """RP-initiated, with the hint of one of the apps."""
        hold = next((hold for hold in scene.holds.values() if hold.id_token), None)
        if hold is None:
            return
        query = urlencode({"id_token_hint": hold.id_token, "post_logout_redirect_uri": CALLBACK})
        self.client.everybody.bury_session(scene, device=False)
        ask = self.client.wire.ask
        self._until_done("logout", (scene.session,), lambda: ask("GET", f"/logout?{query}", Cookie=scene.cookie), {303})

    def end_device(self, person: Person) -> None:
        """Another device, from the list."""
        with alone(person) as living:
            if living is None or len(living) < 2:
                return
            mine, other = self.client.chance.sample(living, 2)
            path = f"/account/sessions/{other.device_id}/end"
            self._press_for(mine, "end device", path, [other], device=True, subjects=(other.device,))

    def end_others(self, person: Person) -> None:
        """Every device but this one."""
        with alone(person) as living:
            if living is None or len(living) < 2:
                return
            mine, *others = self.client.chance.sample(living, len(living))
            devices = tuple(device for device in person.devices if device != mine.device)
            self._press_for(mine, "end others", "/account/sessions/others/end", others, device=True, subjects=devices)

    def end_everywhere(self, person: Person) -> None:
        """Every device, this one too."""
        with alone(person) as living:
            if not living:
                return
            devices = tuple(person.devices)
            path = "/account/sessions/everywhere/end"
            self._press_for(living[0], "end everywhere", path, living, device=True, subjects=devices)

    # ── by an operator ───────────────────────────────────────────────────────────────────────────

    def operator_ends(self, scene: Scene) -> None:
        """A client session, a Session, or a device."""
        hold = next(iter(scene.holds.values()), None)
        kind = self.client.chance.randrange(3)
        if kind == 0 and hold is not None:
            self.client.everybody.bury(hold)
            self._operate("operator ends sid", (f"sid:{hold.sid}",), OneClientSession(UUID(hold.sid)))
        elif kind == 1:
            self.client.everybody.bury_session(scene, device=False)
            self._operate("operator ends session", (scene.session,), ThisSession(scene.session_id))
        else:
            self.client.everybody.bury_session(scene, device=True)
            target = WholeDevice(UUID(scene.person.id), scene.device_id)
            self._operate("operator ends device", (scene.device,), target)

    def operator_ends_person(self, person: Person) -> None:
        """Everything of somebody."""
        with alone(person) as living:
            if not living:
                return
            for scene in living:
                self.client.everybody.bury_session(scene, device=True)
            devices = tuple(person.devices)
            self._operate("operator ends user", devices, WholeUser(UUID(person.id)))

    # ── inside ───────────────────────────────────────────────────────────────────────────────────

    def _operate(self, what: str, subjects: tuple[str, ...], target: EndTarget) -> None:
        for _ in self.client.patiently():
            began, outcome, note = now(), Outcome.OK, ""
            try:
                with self.services.work():
                    self.services.sessions.end_session(target, EndReason.ADMINISTRATOR, by="operator")
            except Unavailable as error:
                outcome, note = Outcome.INFO, str(error)
            except IdpError as error:
                outcome, note = Outcome.FAIL, repr(error)
            self.client.recorder.add(Operation(
                what=what, invoke=began, complete=now(), outcome=outcome, subjects=subjects, asks_end=True,
                at="operator", note=note,
            ))  # fmt: skip
            if outcome is not Outcome.INFO:
                return

    def _press_for(
        self, scene: Scene, what: str, path: str, aimed: Iterable[Scene], *, device: bool, subjects: tuple[str, ...]
    ) -> None:  # fmt: skip
        """Press a button of the account page; what is aimed at is buried once there is a button to press."""
        if not self._form_token(scene):
            return
        for one in aimed:
            self.client.everybody.bury_session(one, device=device)
        headers = {"Cookie": scene.cookie, "Origin": self.client.wire.issuer, "Sec_Fetch_Site": "same-origin"}
        form = {"csrf_token": scene.form_token}
        self._until_done(what, subjects, lambda: self.client.wire.ask("POST", path, form, **headers), {303})

    def _form_token(self, scene: Scene) -> bool:
        if not scene.form_token:
            answer = self.client.wire.ask("GET", "/account/sessions", Cookie=scene.cookie)
            alive = {200: True, 303: False}.get(answer.status)
            what = "account page" if waiting_page(answer) is None else SHOWS_AN_ENDING
            self.client.reading(what, answer, (scene.session, scene.device), alive)
            scene.form_token = form_token(answer) if answer.status == 200 else ""
        return bool(scene.form_token)

    def _until_done(
        self, what: str, subjects: tuple[str, ...], ask: Callable[[], Answer], done: set[int]
    ) -> None:  # fmt: skip
        """``done`` are the statuses of the acknowledgement. Led to the sign-in page: somebody was quicker."""
        for _ in self.client.patiently():
            answer = ask()
            if answer.unknown:
                self.client.note(what, answer, Outcome.INFO, subjects=subjects, asks_end=True)
                if (leads_to := waiting_page(answer)) is not None and self._waited(what, subjects, *leads_to):
                    return
                continue
            acknowledged = answer.status in done and "/login" not in answer.headers.get("location", "")
            outcome = Outcome.OK if acknowledged else Outcome.FAIL
            note = "" if acknowledged else f"{answer.status} {answer.headers.get('location', '')} {answer.text[:200]}"
            self.client.note(what, answer, outcome, subjects=subjects, asks_end=True, note=note)
            return

    def _waited(self, what: str, subjects: tuple[str, ...], seconds: float, leads_to: str) -> bool:
        """The page goes on by itself: whoever arrives where it leads has been told that it is done."""
        time.sleep(seconds)
        answer = Answer("browser", now(), now(), 200)
        if leads_to.startswith((self.client.wire.issuer, "/")):
            answer = self.client.wire.ask("GET", leads_to.removeprefix(self.client.wire.issuer))
        outcome = Outcome.INFO if answer.unknown else Outcome.OK
        self.client.note(f"{what}, waited", answer, outcome, subjects=subjects, asks_end=True)
        return outcome is Outcome.OK

    def _until_refused(
        self, what: str, hold: Hold, form: dict[str, str], about: dict[str, object], code: str = ""
    ) -> None:  # fmt: skip
        for _ in self.client.patiently():
            answer = self.client.wire.ask("POST", "/token", form)
            subjects = (f"sid:{hold.sid}",)
            if answer.unknown:
                self.client.note(what, answer, Outcome.INFO, subjects=subjects, asks_end=True, **about)
                continue
            refused = answer.status == 400 and json.loads(answer.body).get("error") == "invalid_grant"
            accepted = {} if refused else {"given": digest(answer.text), "code": code}
            self.client.note(what, answer, Outcome.OK, subjects=subjects, asks_end=True, **about, **accepted)
            return
