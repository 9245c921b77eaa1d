"""The devices page: where one is signed in, and ending any of it (pages.md 32 to 52).

Ending others needs a fresh proof (ASVS 7.5.2): the page that asks for it leads back to the action's
own page, and nothing is lost on the way. Whose devices these are comes from the session alone; an id
of somebody else's device ends nothing and is answered as one that does not exist (ASVS 8.2.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from flask import Blueprint, Response, request

from ..domain.session import EndReason, EndTarget, OtherDevices, WholeDevice, WholeUser
from ..errors import NotFound, ProofRequired
from ..services.sessions import Current, DeviceView, Overview
from ..services.settling import LATELY
from ..signing_out import once_settled
from .device_cards import device_card, device_title, ended_card
from .languages import gettext
from .pages import Pages, leave, single
from .places import SESSIONS, Destination, read_uuid


@dataclass(frozen=True)
class SessionPages:
    """The list, and one page for each thing that can be ended."""

    pages: Pages

    def mount(self, blueprint: Blueprint) -> None:
        """Put the pages at their places."""
        both = ["GET", "POST"]
        blueprint.add_url_rule(SESSIONS, "sessions", self.show, methods=["GET"])
        blueprint.add_url_rule(f"{SESSIONS}/<uuid:device>/end", "end_device", self.end_device, methods=both)
        blueprint.add_url_rule(f"{SESSIONS}/others/end", "end_others", self.end_others, methods=both)
        blueprint.add_url_rule(f"{SESSIONS}/everywhere/end", "end_everywhere", self.end_everywhere, methods=both)

    def show(self) -> Response:
        """Every device, this one first; and what ended lately."""
        current = self.pages.signed_in()
        overview = self._overview(current)
        here = self.pages.path(SESSIONS, {"ended": ended} if (ended := single("ended")) else None)
        return once_settled(lambda: self._settle_shown(overview, current), lambda: self._list(overview, current), here)

    def _list(self, overview: Overview, current: Current) -> Response:
        now = self.pages.now()
        devices = [device_card(view, now) for view in overview.devices]
        told = self.pages.services.notices.told(current.user.id) if overview.ended else {}
        ended = [ended_card(view, told.get(view.session.id, ()), now) for view in overview.ended]
        return self.pages.show_live(
            "account/sessions.html", devices=devices, ended=ended,
            others=sum(not card.this for card in devices), message=_said(overview), minutes=self._minutes(),
            here="sessions",
        )  # fmt: skip

    def end_device(self, device: UUID) -> Response:
        """One device. From the list no question is asked: it is seen as ended at once."""
        current = self.pages.signed_in()
        destination = Destination("end-device", device)
        overview = self._overview(current)
        view = next((view for view in overview.devices if view.device.id == device), None)
        if view is None:
            return self._ended_already(overview, device, current)
        if view.this:
            return self.pages.go("/account/sign-out")
        if (proof := self._proof(current, destination)) is not None:
            return proof
        if request.method == "GET":
            return self._confirm(destination, [view], current)
        return once_settled(
            lambda: self._end(WholeDevice(current.user.id, device), current),
            lambda: self.pages.go(SESSIONS, {"ended": str(device)}),
        )

    def end_others(self) -> Response:
        """Every device but this one, after a question that lists them."""
        current = self.pages.signed_in()
        destination = Destination("end-others")
        if (proof := self._proof(current, destination)) is not None:
            return proof
        if request.method == "GET":
            others = [view for view in self._overview(current).devices if not view.this]
            return self._confirm(destination, others, current) if others else self.pages.go(SESSIONS)
        return once_settled(
            lambda: self._end(OtherDevices(current.user.id, current.session.device_id), current),
            lambda: self.pages.go(SESSIONS, {"ended": "others"}),
        )

    def end_everywhere(self) -> Response:
        """Every device and this one too; the browser forgets us."""
        current = self.pages.signed_in()
        destination = Destination("end-everywhere")
        if (proof := self._proof(current, destination)) is not None:
            return proof
        if request.method == "GET":
            return self._confirm(destination, self._overview(current).devices, current)
        return once_settled(
            lambda: self._end(WholeUser(current.user.id), current), lambda: leave(self.pages, everywhere=True)
        )

    # ── inside ───────────────────────────────────────────────────────────────────────────────────

    def _ended_already(self, overview: Overview, device: UUID, current: Current) -> Response:
        """Ended a moment ago, in another tab: what was wanted has come true. Anything else is not ours.

        Or in this tab, and no answer came: so it is asked for again, and told no sooner than it is settled.
        """
        if all(view.device is None or view.device.id != device for view in overview.ended):
            raise NotFound("device")
        done = partial(self.pages.go, SESSIONS, {"ended": str(device)})
        if request.method == "GET":
            return done()
        return once_settled(lambda: self._settle(WholeDevice(current.user.id, device)), done)

    def _overview(self, current: Current) -> Overview:
        return self.pages.services.sessions.overview(current.user.id, current.session)

    def _minutes(self) -> int:
        return -(-self.pages.settings.access_token_life // 60)

    def _proof(self, current: Current, destination: Destination) -> Response | None:
        try:
            self.pages.services.sessions.require_proof(current.session)
        except ProofRequired:
            return self.pages.go("/account/prove", destination.query)
        return None

    def _confirm(self, destination: Destination, views: Sequence[DeviceView], current: Current) -> Response:
        now = self.pages.now()
        return self.pages.show(
            "account/confirm_end.html", what=destination.name, devices=[device_card(view, now) for view in views],
            action=self.pages.path(destination.path), minutes=self._minutes(),
            user=current.user, here="sessions",
        )  # fmt: skip

    def _settle_shown(self, overview: Overview, current: Current) -> None:
        """The list says what has ended; of an ending of the last minutes that may be too early."""
        since = self.pages.now() - LATELY
        shown = (view.session.ended_at for view in overview.ended)
        if "ended" in request.args or any(ended_at is not None and ended_at > since for ended_at in shown):
            self.pages.services.sessions.settle(WholeUser(current.user.id))

    def _settle(self, target: EndTarget) -> None:
        with self.pages.services.work():
            self.pages.services.sessions.settle(target)

    def _end(self, target: EndTarget, current: Current) -> None:
        services = self.pages.services
        with services.work():
            services.sessions.end_session(
                target, EndReason.ACCOUNT_PAGE, by=f"user:{current.user.id}", origin=self.pages.browser.origin()
            )


def _said(overview: Overview) -> str | None:
    """What has just been done, said only if it is true: the address is not a witness."""
    ended = request.args.get("ended", "")
    live = {view.device.id for view in overview.devices}
    if ended == "others" and len(live) <= 1:
        return gettext("Signed out of your other devices.")
    device = next((view.device for view in overview.ended if view.device and view.device.id == read_uuid(ended)), None)
    if device is not None and device.id not in live:
        return gettext("Signed out of %(device)s.", device=device_title(device))
    return None
