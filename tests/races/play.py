"""What the races are played with: one provider, its people and apps, and a crowd of threads.

Every answer passes through ``Play``, which counts it and refuses 5xx, but for the documented 503 with
Retry-After. A 503 says nothing about what happened, so no test concludes anything from one.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import jwt
import requests

from idp.domain.client import ClientOrigin
from idp.domain.device import Origin
from idp.domain.user import User
from tests.running import Operator, RunningProvider
from tests.user_agent import UserAgent

ROUNDS = int(os.environ.get("RACE_ROUNDS", "10"))
CROWD = 50
PASSWORD = "correct horse battery staple"
CALLBACK = "https://app.example/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()

T = TypeVar("T")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class App:
    """A confidential client, with client_secret_post."""

    client_id: str
    secret: str

    @property
    def credentials(self) -> dict[str, str]:
        return {"client_id": self.client_id, "client_secret": self.secret}


@dataclass(frozen=True)
class Answer:
    """Status and JSON body of one answer. ``unknown`` is a 503: it may have happened or not."""

    status: int
    body: dict[str, Any]

    @property
    def ok(self) -> bool:
        return self.status == 200

    @property
    def unknown(self) -> bool:
        return self.status == 503

    def __getitem__(self, name: str) -> Any:
        return self.body[name]


@dataclass(frozen=True)
class Held:
    """What one app holds of one browser's session after a redemption."""

    user: User
    browser: UserAgent
    app: App
    tokens: Answer

    @property
    def sid(self) -> UUID:
        return UUID(jwt.decode(self.tokens["access_token"], options={"verify_signature": False})["sid"])


@dataclass
class Play:
    """One provider under test."""

    provider: RunningProvider
    operator: Operator
    tally: Counter[tuple[str, int]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    # ── people and apps ──────────────────────────────────────────────────────────────────────────

    def person(self) -> User:
        """Somebody new."""
        with self.operator.services.work():
            return self.operator.services.accounts.create(f"person{next(_numbers)}@example.com", PASSWORD, {})

    def app(self, *, trusted: bool = True, **members: Any) -> App:
        """A new confidential client; ``refresh_grace`` and the like as an operator sets them."""
        metadata = {
            "client_name": f"App {next(_numbers)}", "redirect_uris": [CALLBACK],
            "post_logout_redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_post",
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
            "scope": "openid profile offline_access",
        }  # fmt: skip
        with self.operator.services.work():
            new = self.operator.services.clients.create(
                metadata, origin=ClientOrigin.OPERATOR, trusted=trusted, **members
            )
        return App(new.client.client_id, new.client_secret or "")

    def browser(self, user: User | None = None) -> UserAgent:
        """A profile at an address of its own; signed in, without the detour over a password, if a user is named."""
        agent = UserAgent(self.provider.issuer)
        agent.session.headers["X-Forwarded-For"] = (
            f"10.{next(_numbers) % 250}.{os.getpid() % 250}.{next(_numbers) % 250}"
        )
        if user is not None:
            with self.operator.services.work():
                signed_in = self.operator.services.sign_in.begin(
                    user, origin=Origin(), device_secret=None, session_secret=None
                )
            host = urlsplit(self.provider.issuer).hostname
            agent.session.cookies.set("idp-session", signed_in.session_secret, domain=host)
            agent.session.cookies.set("idp-device", signed_in.device_secret, domain=host)
        return agent

    def allow(self, user: User, app: App, scope: Sequence[str] = ("openid",)) -> None:
        """The person has consented before."""
        now = self.operator.stores.clock.now()
        self.operator.stores.consents.allow(user.id, app.client_id, tuple(scope), now)

    # ── the protocol ─────────────────────────────────────────────────────────────────────────────

    def code(self, browser: UserAgent, app: App, scope: str = "openid") -> str:
        """A code by the front door: one request, for nothing has to be asked."""
        query = urlencode({
            "response_type": "code", "client_id": app.client_id, "redirect_uri": CALLBACK, "scope": scope,
            "code_challenge": CHALLENGE, "code_challenge_method": "S256",
        })  # fmt: skip
        url = f"{self.provider.issuer}/authorize?{query}"
        response = browser.session.get(url, allow_redirects=False, timeout=30)
        self.record("authorize", response)
        answer = parse_qs(urlsplit(response.headers.get("Location", "")).query)
        assert "code" in answer, (response.status_code, response.headers, response.text[:500])
        return answer["code"][0]

    def redeem(self, app: App, code: str, http: requests.Session | None = None) -> Answer:
        return self.token(app, {
            "grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER
        }, http)  # fmt: skip

    def refresh(self, app: App, token: str, http: requests.Session | None = None) -> Answer:
        return self.token(app, {"grant_type": "refresh_token", "refresh_token": token}, http)

    def token(self, app: App, form: dict[str, str], http: requests.Session | None = None) -> Answer:
        return self.post("/token", {**form, **app.credentials}, http)

    def introspect(self, app: App, token: str, http: requests.Session | None = None) -> bool:
        answer = self.post("/introspect", {"token": token, **app.credentials}, http)
        assert answer.ok, answer
        return bool(answer["active"])

    def revoke(self, app: App, token: str, http: requests.Session | None = None) -> Answer:
        return self.post("/revoke", {"token": token, **app.credentials}, http)

    def userinfo(self, access_token: str) -> int:
        headers = {"Authorization": f"Bearer {access_token}"}
        response = requests.get(f"{self.provider.issuer}/userinfo", headers=headers, timeout=30)
        self.record("/userinfo", response)
        return response.status_code

    def holding(self, app: App, user: User | None = None, scope: str = "openid") -> Held:
        """A person, signed in, whose app has redeemed a code."""
        user = user or self.person()
        browser = self.browser(user)
        tokens = self.redeem(app, self.code(browser, app, scope))
        assert tokens.ok, tokens
        return Held(user, browser, app, tokens)

    # ── the wire ─────────────────────────────────────────────────────────────────────────────────

    def post(self, path: str, form: dict[str, str], http: requests.Session | None = None) -> Answer:
        """One POST; on a connection of its own if none is given, so that any worker may get it."""
        send = http.post if http is not None else requests.post
        response = send(f"{self.provider.issuer}{path}", data=form, timeout=30)
        self.record(path, response)
        return Answer(response.status_code, response.json() if response.content else {})

    def record(self, what: str, response: requests.Response) -> None:
        """Count it. No answer is 5xx, but for 503 with Retry-After."""
        with self._lock:
            self.tally[what, response.status_code] += 1
        if response.status_code >= 500:
            assert response.status_code == 503, (what, response.status_code, response.text[:500])
            assert "Retry-After" in response.headers, (what, response.headers)

    def until_known(self, act: Callable[[], Answer]) -> Answer:
        """Repeat while the answer is 503, as its Retry-After says one should."""
        for _ in range(20):
            answer = act()
            if not answer.unknown:
                return answer
            time.sleep(0.1)
        raise AssertionError("twenty times 503")

    def all_at_once(self, act: Callable[..., Answer], app: App, credential: str) -> list[Answer]:
        """Fifty times the same."""
        return self.crowd([lambda http: act(app, credential, http)] * CROWD)

    def crowd(self, acts: Sequence[Callable[[requests.Session], T]]) -> list[T]:
        """Do all at once: each thread has a connection that stands already, and waits for the others."""
        barrier = threading.Barrier(len(acts))

        def one(act: Callable[[requests.Session], T]) -> T:
            with requests.Session() as http:
                http.trust_env = False
                try:
                    http.get(f"{self.provider.issuer}/healthz", timeout=30)
                finally:
                    barrier.wait(60)
                return act(http)

        with ThreadPoolExecutor(len(acts)) as pool:
            return [future.result(120) for future in [pool.submit(one, act) for act in acts]]

    # ── what must hold ───────────────────────────────────────────────────────────────────────────

    def assert_dead(self, app: App, answers: Sequence[Answer]) -> None:
        """P1: nothing that any of these answers gave lives; asked at introspection, then by use."""
        for answer in answers:
            if not answer.ok:
                continue
            assert not self.introspect(app, answer["access_token"])
            assert self.userinfo(answer["access_token"]) in (401, 503)
            if "refresh_token" in answer.body:
                assert not self.introspect(app, answer["refresh_token"])
                refused = self.until_known(lambda token=answer["refresh_token"]: self.refresh(app, token))
                assert (refused.status, refused["error"]) == (400, "invalid_grant"), refused

    def summary(self) -> str:
        """Figures of the whole run."""
        total, busy = sum(self.tally.values()), sum(n for (_, status), n in self.tally.items() if status == 503)
        kinds = ", ".join(f"{what} {status}: {n}" for (what, status), n in sorted(self.tally.items()))
        return f"{total} operations, {busy} answered 503 ({kinds})"
