"""What clients do and what they see of it: each act is requests to any worker, and a line of the history.

Retries are those that the specifications tell of: the same refresh token after a lost answer (design.md 4.1),
the same revocation after a 503 (RFC 7009 section 2.2.1). A code is never sent twice: RFC 6749 section 4.1.2
forbids it, so whoever loses the answer to one asks for another.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from idp.domain.refresh import parse_token

from .history import Operation, Outcome, Recorder, now
from .people import App, Everybody, Family, Hold, Scene, facts
from .wire import Answer, Wire

CALLBACK = "https://app.example/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
FRESH_SECONDS = 1500.0
GIVE_UP_SECONDS = 100.0


@dataclass
class Client:
    """One thread's way of acting."""

    wire: Wire
    recorder: Recorder
    everybody: Everybody
    chance: random.Random
    stopping: Any

    # ── recording ────────────────────────────────────────────────────────────────────────────────

    def note(self, what: str, answer: Answer, outcome: Outcome, **members: Any) -> Operation:
        """One line, from an answer."""
        return self.recorder.add(Operation(
            what=what, invoke=answer.invoke, complete=answer.complete, outcome=outcome, status=answer.status,
            retry_after="retry-after" in answer.headers, at=answer.at,
            note=members.pop("note", "") or answer.told, **members,
        ))  # fmt: skip

    def unexpected(self, what: str, answer: Answer, subjects: tuple[str, ...] = ()) -> None:
        """No answer says nothing; an answer that nothing here could have caused is as bad as a false refusal."""
        if answer.unknown:
            self.note(what, answer, Outcome.INFO, subjects=subjects)
        else:
            told = f"{answer.status} {answer.headers.get('location', '')} {answer.text[:300]}"
            self.note(what, answer, Outcome.FAIL, subjects=(f"honest {what}",), alive=False, note=told)

    def reading(self, what: str, answer: Answer, subjects: tuple[str, ...], alive: bool | None, **more: Any) -> None:
        """What an answer says of life; None if it is none of those it may be."""
        if alive is None:
            self.unexpected(what, answer, subjects)
        else:
            self.note(what, answer, Outcome.OK, subjects=subjects, alive=alive, **more)

    def patiently(self) -> Iterator[None]:
        """Again and again, with pauses, until it is time to give up or the load is to end."""
        until = now() + GIVE_UP_SECONDS
        yield
        while now() < until and not self.stopping.is_set():
            time.sleep(self.chance.uniform(0.05, 0.4))
            yield

    # ── readings ─────────────────────────────────────────────────────────────────────────────────

    def introspect(self, hold: Hold, token: str) -> None:
        """RFC 7662 by the token's own client."""
        answer = self.wire.ask("POST", "/introspect", {"token": token, **hold.app.credentials})
        alive = json.loads(answer.body).get("active") if answer.status == 200 else None
        self.reading("introspect", answer, hold.subjects, alive)

    def introspect_refresh(self, hold: Hold) -> None:
        """The current refresh token, while nobody uses it."""
        for family in hold.families:
            if family.lock.acquire(blocking=False):
                try:
                    if not family.unsure:
                        self.introspect(hold, family.token)
                finally:
                    family.lock.release()

    def userinfo(self, hold: Hold, token: str) -> None:
        """OpenID Connect Core section 5.3."""
        answer = self.wire.ask("GET", "/userinfo", Authorization=f"Bearer {token}")
        self.reading("userinfo", answer, hold.subjects, {200: True, 401: False}.get(answer.status))

    def look(self, hold: Hold) -> None:
        """One reading of a client session, by a token that has not expired."""
        fresh = [token for token, born in list(hold.access) if now() - born < FRESH_SECONDS]
        if not fresh:
            return
        token = self.chance.choice(fresh)
        self.chance.choice((self.introspect, self.introspect, self.userinfo))(hold, token)

    def code(self, scene: Scene, app: App) -> str | None:
        """prompt=none for a trusted app: the Session's life, and a code, if there is one."""
        query = urlencode({
            "response_type": "code", "client_id": app.client_id, "redirect_uri": CALLBACK, "scope": app.scope,
            "code_challenge": CHALLENGE, "code_challenge_method": "S256", "prompt": "none", "state": "s",
        })  # fmt: skip
        answer = self.wire.ask("GET", f"/authorize?{query}", Cookie=scene.cookie)
        found = answer.location if answer.status == 303 else {}
        if found.get("error") in ("temporarily_unavailable", "server_error"):
            status = 503 if found["error"] == "temporarily_unavailable" else 500
            self.note("authorize", replace(answer, status=status, headers={"retry-after": ""}), Outcome.INFO)
            return None
        alive = True if "code" in found else False if found.get("error") == "login_required" else None
        self.reading("authorize", answer, (scene.session, scene.device), alive)
        return found.get("code")

    # ── tokens ───────────────────────────────────────────────────────────────────────────────────

    def redeem(self, scene: Scene, app: App, code: str) -> Hold | None:
        """A code for tokens: a new client session of this device, or one more family of one that is there."""
        answer = self.wire.ask("POST", "/token", {
            "grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER,
            **app.credentials,
        })  # fmt: skip
        named = digest(code)
        if answer.status == 400 and json.loads(answer.body).get("error") == "invalid_grant":
            expired = b"the code has expired" in answer.body  # a clock that jumped: says nothing of the session
            subjects, alive = (scene.session, scene.device), None if expired else False
            self.note("redeem", answer, Outcome.FAIL, code=named, subjects=subjects, alive=alive)
            return None
        if answer.status != 200:
            self.unexpected("redeem", answer)
            return None
        tokens = json.loads(answer.body)
        sid = facts(tokens["access_token"])["sid"]
        hold = scene.holds.setdefault(sid, Hold(sid, app, scene))
        self.note("redeem", answer, Outcome.OK, code=named, subjects=hold.subjects)
        hold.access.append((tokens["access_token"], now()))
        hold.id_token = tokens["id_token"]
        parsed = parse_token(tokens["refresh_token"])
        assert parsed is not None
        hold.families.append(Family(parsed.family_id.hex, tokens["refresh_token"]))
        if scene.ending and (not app.offline or hold.ending):
            self.everybody.bury(hold)  # its Session was ended while this ran
        return hold

    def authorize(self, scene: Scene) -> Hold | None:
        """A code by the front door and its redemption."""
        app = self.chance.choice(self.everybody.apps)
        code = self.code(scene, app)
        return self.redeem(scene, app, code) if code else None

    def refresh(self, hold: Hold) -> None:
        """Rotate, and repeat where the answer was lost: within the grace, with the same token."""
        if not hold.families:
            return
        family = self.chance.choice(hold.families)
        if not family.lock.acquire(blocking=False):
            return
        try:
            for _ in self.patiently():
                if self.rotate(hold, family) is not None:
                    return
        finally:
            family.lock.release()

    def rotate(self, hold: Hold, family: Family) -> bool | None:
        """One use of the current token. True: there is a successor. False: refused. None: nobody knows."""
        return self._rotate(hold, family, family.token, family.counter)

    def _rotate(self, hold: Hold, family: Family, token: str, counter: int, **more: Any) -> bool | None:
        answer = self.wire.ask(
            "POST", "/token", {"grant_type": "refresh_token", "refresh_token": token, **hold.app.credentials}
        )
        about = {"family": family.name, "counter": counter, "subjects": hold.subjects, **more}
        if answer.status == 200:
            tokens = json.loads(answer.body)
            given = tokens["refresh_token"]
            self.note("refresh", answer, Outcome.OK, alive=True, given=digest(given), **about)
            if counter == family.counter:
                family.old.append((family.token, family.counter))
                family.token, family.counter, family.unsure = given, counter + 1, False
            hold.access.append((tokens["access_token"], now()))
            return True
        if answer.status == 400 and json.loads(answer.body).get("error") == "invalid_grant":
            self.note("refresh", answer, Outcome.FAIL, alive=False, **about)
            return False
        if answer.unknown:
            family.unsure = True
            self.note("refresh", answer, Outcome.INFO, **about)
        else:
            self.unexpected("refresh", answer)
        return None

    def final(self, hold: Hold) -> None:
        """At the end of everything, when nothing fails any more: each family of an honest client still rotates."""
        self.look(hold)
        for family in hold.families:
            self.rotate(hold, family)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
