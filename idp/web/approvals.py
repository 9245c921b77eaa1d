"""Requests that wait for the person's approval (CIBA Core 1.0 section 8): what, for which app, Allow or Cancel.

The mail about one leads to the list and no further, so nobody can be sent straight to a button; the message
that binds a request to what the other side shows is what the person is to compare.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from flask import Blueprint, Response, request

from ..domain.polled import PolledRequest
from ..domain.user import User
from ..errors import NotFound
from ..services.authorization_details import Described
from .app_face import AppFace, face
from .consent import sentence
from .languages import gettext
from .pages import Pages, single
from .places import REQUESTS
from .presentation import Moment, moment


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCard:
    """One request as shown; ``message`` is the app's word, to be compared."""

    app: AppFace
    message: str | None
    asked: Moment
    address: str
    wanted: tuple[str, ...]
    details: Described
    place: str


@dataclass(frozen=True)
class ApprovalPages:
    """``/account/requests``: the list, and a page for each."""

    pages: Pages

    def mount(self, blueprint: Blueprint) -> None:
        """Put the pages at their places."""
        one = f"{REQUESTS}/<uuid:request_id>"
        blueprint.add_url_rule(REQUESTS, "requests", self.show, methods=["GET"])
        blueprint.add_url_rule(one, "approve", self.ask, methods=["GET"])
        blueprint.add_url_rule(one, "approve_post", self.decide, methods=["POST"])

    def show(self) -> Response:
        """What waits, oldest first."""
        current = self.pages.signed_in()
        cards = [
            card for item in self.pages.services.polling.waiting_for(current.user)
            if (card := self._card_or_none(item, current.user)) is not None
        ]  # fmt: skip
        return self.pages.show("account/requests.html", cards=cards, message=_said(), here="account")

    def ask(self, request_id: UUID) -> Response:
        """One of them. What is over, or another's, is simply not in the list."""
        current = self.pages.signed_in()
        try:
            card = self._card(self.pages.services.polling.asked_of(current.user, request_id), current.user)
        except NotFound:
            return self.pages.go(REQUESTS, {"decision": "over"})
        return self.pages.show("account/approve.html", card=card, user=current.user, here="account")

    def decide(self, request_id: UUID) -> Response:
        """Allow or Cancel. Anything else asks again: neither answer is ever assumed."""
        current, decision = self.pages.signed_in(), request.form.get("decision")
        if decision not in ("allow", "cancel"):
            return self.pages.go(f"{REQUESTS}/{request_id}")
        services, origin = self.pages.services, self.pages.browser.origin()
        try:
            found = services.polling.asked_of(current.user, request_id)
            services.polling.client(found)
            with services.work():
                if decision == "allow":
                    services.polling.approve(found, current, origin, details_shown="details_shown" in request.form)
                else:
                    services.polling.deny(found, current, origin)
        except NotFound:
            decision = "over"
        return self.pages.go(REQUESTS, {"decision": decision})

    # ── inside ───────────────────────────────────────────────────────────────────────────────────

    def _card_or_none(self, item: PolledRequest, user: User) -> RequestCard | None:
        try:
            return self._card(item, user)
        except NotFound:  # the app has gone meanwhile
            return None

    def _card(self, item: PolledRequest, user: User) -> RequestCard:
        services = self.pages.services
        return RequestCard(
            app=face(services.polling.client(item), issuer=self.pages.settings.issuer), message=item.binding_message,
            asked=moment(item.created_at, self.pages.now()), address=item.address,
            wanted=tuple(sentence(each) for each in services.consents.describe(item.scope, user)),
            details=services.authorization_details.describe(item.authorization_details),
            place=self.pages.path(f"{REQUESTS}/{item.id}"),
        )  # fmt: skip


def _said() -> str | None:
    """What the last answer came to."""
    return {
        "allow": gettext("Allowed. The app goes on by itself."),
        "cancel": gettext("Cancelled. The app gets nothing."),
        "over": gettext("This request has been answered already, or it took too long."),
    }.get(single("decision") or "")
