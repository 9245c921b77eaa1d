"""Facts in words: devices, times, ways of signing in, reasons of an ending.

Why no versions: browsers freeze them (every Mac says 10_15_7), so a version is more often wrong than
right (pages.md 33). Why every time names its zone: the page is complete without scripts (35).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from babel.dates import format_date, format_datetime, format_timedelta
from babel.lists import format_list
from ua_parser import parse

from ..domain.outbox import MessageState, Telling
from ..domain.session import EndReason
from .app_face import clean_name
from .languages import current_locale, gettext, lazy_gettext

ACTIVE = timedelta(minutes=5)
RECENT = timedelta(days=28)

_BROWSERS = {
    "Mobile Safari": "Safari", "Mobile Safari UI/WKWebView": "Safari", "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome", "Chrome Mobile WebView": "Chrome", "HeadlessChrome": "Chrome",
    "Firefox Mobile": "Firefox", "Firefox iOS": "Firefox", "Edge Mobile": "Edge", "Edge iOS": "Edge",
    "Opera Mobile": "Opera",
}  # fmt: skip
_SYSTEMS = {"Mac OS X": "macOS", "Mac OS": "macOS", "Ubuntu": "Linux", "Fedora": "Linux", "Debian": "Linux"}
_PHONES = ("iOS", "Android", "KaiOS", "HarmonyOS", "Windows Phone")


@dataclass(frozen=True, slots=True)
class Agent:
    """What a ``User-Agent`` lets us say: never more than two families."""

    browser: str | None
    system: str | None

    @property
    def title(self) -> str:
        """As in "Firefox on Linux"; "Unknown browser" rather than a guess."""
        if self.browser and self.system:
            return gettext("%(browser)s on %(system)s", browser=self.browser, system=self.system)
        if self.system:
            return gettext("Unknown browser on %(system)s", system=self.system)
        return self.browser or gettext("Unknown browser")

    @property
    def kind(self) -> str:
        """Which drawing stands beside it."""
        return "phone" if self.system in _PHONES else "computer"


def read_agent(user_agent: str) -> Agent:
    """Browser and system family of a ``User-Agent``, under the names that people use."""
    found = parse(user_agent[:1024])
    browser = found.user_agent.family if found.user_agent else None
    system = found.os.family if found.os else None
    return Agent(
        browser=_BROWSERS.get(browser, browser) if browser else None,
        system=_SYSTEMS.get(system, system) if system else None,
    )


# ── times ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Moment:
    """One point in time, three ways: for machines, exactly, and as one would say it."""

    iso: str
    exact: str
    words: str


def moment(at: datetime, now: datetime) -> Moment:
    """A past time; within four weeks as a distance, else as a date."""
    words = day(at) if now - at > RECENT else distance(at - now)
    return Moment(at.astimezone(UTC).isoformat(timespec="seconds"), exactly(at), words)


def exactly(at: datetime) -> str:
    """As in "21 Nov 2026, 16:45 UTC"; the zone is part of the words."""
    return gettext("%(time)s UTC", time=format_datetime(at, "d MMM y, HH:mm", tzinfo=UTC, locale=current_locale()))


def day(at: datetime) -> str:
    """As in "3 November 2026"."""
    return format_date(at.astimezone(UTC).date(), "d MMMM y", locale=current_locale())


def distance(delta: timedelta) -> str:
    """As in "2 hours ago" or "in 3 minutes"; never finer than a minute (pages.md 36), nor rounded up much."""
    sign = -1 if delta < timedelta(0) else 1
    whole = max(timedelta(minutes=1), abs(delta)) * sign
    return format_timedelta(whole, granularity="minute", threshold=2, add_direction=True, locale=current_locale())


def waiting(seconds: int) -> str:
    """As in "in 3 minutes": when to come back, rounded up so that it is never too early."""
    unit = 1 if seconds < 60 else 60 if seconds < 7200 else 3600
    whole = timedelta(seconds=-(-seconds // unit) * unit)
    return format_timedelta(whole, add_direction=True, threshold=2, locale=current_locale())


def active_now(last_seen: datetime, now: datetime) -> bool:
    """Within five minutes: the resolution at which activity is written allows no finer claim."""
    return now - last_seen < ACTIVE


def listed(items: Sequence[str]) -> str:
    """As in "Photos, Wiki and Mail", as the language lists things."""
    return format_list(list(items), locale=current_locale()) if items else ""


# ── signing in and out, in words ──────────────────────────────────────────────────────────────────

_PASSKEYS = {"hwk", "swk", "pop"}


def signed_in(at: datetime, amr: Sequence[str]) -> str:
    """When and how (pages.md 37): RFC 8176 method names in words, each a whole sentence."""
    when = day(at)
    if _PASSKEYS & set(amr):
        return gettext("Signed in %(when)s with a passkey", when=when)
    if {"pwd", "otp"} <= set(amr):
        return gettext("Signed in %(when)s with a password and a code", when=when)
    if "pwd" in amr:
        return gettext("Signed in %(when)s with a password", when=when)
    return gettext("Signed in %(when)s", when=when)


_BY_YOU = lazy_gettext("by you")
_BY_SAFETY = lazy_gettext("by us, because a copy of the sign-in was used")
_BY_ADMINISTRATOR = lazy_gettext("by an administrator")
_REASONS = {
    EndReason.SIGNED_OUT: _BY_YOU,
    EndReason.RP_LOGOUT: lazy_gettext("by you, in an app"),
    EndReason.RENEWED: lazy_gettext("when another person signed in there"),
    EndReason.ACCOUNT_PAGE: lazy_gettext("by you, from the list of devices"),
    EndReason.PASSWORD_CHANGED: lazy_gettext("because the password was changed"),
    EndReason.PASSWORD_RESET: lazy_gettext("because the password was reset"),
    EndReason.REFRESH_REUSE: _BY_SAFETY,
    EndReason.CODE_REUSE: _BY_SAFETY,
    EndReason.IDLE: lazy_gettext("because it was not used for a long time"),
    EndReason.ABSOLUTE: lazy_gettext("because it had lasted as long as a sign-in may"),
    EndReason.USER_DISABLED: _BY_ADMINISTRATOR,
    EndReason.USER_DELETED: _BY_ADMINISTRATOR,
    EndReason.ADMINISTRATOR: _BY_ADMINISTRATOR,
    EndReason.RESTORED: lazy_gettext("because everybody was signed out after a fault"),
}


def ended_by(reason: EndReason | None) -> str:
    """By what a sign-in ended (pages.md 45). None: it ran out and nobody has written it down yet."""
    return str(_REASONS.get(reason or EndReason.IDLE, _BY_YOU))


_TOLD = {
    (MessageState.DELIVERED, True): lazy_gettext("Told: %(apps)s"),
    (MessageState.WAITING, False): lazy_gettext("Being told: %(apps)s"),
    (MessageState.WAITING, True): lazy_gettext("Not reached yet, trying again: %(apps)s"),
    (MessageState.GAVE_UP, True): lazy_gettext("Could not be reached: %(apps)s"),
}


def apps_told(tellings: Sequence[Telling]) -> tuple[str, ...]:
    """Which apps know that a sign-in is over, and which do not yet or never will; a sentence each (pages.md 44)."""
    said = []
    for (state, tried), sentence in _TOLD.items():
        names = [_app(item) for item in tellings if item.state is state and (item.attempts > 0) is tried]
        if names:
            said.append(str(sentence) % {"apps": listed(list(dict.fromkeys(sorted(names))))})
    return tuple(said)


def _app(telling: Telling) -> str:
    return clean_name(telling.client_name or "") or gettext("an app that is gone")


def short_address(address: str) -> str:
    """A network address as shown at first sight: IPv6 to the part that names a subscriber."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return f"{ipaddress.ip_network((parsed, 48), strict=False).network_address}…"
