"""A provider in memory for the tests of pages: one person, some devices, two apps, no database.

The services are stand-ins with the signatures of the real ones; what they are told is recorded.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from flask import Flask, Response

from idp.domain.client import Client, ClientOrigin
from idp.domain.decision import AskConsent, Decision, SignIn
from idp.domain.device import Device, Origin
from idp.domain.interaction import AuthorizationRequest, Interaction
from idp.domain.outbox import Telling
from idp.domain.polled import PolledKind, PolledRequest
from idp.domain.session import EndReason, Factor, Session
from idp.domain.user import User
from idp.errors import NotFound, ProofRequired, SignInRefused
from idp.paths import TEMPLATES
from idp.settings import Settings
from idp.web import add_security_headers, blueprint, register_error_handlers, static_files

NOW = datetime(2026, 11, 21, 16, 45, tzinfo=UTC)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1"
)
CHROME = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36"
)
TOKEN = "the-token"
INTERACTION = "i" * 43
USER_CODE = "WDJBMJHT"
REQUEST_ID = UUID(int=77)

USER = User(
    id=UUID(int=1), email="maria@example.com", email_verified=True, password_hash=None,
    claims={"name": "Maria Example"}, created_at=NOW, updated_at=NOW,
)  # fmt: skip
PHOTOS = Client(
    client_id="photos", client_name="Photos", origin=ClientOrigin.OPERATOR,
    redirect_uris=("https://photos.example/cb",), created_at=NOW, updated_at=NOW,
    metadata={
        "client_uri": "https://photos.example/", "policy_uri": "https://photos.example/privacy",
        "tos_uri": "https://photos.example/terms",
    },
)  # fmt: skip
WIKI = replace(
    PHOTOS, client_id="wiki", client_name="Wiki\u202e Deluxe", origin=ClientOrigin.DYNAMIC,
    redirect_uris=("https://wiki.example/cb",), metadata={"client_uri": "https://bank.example/"},
)  # fmt: skip


def device(number: int, user_agent: str, name: str | None = None) -> Device:
    return Device(
        id=UUID(int=number), user_id=USER.id, secret_hash=None, name=name, user_agent=user_agent,
        created_at=NOW, last_seen_at=NOW,
    )  # fmt: skip


def session(number: int, seen: timedelta = timedelta(), **more: Any) -> Session:
    at = NOW - timedelta(days=3)
    values: dict[str, Any] = {
        "id": UUID(int=100 + number), "user_id": USER.id, "device_id": UUID(int=number), "secret_hash": b"",
        "factors": (Factor(method="pwd", at=at),), "created_at": at, "last_seen_at": NOW - seen,
        "idle_seconds": 86400, "expires_at": NOW + timedelta(days=9), "persistent": False,
        "address": "2001:db8:7:1::5", "user_agent": FIREFOX,
    }  # fmt: skip
    return Session(**{**values, **more})


@dataclass
class FakeBrowser:
    """Signed in or not, by a switch; one token that fits."""

    current_value: Any = None
    remembered: list[Any] = field(default_factory=list)
    forgotten: int = 0

    def read(self) -> Any:
        return SimpleNamespace(session_secret=None, device_secret=None, csrf_secret=None)

    def current(self) -> Any:
        return self.current_value

    def shows_an_ended_session(self) -> bool:
        return False

    def origin(self) -> Origin:
        return Origin(address="192.0.2.1", user_agent=FIREFOX)

    def remember(self, _response: Response, signed_in: Any) -> None:
        self.remembered.append(signed_in)

    def forget(self, _response: Response) -> None:
        self.forgotten += 1

    def csrf_token(self) -> str:
        return TOKEN

    def check_csrf(self, token: str) -> bool:
        return token == TOKEN

    def prepare(self, response: Response) -> None:
        """Nothing to set."""


@dataclass
class Scene:
    """Everything a test turns, and what the pages did."""

    settings: Settings = field(default_factory=lambda: Settings(name="Example ID", issuer="https://id.example.com"))
    browser: FakeBrowser = field(default_factory=FakeBrowser)
    client: Client = PHOTOS
    decision: Decision = field(default_factory=SignIn)
    password_error: Exception | None = None
    proof_fresh: bool = True
    expired: bool = False
    request: dict[str, Any] = field(default_factory=dict)
    completed_at: datetime | None = None
    devices: list[Any] = field(default_factory=list)
    ended: list[Any] = field(default_factory=list)
    apps: list[Any] = field(default_factory=list)
    waiting: list[Any] = field(default_factory=list)
    told: dict[UUID, list[Telling]] = field(default_factory=dict)
    done: list[tuple[Any, ...]] = field(default_factory=list)

    def sign_in(self) -> None:
        self.browser.current_value = SimpleNamespace(session=session(1), user=USER)

    def populate(self) -> None:
        """Three devices, an ended sign-in, two apps."""
        use = SimpleNamespace(client_id="photos", name="Photos", host="photos.example", offline=False, last_used=NOW)
        wiki = SimpleNamespace(**{**vars(use), "name": "Wiki"})
        kinds = [(1, FIREFOX, None, timedelta()), (2, SAFARI, None, timedelta(hours=2)),
                 (3, CHROME, "Work Mac", timedelta(days=6))]  # fmt: skip
        self.devices = [
            SimpleNamespace(
                device=device(number, agent, name), this=number == 1, last_seen=NOW - seen,
                sessions=(session(number, seen),), apps=(use, wiki) if number != 2 else (use,), title=name,
            )
            for number, agent, name, seen in kinds
        ]  # fmt: skip
        over = session(9, ended_at=NOW - timedelta(days=2), end_reason=EndReason.ACCOUNT_PAGE)
        self.ended = [SimpleNamespace(session=over, device=device(9, CHROME))]
        self.apps = [
            SimpleNamespace(
                client=client, scopes=("openid",), since=NOW - timedelta(days=40), last_used=NOW - timedelta(hours=3),
                devices=(device(1, FIREFOX), device(2, SAFARI)), sentences=sentences(("openid", "email")),
                details=(),
            )
            for client in (PHOTOS, WIKI)
        ]  # fmt: skip

    def interaction(self) -> Interaction:
        values = {
            "client_id": self.client.client_id,
            "redirect_uri": self.client.redirect_uris[0],
            "scope": ("openid",),
        }
        return Interaction(
            id=INTERACTION, request=AuthorizationRequest(**{**values, **self.request}), created_at=NOW,
            expires_at=NOW + timedelta(hours=1), completed_at=self.completed_at,
        )  # fmt: skip

    # ── the services ─────────────────────────────────────────────────────────────────────────────

    def services(self) -> Any:
        return SimpleNamespace(
            clock=SimpleNamespace(now=lambda: NOW),
            work=self.work,
            profiles=SimpleNamespace(change=lambda user, changes, **_: self.done.append(("profile", changes))),
            accounts=SimpleNamespace(draft=self._draft, register=lambda draft, origin: draft),
            sign_in=SimpleNamespace(check_password=self._check, begin=self._begin),
            sessions=SimpleNamespace(
                overview=lambda *_: SimpleNamespace(devices=tuple(self.devices), ended=tuple(self.ended)),
                require_proof=self._proof,
                settle=lambda target: self.done.append(("settle", target)),
                end_session=lambda target, reason, **more: self.done.append(("end", target, reason)),
            ),
            frontchannel=SimpleNamespace(apps_of=lambda secret: ()),
            notices=SimpleNamespace(told=lambda user_id: self.told),
            authorization_details=SimpleNamespace(describe=lambda details: ()),
            consents=SimpleNamespace(
                describe=lambda scopes, user: sentences(scopes),
                allow=lambda interaction, session: self.done.append(("allow", interaction.id)),
                apps=lambda user: tuple(self.apps),
                app=self._app,
                remove_app=lambda user_id, client_id, origin: self.done.append(("remove", client_id)),
            ),
            polling=SimpleNamespace(
                waiting_for=lambda user: tuple(self.waiting),
                asked_of=lambda user, request_id: self._asked_of(request_id),
                by_user_code=lambda code, current, origin: self._by_user_code(code),
                client=lambda request: self.client,
                approve=lambda request, *_: self.done.append(("approve", request.id)),
                deny=lambda request, *_: self.done.append(("deny", request.id)),
            ),
            interactions=SimpleNamespace(
                get=self._get,
                expired=lambda interaction: self.expired,
                client=lambda interaction: self.client,
                next_step=lambda interaction, current: self.decision,
                choose=lambda interaction, session: self.done.append(("choose", interaction.id)),
                deny=lambda interaction: self.done.append(("deny", interaction.id)),
            ),
        )

    def work(self) -> AbstractContextManager[None]:
        return nullcontext()

    def _draft(self, email: str, password: str, name: str, origin: Origin) -> User:
        if self.password_error:
            raise self.password_error
        self.done.append(("register", email, password, name))
        return USER

    def _check(self, email: str, password: str, **_more: Any) -> User:
        if self.password_error:
            raise self.password_error
        self.done.append(("password", email, password))
        if password == "wrong":
            raise SignInRefused
        return USER

    def _begin(self, user: User, **more: Any) -> Any:
        self.done.append(("begin", more.get("persistent")))
        return SimpleNamespace(session=session(1), user=user)

    def _proof(self, _session: Session) -> None:
        if not self.proof_fresh:
            raise ProofRequired

    def _app(self, _user: User, client_id: str) -> Any:
        for app in self.apps:
            if app.client.client_id == client_id:
                return app
        raise NotFound(client_id)

    def _by_user_code(self, code: str) -> PolledRequest:
        if code != USER_CODE:
            raise NotFound("user code")
        return self.polled()

    def _asked_of(self, request_id: UUID) -> PolledRequest:
        if request_id != REQUEST_ID:
            raise NotFound("request")
        return self.polled(kind=PolledKind.CIBA, binding_message="W4-SCT <b>")

    def polled(self, **members: Any) -> PolledRequest:
        """A device, or a client, that waits for Maria."""
        usual = PolledRequest(
            id=REQUEST_ID, kind=PolledKind.DEVICE, code_hash=b"", client_id=self.client.client_id, interval=5,
            scope=("openid", "email"), address="2001:db8:7:1::5", user_agent=FIREFOX, created_at=NOW,
            expires_at=NOW + timedelta(minutes=10),
        )  # fmt: skip
        return replace(usual, **members)

    def _get(self, interaction_id: str) -> Interaction:
        if interaction_id != INTERACTION:
            raise NotFound("interaction")
        return self.interaction()

    # ── the application ──────────────────────────────────────────────────────────────────────────

    def app(self) -> Flask:
        app = Flask("scene", template_folder=str(TEMPLATES), static_folder=None)
        app.register_blueprint(blueprint(self.settings, self.services(), self.browser))  # type: ignore[arg-type]
        register_error_handlers(app)
        add_security_headers(app, self.settings)
        app.wsgi_app = static_files(self.settings, app.wsgi_app)  # type: ignore[method-assign]
        return app


SENTENCES = {
    "openid": ("Know that it is you", {}),
    "profile": ("See your name and picture", {}),
    "email": ("See your email address (%(email)s)", {"email": USER.email}),
    "offline_access": ("Keep this access when you are away, until you remove it", {}),
}


def sentences(scopes: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(
        SimpleNamespace(scope=scope, text=SENTENCES[scope][0], values=SENTENCES[scope][1], fixed=scope == "openid")
        for scope in scopes
    )


def consent_scene() -> Scene:
    scene = Scene(decision=AskConsent(("openid", "profile", "email", "offline_access"), ()))
    scene.sign_in()
    return scene
