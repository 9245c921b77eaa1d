"""What else is acknowledged and must not be lost (I7): clients that register, consents, real sign-ins."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from dataclasses import dataclass, field

from idp.domain.ports import Stores
from idp.errors import Unavailable

from .acts import CALLBACK, Client
from .endings import form_token
from .history import Outcome
from .people import Person, Scene


@dataclass
class Registrations:
    """One thread's clients."""

    client: Client
    stores: Stores
    password: str
    made: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=50))

    def once(self) -> None:
        """Register one, or ask for one that was registered; now and then one is deleted."""
        choice = self.client.chance.random()
        if choice < 0.2 or not self.made:
            self._register()
        elif choice < 0.25:
            self._delete()
        else:
            self._read(self.client.chance.choice(self.made))

    def _register(self) -> None:
        """RFC 7591."""
        metadata = json.dumps({"redirect_uris": [CALLBACK], "client_name": "Registered"})
        answer = self.client.wire.ask("POST", "/register", metadata)
        if answer.status != 201:
            self.client.unexpected("register", answer)
            return
        body = json.loads(answer.body)
        self.client.note("register", answer, Outcome.OK, subjects=(f"client:{body['client_id']}",))
        self.made.append((body["client_id"], body["registration_access_token"]))

    def _read(self, made: tuple[str, str]) -> None:
        """RFC 7592 section 2.1: 401 is what it says of one that is gone."""
        client_id, token = made
        answer = self.client.wire.ask("GET", f"/register/{client_id}", Authorization=f"Bearer {token}")
        alive = {200: True, 401: False}.get(answer.status)
        self.client.reading("read client", answer, (f"client:{client_id}",), alive)

    def _delete(self) -> None:
        """RFC 7592 section 2.3, until it is acknowledged; 401 says that an earlier attempt did it."""
        client_id, token = made = self.made.popleft()
        for _ in self.client.patiently():
            answer = self.client.wire.ask("DELETE", f"/register/{client_id}", Authorization=f"Bearer {token}")
            done = answer.status in (204, 401)
            outcome = Outcome.OK if done else Outcome.INFO if answer.unknown else Outcome.FAIL
            subjects = (f"client:{client_id}",)
            self.client.note("delete client", answer, outcome, subjects=subjects, asks_end=True)
            if outcome is not Outcome.INFO:
                break
        self._read(made)

    # ── people ───────────────────────────────────────────────────────────────────────────────────

    def sign_in(self, person: Person) -> Scene | None:
        """With the password, on the page. What was made is looked up, for a cookie does not tell its name."""
        page = self.client.wire.ask("GET", "/login")
        token = form_token(page)
        if page.status != 200 or not token:
            self.client.unexpected("sign-in page", page)
            return None
        form = {"email": person.email, "password": self.password, "csrf_token": token}
        headers = {"Cookie": _cookie(page.cookies), "Origin": self.client.wire.issuer, "Sec_Fetch_Site": "same-origin"}
        answer = self.client.wire.ask("POST", "/login", form, **headers)
        secret = answer.cookies.get("idp-session")
        if answer.status != 303 or not secret:
            self.client.unexpected("sign in", answer)
            return None
        try:
            found = self.stores.sessions.by_secret(hashlib.sha256(secret.encode()).digest())
        except Unavailable:
            return None
        subjects = (f"session:{found[0].id}", f"device:{found[0].device_id}") if found else ("honest sign in",)
        self.client.note("sign in", answer, Outcome.OK, subjects=subjects, alive=found is not None)
        return Scene(person, *subjects, _cookie(answer.cookies)) if found else None


def _cookie(cookies: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items() if value)
