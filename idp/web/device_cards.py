"""The sessions page's entries: devices in words (pages.md 33 to 45)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ..domain.device import Device
from ..domain.outbox import Telling
from ..domain.session import Session
from ..services.sessions import DeviceView, EndedView
from .app_face import clean_name
from .languages import gettext
from .presentation import (
    Moment,
    active_now,
    apps_told,
    ended_by,
    exactly,
    listed,
    moment,
    read_agent,
    short_address,
    signed_in,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCard:
    """``browser`` is None unless the person has given the device a name of their own."""

    id: UUID
    title: str
    browser: str | None
    kind: str
    this: bool
    active: bool
    seen: Moment
    signed_in: str
    apps: str
    address: str
    details: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedCard:
    """One sign-in that is over: where, when, by what, and which apps know it."""

    title: str
    kind: str
    ended: Moment
    by: str
    told: tuple[str, ...]


def device_card(view: DeviceView, now: datetime) -> DeviceCard:
    """One device as shown on the page."""
    latest = max(view.sessions, key=lambda session: session.created_at, default=None)
    agent = read_agent(view.device.user_agent)
    return DeviceCard(
        id=view.device.id,
        title=device_title(view.device),
        browser=agent.title if view.title else None,
        kind=agent.kind,
        this=view.this,
        active=active_now(view.last_seen, now),
        seen=moment(view.last_seen, now),
        signed_in=signed_in(latest.auth_time, latest.amr) if latest else _without_session(view),
        apps=listed(list(dict.fromkeys(clean_name(app.name) for app in view.apps))),
        address=short_address(latest.address) if latest else "",
        details=_details(view, latest),
    )


def _without_session(view: DeviceView) -> str:
    if not view.device.user_agent:
        return gettext("An app of its own, connected %(when)s", when=exactly(view.device.created_at))
    if any(app.by_code for app in view.apps):
        return gettext("Connected with a code, %(when)s", when=exactly(view.device.created_at))
    return gettext("Only apps still have access here")


def _details(view: DeviceView, latest: Session | None) -> tuple[tuple[str, str], ...]:
    known = [(gettext("Last active"), exactly(view.last_seen))]
    if latest is not None:
        known += [
            (gettext("Signed in"), exactly(latest.auth_time)),
            (gettext("Ends at the latest"), exactly(latest.expires_at)),
            (gettext("Network address"), latest.address or gettext("unknown")),
        ]
    known.append((gettext("Browser says it is"), view.device.user_agent[:300] or gettext("nothing")))
    return tuple(known)


def device_title(device: Device) -> str:
    """The person's own name for a device, else what its browser says it is."""
    return clean_name(device.name or "") or read_agent(device.user_agent).title


def ended_card(view: EndedView, told: Sequence[Telling], now: datetime) -> EndedCard:
    """One ended sign-in. One that ran out unnoticed ended when its idle or absolute end came."""
    session = view.session
    agent = read_agent(view.device.user_agent if view.device else session.user_agent)
    at = session.ended_at or min(session.expires_at, now)
    return EndedCard(
        title=device_title(view.device) if view.device else agent.title,
        kind=agent.kind,
        ended=moment(at, now),
        by=ended_by(session.end_reason),
        told=apps_told(told),
    )
