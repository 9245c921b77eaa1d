"""People, apps and tokens in any order at any time, beside a model made of plain values.

The services run on SQLite with a clock that the machine moves. After each step everything that was ever
given out is asked about, and must be as alive as the model says (reliability.md section 6):

- I1 nothing ended is alive; I2 nothing seen dead is ever seen alive again; I3 nothing alive is called dead;
- I4 one refresh token has one successor; I5 a detected reuse stays; I6 a code works once.

When a session was last seen is written once a minute only, so the model knows it to a minute; ``advance``
steps over the moments at which it could not tell.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from idp.domain.client import Client, GrantType
from idp.domain.device import Origin
from idp.domain.interaction import AuthorizationRequest
from idp.domain.ports import Stores
from idp.domain.session import EndReason, OtherDevices, ThisSession, WholeDevice, WholeUser
from idp.domain.user import User
from idp.errors import ProtocolError
from idp.oauth.rfc7662_introspection import Introspection
from idp.oauth.rfc9068_access_token import AccessToken
from idp.services import Services
from idp.services.codes import Grant
from idp.services.sessions import Current
from tests.builders import NOW, a_client, a_user

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
CODE_LIFE, GRACE = timedelta(seconds=60), timedelta(seconds=30)
SESSION_IDLE, SESSION_END = 14 * DAY, 90 * DAY
ENDINGS = ("revoke", "sign_out", "sign_out", "end_device", "end_others", "end_everywhere", "remove_app", "disable")
REFRESH_IDLE, REFRESH_END = 30 * DAY, 365 * DAY


class Clock:
    """Time moves when the machine says so."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time


@dataclass(frozen=True)
class World:
    """The provider's services, shared by all runs of a test; each run brings its own people."""

    clock: Clock
    stores: Stores
    services: Services

    @property
    def introspection(self) -> Introspection:
        services = self.services
        return Introspection("https://id.example", None, services.refresh, services.tokens, services.subjects)  # type: ignore[arg-type]


# ── the model ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(eq=False)
class Person:
    user: User
    disabled: bool = False


@dataclass(eq=False)
class SignIn:
    """A session. It was last seen somewhere from ``seen_since`` to ``seen_until``."""

    person: Person
    secret: str
    id: UUID
    device_id: UUID
    born: datetime
    seen_since: datetime
    seen_until: datetime
    ended: bool = False

    def seen(self, now: datetime) -> None:
        """An offline app may be used long after; that does not raise a session that was idle too long."""
        if self.live(now):
            self.seen_since, self.seen_until = max(self.seen_since, now - MINUTE), now

    def live(self, now: datetime) -> bool:
        idle = now >= self.seen_until + SESSION_IDLE
        return not (self.ended or self.person.disabled or idle or now >= self.born + SESSION_END)

    def unclear(self, now: datetime) -> bool:
        return not self.ended and self.seen_since + SESSION_IDLE <= now < self.seen_until + SESSION_IDLE


@dataclass(eq=False)
class Hold:
    """A client session."""

    sid: UUID
    sign_in: SignIn
    client: Client
    offline: bool
    ended: bool = False

    def live(self, now: datetime) -> bool:
        return not self.ended and not self.sign_in.person.disabled and (self.offline or self.sign_in.live(now))


@dataclass(eq=False)
class Family:
    """A refresh family; ``tokens[n]`` is the token at counter n."""

    hold: Hold
    born: datetime
    rotated: datetime
    tokens: list[str]

    @property
    def counter(self) -> int:
        return len(self.tokens) - 1

    def live(self, now: datetime) -> bool:
        return self.hold.live(now) and now < self.rotated + REFRESH_IDLE and now < self.born + REFRESH_END


@dataclass(eq=False)
class Code:
    text: str
    sign_in: SignIn
    client: Client
    offline: bool
    born: datetime
    used: bool = False
    void: bool = False
    hold: Hold | None = None


@dataclass
class Model:
    people: list[Person] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    families: list[Family] = field(default_factory=list)
    codes: list[Code] = field(default_factory=list)
    sign_ins: list[SignIn] = field(default_factory=list)
    seen_dead: set[UUID] = field(default_factory=set)


# ── the machine ───────────────────────────────────────────────────────────────────────────────────


class Sessions(RuleBasedStateMachine):
    """``world`` is set by the test on a subclass."""

    world: World
    # Which one: mostly one that lives or has just been used, so that a walk gets far; else any.
    pick = st.integers(0, 399)

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.last: Family | None = None
        self.services, self.stores = self.world.services, self.world.stores
        grants = (GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN)
        scope = ("openid", "offline_access")
        self.clients = [a_client(grant_types=grants, scope=scope) for _ in range(2)]
        for client in self.clients:
            self.stores.clients.add(client)

    @property
    def now(self) -> datetime:
        return self.world.clock.time

    # ── people ───────────────────────────────────────────────────────────────────────────────────

    @initialize()
    def two_people_with_apps(self) -> None:
        for person in (self._register(), self._register()):
            sign_in = self._sign_in(person)
            self._open_app(sign_in, 0, False)
            self._open_app(sign_in, 1, True)

    def _register(self) -> Person:
        user = a_user(created_at=self.now, updated_at=self.now)
        self.stores.users.add(user)
        self.model.people.append(Person(user))
        return self.model.people[-1]

    def _person(self, pick: int) -> Person:
        return self.model.people[pick % len(self.model.people)]

    def _a_sign_in(self, pick: int) -> SignIn:
        living = [sign_in for sign_in in self.model.sign_ins if sign_in.live(self.now)] if pick % 8 else []
        among = living or self.model.sign_ins
        return among[pick // 8 % len(among)]

    @rule(pick=pick)
    def sign_in(self, pick: int) -> None:
        self._sign_in(self._person(pick))

    def _sign_in(self, person: Person) -> SignIn:
        if person.disabled:
            self._enable(person)
        with self.services.work():
            done = self.services.sign_in.begin(
                self.services.accounts.get(person.user.id), origin=Origin(), device_secret=None, session_secret=None
            )  # fmt: skip
        session = done.session
        made = SignIn(person, done.session_secret, session.id, session.device_id, self.now, self.now, self.now)
        self.model.sign_ins.append(made)
        return made

    def disable(self, person: Person) -> None:
        with self.services.work():
            self.services.accounts.disable(self.services.accounts.get(person.user.id))
        person.disabled = True
        self._end(lambda sign_in: sign_in.person is person)

    @rule(pick=pick)
    def enable(self, pick: int) -> None:
        self._enable(self._person(pick))

    def _enable(self, person: Person) -> None:
        with self.services.work():
            self.services.accounts.enable(self.services.accounts.get(person.user.id))
        person.disabled = False

    # ── codes and tokens ─────────────────────────────────────────────────────────────────────────

    @rule(pick=pick, which=st.integers(0, 1), offline=st.booleans())
    def authorize(self, pick: int, which: int, offline: bool) -> None:
        self._authorize(self._a_sign_in(pick), which, offline)

    def _authorize(self, sign_in: SignIn, which: int, offline: bool) -> Code:
        current = self.services.sessions.current(sign_in.secret, Origin())
        assert (current is not None) == sign_in.live(self.now)
        if current is None:
            return Code("x" * 43, sign_in, self.clients[which], offline, self.now, void=True)
        sign_in.seen(self.now)
        return self._code(sign_in, current, self.clients[which], offline)

    def _code(self, sign_in: SignIn, current: Current, client: Client, offline: bool) -> Code:
        scope = ("openid", "offline_access") if offline else ("openid",)
        asked = AuthorizationRequest(client_id=client.client_id, redirect_uri=client.redirect_uris[0], scope=scope)
        with self.services.work():
            self.stores.consents.allow(sign_in.person.user.id, client.client_id, ("openid", "offline_access"), self.now)
            text = self.services.codes.issue(asked, current)
        code = Code(text, sign_in, client, offline, self.now)
        self.model.codes.append(code)
        return code

    @rule(pick=pick, which=st.integers(0, 1), offline=st.booleans())
    def open_app(self, pick: int, which: int, offline: bool) -> None:
        self._open_app(self._a_sign_in(pick), which, offline)

    def _open_app(self, sign_in: SignIn, which: int, offline: bool) -> None:
        self._redeem(self._authorize(sign_in, which, offline), False)

    @rule(back=st.integers(0, 3), foreign=st.sampled_from((False, False, False, True)))
    def redeem(self, back: int, foreign: bool) -> None:
        """One of the last codes, used before or not."""
        if back < len(self.model.codes):
            self._redeem(self.model.codes[-1 - back], foreign)

    def _redeem(self, code: Code, foreign: bool) -> None:
        client = next(c for c in self.clients if (c is code.client) != foreign)
        grant = self._redeemed(code, client)
        good = code.sign_in.live(self.now) and self.now < code.born + CODE_LIFE
        expected = not (foreign or code.used or code.void) and good
        assert (grant is not None) == expected, "I6: a code works once, for its client, while its session lives"
        if not foreign and code.used and code.hold is not None and not code.void:
            code.hold.ended = True  # a replay
        if grant is None:
            if not foreign and not code.void and self.now < code.born + CODE_LIFE:
                code.used = True  # claimed in vain: its session has ended
        else:
            self._family(code, grant)

    def _redeemed(self, code: Code, client: Client) -> Grant | None:
        try:
            found = self.services.codes.load(code.text, client)
            self.services.codes.refuse_used(found)
            return self.services.codes.redeem(found, client, {}, self.services.codes.prospect(found, client))
        except ProtocolError as error:
            return refused(error)

    def _family(self, code: Code, grant: Grant) -> None:
        assert grant.sid is not None
        assert grant.refresh_token is not None
        hold = next((hold for hold in self.model.holds if hold.sid == grant.sid), None)
        if hold is None:
            hold = Hold(grant.sid, code.sign_in, code.client, code.offline)
            self.model.holds.append(hold)
        assert (hold.ended, hold.sign_in, hold.client) == (False, code.sign_in, code.client)
        hold.offline = hold.offline or code.offline
        code.used, code.hold = True, hold
        self.model.families.append(Family(hold, self.now, self.now, [grant.refresh_token]))

    def _picked(self, pick: int) -> Family | None:
        living = [family for family in self.model.families if family.live(self.now)] if pick % 4 else []
        among = living or (self.model.families if pick % 8 or self.last is None else [self.last])
        self.last = among[pick // 8 % len(among)] if among else None
        return self.last

    @rule(pick=pick, back=st.sampled_from((0, 0, 0, 1, 2)), foreign=st.sampled_from((False,) * 5 + (True,)))
    def refresh(self, pick: int, back: int, foreign: bool) -> None:
        if (family := self._picked(pick)) is not None and back <= family.counter:
            self._refresh(family, back, foreign)

    @rule(pick=pick, times=st.integers(2, 4), back=st.integers(0, 2))
    def refresh_often(self, pick: int, times: int, back: int) -> None:
        """Several times, then once with an older one."""
        if (family := self._picked(pick)) is None:
            return
        for _ in range(times):
            self._refresh(family, 0, False)
        if back <= family.counter:
            self._refresh(family, back, False)

    def _refresh(self, family: Family, back: int, foreign: bool) -> None:
        presented = family.counter - back
        client = next(c for c in self.clients if (c is family.hold.client) != foreign)
        given = self._refreshed(family.tokens[presented], client)
        live = family.live(self.now) and not foreign
        retried = back == 1 and self.now - family.rotated < GRACE
        assert (given is not None) == (live and (back == 0 or retried)), "I1, I3, I4"
        if given is None:
            if live:
                family.hold.ended = True  # I5: reuse was detected
        elif back == 0:
            assert given not in family.tokens
            family.tokens.append(given)
            family.rotated = self.now
            family.hold.sign_in.seen(self.now)
        else:
            assert given == family.tokens[presented + 1], "I4: the one successor"

    def _refreshed(self, token: str, client: Client) -> str | None:
        try:
            return self.services.refresh.refresh(
                self.services.refresh.read(token, client), client, None, (), {}
            ).refresh_token
        except ProtocolError as error:
            return refused(error)

    # ── endings ──────────────────────────────────────────────────────────────────────────────────

    @rule(pick=pick, how=st.sampled_from(ENDINGS))
    def end(self, pick: int, how: str) -> None:
        """One rule for all, so that most steps of a walk make something."""
        sign_in = self._a_sign_in(pick)
        if how == "revoke":
            self.revoke(pick, pick % 3)
        elif how == "remove_app":
            self.remove_app(sign_in.person, pick % 2)
        elif how in ("disable", "end_everywhere"):
            getattr(self, how)(sign_in.person)
        else:
            getattr(self, how)(sign_in)

    def revoke(self, pick: int, back: int) -> None:
        if (family := self._picked(pick)) is None:
            return
        client = family.hold.client
        found = self.services.refresh.find(family.tokens[max(0, family.counter - back)], client)
        assert found is not None
        with self.services.work():
            self.services.tokens.end_sid(found[0].client_session_id, client)
        family.hold.ended = True

    def sign_out(self, sign_in: SignIn) -> None:
        self._end_by_person(ThisSession(sign_in.id), sign_in.person)
        sign_in.ended = True
        for hold in self.model.holds:
            hold.ended = hold.ended or (hold.sign_in is sign_in and not hold.offline)

    def end_device(self, sign_in: SignIn) -> None:
        self._end_by_person(WholeDevice(sign_in.person.user.id, sign_in.device_id), sign_in.person)
        self._end(lambda other: other is sign_in)

    def end_others(self, sign_in: SignIn) -> None:
        self._end_by_person(OtherDevices(sign_in.person.user.id, sign_in.device_id), sign_in.person)
        self._end(lambda other: other.person is sign_in.person and other is not sign_in)

    def end_everywhere(self, person: Person) -> None:
        self._end_by_person(WholeUser(person.user.id), person)
        self._end(lambda sign_in: sign_in.person is person)

    def remove_app(self, person: Person, which: int) -> None:
        client = self.clients[which]
        with self.services.work():
            self.services.consents.remove_app(person.user.id, client.client_id, origin=Origin())
        for item in (*self.model.holds, *self.model.codes):
            if item.client is client and item.sign_in.person is person:
                if isinstance(item, Hold):
                    item.ended = True
                else:
                    item.used = True

    def _end_by_person(self, target: ThisSession | WholeDevice | OtherDevices | WholeUser, person: Person) -> None:
        with self.services.work():
            self.services.sessions.end_session(target, EndReason.ACCOUNT_PAGE, by=f"user:{person.user.id}")

    def _end(self, covers) -> None:  # type: ignore[no-untyped-def]
        for sign_in in self.model.sign_ins:
            sign_in.ended = sign_in.ended or covers(sign_in)
        for hold in self.model.holds:
            hold.ended = hold.ended or covers(hold.sign_in)

    # ── time ─────────────────────────────────────────────────────────────────────────────────────

    @rule(seconds=st.sampled_from((1, 1, 10, 29, 31, 59, 61, 3600, 86400, 7 * 86400, 13 * 86400, 31 * 86400)))
    def advance(self, seconds: int) -> None:
        self.world.clock.time += timedelta(seconds=seconds)
        while any(sign_in.unclear(self.now) for sign_in in self.model.sign_ins):
            self.world.clock.time += timedelta(seconds=7)

    @rule()
    def keep_house(self) -> None:
        with self.services.work():
            self.services.sessions.end_due()
        for sign_in in self.model.sign_ins:
            if not sign_in.ended and not sign_in.live(self.now):
                sign_in.ended = True
                for hold in self.model.holds:
                    hold.ended = hold.ended or (hold.sign_in is sign_in and not hold.offline)

    # ── what must hold ───────────────────────────────────────────────────────────────────────────

    @invariant()
    def everything_is_as_alive_as_it_should_be(self) -> None:
        for hold in self.model.holds:
            alive = self.world.introspection.alive(_access_token(hold))
            assert alive == hold.live(self.now), f"I1 or I3: {hold}"
            assert not (alive and hold.sid in self.model.seen_dead), "I2"
            if not alive:
                self.model.seen_dead.add(hold.sid)
        for family in self.model.families:
            for counter, token in enumerate(family.tokens[-3:], max(0, family.counter - 2)):
                active = self.world.introspection.introspect(family.hold.client, token)["active"]
                assert active == (counter == family.counter and family.live(self.now)), "I1, I3, I4"


def refused(error: ProtocolError) -> None:
    """Whatever is refused here is refused with the one code of RFC 6749 5.2."""
    assert error.error == "invalid_grant", error


def _access_token(hold: Hold) -> AccessToken:
    user = str(hold.sign_in.person.user.id)
    return AccessToken(
        sub=user, client_id=hold.client.client_id, audience=(), scope=(), sid=hold.sid, jti="", iat=0, exp=0, claims={}
    )  # fmt: skip
