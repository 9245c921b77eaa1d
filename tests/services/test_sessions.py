"""What ends what (design.md section 5), each row by its own trigger; and that one transaction writes it all (P2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from sqlalchemy import select

from idp.domain.device import Origin
from idp.domain.session import EndReason, OtherDevices, ThisSession, WholeDevice, WholeUser
from idp.errors import ProofRequired
from idp.services.sessions import SessionControl
from idp.storage.tables import security_events

from ..provider import VERIFIER, App, Browser, Provider, answered, claims_of

OFFLINE = "openid offline_access"


@dataclass
class World:
    """Ada in two browsers with two apps, each online and offline; Bob beside her."""

    provider: Provider
    photos: App
    mail: App
    here: Browser
    there: Browser
    bob: Browser
    tokens: dict[str, dict[str, Any]]
    code: str

    def live(self) -> set[str]:
        """Whose tokens live: introspection, userinfo and the session record agree."""
        found = set()
        for name, tokens in self.tokens.items():
            app = self.photos if "photos" in name else self.mail
            active = self.provider.active(app, tokens["access_token"])
            assert active == (self.provider.userinfo(tokens["access_token"]).status_code == 200), name
            assert active == self.provider.active(app, tokens["refresh_token"]), name
            if active:
                found.add(name)
        return found

    def signed_in(self) -> set[str]:
        browsers = {"here": self.here, "there": self.there, "bob": self.bob}
        return {
            name for name, one in browsers.items()
            if "/login" not in self.provider.visit(one, "/account/sessions").headers.get("Location", "")
        }  # fmt: skip

    def act(self, act: Callable[[World], Any]) -> None:
        with self.provider.stores.work():
            act(self)


@pytest.fixture
def world(alone: Provider) -> World:
    photos = alone.register("Photos", backchannel_logout_uri="https://photos.example/out")
    mail = alone.register("Mail")
    here, there, bob = alone.sign_in(), alone.sign_in(), alone.sign_in(alone.person("bob@example.com"))
    code = alone.code(photos, here)
    tokens = {
        "here photos": answered(alone.redeem(photos, code)),
        "here mail offline": alone.tokens(mail, here, scope=OFFLINE),
        "there photos": alone.tokens(photos, there),
        "there mail offline": alone.tokens(mail, there, scope=OFFLINE),
        "bob photos": alone.tokens(photos, bob),
        "bob mail offline": alone.tokens(mail, bob, scope=OFFLINE),
    }
    return World(alone, photos, mail, here, there, bob, tokens, code)


def end(target: Callable[[World], Any], reason: EndReason) -> Callable[[World], Any]:
    return lambda w: w.provider.services.sessions.end_session(target(w), reason, by="test", origin=Origin())


def session(browser: Browser) -> Any:
    assert browser.session
    return browser.session


def user(browser: Browser) -> Any:
    assert browser.user
    return browser.user


def refresh_reuse(w: World) -> None:
    tokens = w.tokens["here photos"]
    w.tokens["here photos"] = answered(w.provider.refresh(w.photos, tokens["refresh_token"]))
    with w.provider.clock.later(31):
        w.provider.refresh(w.photos, tokens["refresh_token"])


def logged_out(w: World) -> None:
    hint = w.tokens["here photos"]["id_token"]
    w.provider.visit(w.here, "/logout?" + urlencode({"id_token_hint": hint}))


def over_http(act: Callable[[World], Any]) -> Callable[[World], Any]:
    act.over_http = True  # type: ignore[attr-defined]
    return act


ALL_TOKENS = {f"{who} {what}" for who in ("here", "there", "bob") for what in ("photos", "mail offline")}
HERS = {name for name in ALL_TOKENS if not name.startswith("bob")}
EVERYBODY = {"here", "there", "bob"}

# act: (what is done, which tokens end, which browsers are signed out, is consent withdrawn, the reason)
TABLE: dict[str, tuple[Callable[[World], Any], set[str], set[str], bool, str]] = {
    "sign out here": (
        end(lambda w: ThisSession(session(w.here).id), EndReason.SIGNED_OUT), {"here photos"}, {"here"}, False,
        "signed_out",
    ),
    "RP-initiated logout": (over_http(logged_out), {"here photos"}, {"here"}, False, "rp_initiated_logout"),
    "sign out one device": (
        end(lambda w: WholeDevice(user(w.there).id, session(w.there).device_id), EndReason.ACCOUNT_PAGE),
        {"there photos", "there mail offline"}, {"there"}, False, "account_page",
    ),
    "sign out the others": (
        end(lambda w: OtherDevices(user(w.here).id, session(w.here).device_id), EndReason.ACCOUNT_PAGE),
        {"there photos", "there mail offline"}, {"there"}, False, "account_page",
    ),
    "sign out everywhere": (
        end(lambda w: WholeUser(user(w.here).id), EndReason.ACCOUNT_PAGE), HERS, {"here", "there"}, False,
        "account_page",
    ),
    "remove an app's access": (
        lambda w: w.provider.services.consents.remove_app(user(w.here).id, w.mail.id, origin=Origin()),
        {"here mail offline", "there mail offline"}, set(), True, "app_removed",
    ),
    "password set by an operator": (
        lambda w: w.provider.services.accounts.set_password(user(w.here), "another good one 7"), HERS,
        {"here", "there"}, False, "password_reset",
    ),
    "user disabled": (
        lambda w: w.provider.services.accounts.disable(user(w.here)), HERS, {"here", "there"}, False, "user_disabled",
    ),
    "user deleted": (
        lambda w: w.provider.services.accounts.delete(user(w.here)), HERS, {"here", "there"}, True, "user_deleted",
    ),
    "refresh token reused": (over_http(refresh_reuse), {"here photos"}, set(), False, "refresh_reuse"),
    "code reused": (
        over_http(lambda w: w.provider.redeem(w.photos, w.code, code_verifier=VERIFIER)), {"here photos"}, set(),
        False, "code_reuse",
    ),
    "a token revoked": (
        over_http(lambda w: w.provider.revoke(w.mail, w.tokens["here mail offline"]["access_token"])),
        {"here mail offline"}, set(), False, "token_revoked",
    ),
    "client disabled": (
        lambda w: w.provider.services.clients.disable(w.mail.id),
        {name for name in ALL_TOKENS if "mail" in name}, set(), True, "client_disabled",
    ),
    "client deleted": (
        lambda w: w.provider.services.clients.delete(w.mail.id),
        {name for name in ALL_TOKENS if "mail" in name}, set(), True, "client_deleted",
    ),
}  # fmt: skip


@pytest.mark.promise("P1")
@pytest.mark.promise("P2")
@pytest.mark.parametrize("case", TABLE)
def test_what_ends_what(world: World, case: str) -> None:
    act, ends, signed_out, withdrawn, reason = TABLE[case]
    assert world.live() == ALL_TOKENS
    if getattr(act, "over_http", False):
        act(world)
    else:
        world.act(act)
    stores = world.provider.stores
    if case.startswith("client "):  # the client itself is no longer heard: ask the record
        sids = {name: claims_of(tokens["access_token"])["sid"] for name, tokens in world.tokens.items()}
        now = world.provider.clock.now()
        found = {name: stores.client_sessions.liveness(UUID(sid), now) for name, sid in sids.items()}
        assert {name for name, one in found.items() if one is not None and one.live} == ALL_TOKENS - ends
    else:
        assert world.live() == ALL_TOKENS - ends
    assert world.signed_in() == EVERYBODY - signed_out
    assert (stores.consents.get(user(world.here).id, world.mail.id) is None) is withdrawn
    ended = [event for event in events(world) if event["kind"] == "session.ended"]
    assert [event["reason"] for event in ended] == [reason], "one ending, one line"
    assert ended[0]["actor"]


def events(world: World) -> list[dict[str, Any]]:
    with world.provider.engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(select(security_events))]


@pytest.mark.promise("P2")
@pytest.mark.parametrize("case", ["sign out everywhere", "user disabled", "client disabled", "code reused"])
def test_the_log_of_revocations_and_the_outbox_say_it_too(world: World, case: str) -> None:
    act, ends, *_ = TABLE[case]
    if getattr(act, "over_http", False):
        act(world)
    else:
        world.act(act)
    entries = world.provider.stores.revocations.page(0, 100).entries
    sids = {claims_of(world.tokens[name]["access_token"])["sid"] for name in ends if name in world.tokens}
    assert {entry.value for entry in entries if entry.kind == "sid"} == sids
    assert [entry.seq for entry in entries] == sorted({entry.seq for entry in entries})
    kinds = {entry.kind for entry in entries}
    assert ("sub" in kinds) == (case in ("sign out everywhere", "user disabled"))
    assert ("client_id" in kinds) == (case == "client disabled")


@pytest.mark.promise("P2")
def test_nothing_of_an_ending_is_written_without_the_rest(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process stops at the last of the writes: none of them has happened."""
    stores = world.provider.stores

    def stops(*_: object) -> None:
        raise RuntimeError("stopped")

    monkeypatch.setattr(type(stores.outbox), "put", stops)
    with world.provider.nothing_changes(), pytest.raises(RuntimeError):
        world.act(TABLE["sign out everywhere"][0])
    assert world.live() == ALL_TOKENS
    assert world.signed_in() == EVERYBODY


@pytest.mark.promise("P2")
def test_ending_what_has_ended_changes_nothing(world: World) -> None:
    act = TABLE["sign out here"][0]
    world.act(act)
    with world.provider.nothing_changes():
        world.act(act)


def test_idle_and_absolute_ends_are_written_by_the_housekeeping(world: World) -> None:
    """design.md section 5: offline ones go at their own ends."""
    day = 86400
    with world.provider.clock.later(14 * day + 60):
        assert world.signed_in() == set(), "they are over before anybody writes it"
        assert world.provider.services.housekeeping.round()["sessions_ended"] == 3
        assert world.provider.services.housekeeping.round()["sessions_ended"] == 0
        reasons = [event["reason"] for event in events(world) if event["kind"] == "session.ended"]
        assert reasons == ["idle"] * 3
        app = world.mail
        token = world.tokens["here mail offline"]["refresh_token"]
        assert answered(world.provider.refresh(app, token))["refresh_token"]


class Marks:
    """``ports.Tombstones`` that confirm everything."""

    settle_seconds = 2.75

    def __init__(self) -> None:
        self.written: list[set[UUID]] = []

    def write(self, sids: Sequence[UUID]) -> bool:
        self.written.append(set(sids))
        return True

    def unsettled_for(self, _sids: Sequence[UUID]) -> float:
        return 0.0


def test_ends_by_age_are_marked_all_at_once(alone: Provider) -> None:
    """Else each would wait for a hot copy that is silent, and the housekeeping for all of them."""
    marks, app, sids = Marks(), alone.register(), set()
    for _ in range(3):
        sids.add(UUID(claims_of(alone.tokens(app, alone.sign_in(), scope="openid")["id_token"])["sid"]))
    alone.clock.move(400 * 86400)
    stores = replace(alone.stores, tombstones=marks)
    with stores.work():
        assert SessionControl(stores, alone.settings).end_due() == 3
        assert marks.written == []
    assert marks.written == [sids]


def test_activity_keeps_a_session_but_not_past_its_absolute_end(alone: Provider) -> None:
    ada, day = alone.sign_in(), 86400
    for _ in range(9):
        alone.clock.move(9.9 * day)
        response = alone.visit(ada, "/account/sessions")
        assert "/login" not in response.headers.get("Location", "")
    alone.clock.move(day)
    assert "/login" in alone.visit(ada, "/account/sessions").headers["Location"]


@pytest.mark.promise("P6")
def test_looking_writes_at_most_once_a_minute(alone: Provider) -> None:
    """design.md 4.5."""
    ada = alone.sign_in()
    alone.visit(ada, "/account/sessions")
    with alone.nothing_changes():
        for _ in range(5):
            alone.visit(ada, "/account/sessions")


@pytest.mark.spec("ASVS 5.0", "7.5.2")
def test_an_old_proof_ends_nobody_else(alone: Provider) -> None:
    ada = alone.sign_in()
    assert ada.session
    alone.services.sessions.require_proof(ada.session)
    with alone.clock.later(alone.settings.proof_life + 1), pytest.raises(ProofRequired):
        alone.services.sessions.require_proof(ada.session)


@pytest.mark.promise("P1")
def test_a_cookie_of_a_disabled_person_opens_nothing(alone: Provider) -> None:
    """Although the session's own row says nothing of it: whoever disables also ends, and this holds without."""
    ada = alone.sign_in()
    assert ada.user
    cookie = ada.http.get_cookie("__Host-idp-session", domain="id.example")
    assert cookie
    assert alone.services.sessions.current(cookie.value, Origin()) is not None
    alone.stores.users.save(replace(ada.user, disabled_at=alone.clock.now()))
    assert alone.services.sessions.current(cookie.value, Origin()) is None
