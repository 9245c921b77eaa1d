"""Consent: which app, which account, what it wants; and two buttons of equal size (pages.md 23 to 31)."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, request

from ..domain.decision import AskConsent
from ..domain.interaction import Interaction
from ..domain.user import User
from ..services.consents import Sentence
from .app_face import AppFace, host_of
from .errands import page_of, read_interaction
from .languages import gettext
from .pages import Pages
from .places import CONSENT, LOGIN, RESUME


def sentence(item: Sentence) -> str:
    """What a scope allows, in the language of the page; an operator's own sentence as it stands."""
    return gettext(item.text, **item.values) if item.values else gettext(item.text)


@dataclass(frozen=True)
class ConsentPages:
    """``/consent``: only the app's request on the server says what is being allowed."""

    pages: Pages

    def mount(self, blueprint: Blueprint) -> None:
        """Put the pages at their places."""
        blueprint.add_url_rule(CONSENT, "consent", self.show, methods=["GET"])
        blueprint.add_url_rule(CONSENT, "consent_post", self.submit, methods=["POST"])

    def show(self) -> Response:
        """Ask, if there is something to ask; else send on to what comes next."""
        interaction, app = read_interaction(self.pages)
        current = self.pages.browser.current()
        decision = self.pages.services.interactions.next_step(interaction, current)
        if current is None or not isinstance(decision, AskConsent):
            return self.pages.go(LOGIN if current is None else page_of(decision), {"interaction": interaction.id})
        return self._ask(interaction, app, decision, current.user)

    def submit(self) -> Response:
        """Allow or Cancel. Anything else asks again: neither answer is ever assumed."""
        interaction, _app = read_interaction(self.pages)
        current = self.pages.browser.current()
        services, decision = self.pages.services, request.form.get("decision")
        if current is None or decision not in ("allow", "cancel"):
            return self.pages.go(CONSENT, {"interaction": interaction.id})
        with services.work():
            if decision == "cancel":
                services.interactions.deny(interaction)
            elif isinstance(services.interactions.next_step(interaction, current), AskConsent):
                services.consents.allow(interaction, current.session)
        return self.pages.go(RESUME, {"interaction": interaction.id})

    def _ask(self, interaction: Interaction, app: AppFace, decision: AskConsent, user: User) -> Response:
        describe = self.pages.services.consents.describe
        new = [sentence(item) for item in describe(decision.new, user)]
        already = [sentence(item) for item in describe(decision.already, user)]
        return self.pages.show(
            "consent.html", app=app, user=user,
            wanted=new or already, already=already if new else [],
            details=self.pages.services.authorization_details.describe(interaction.request.authorization_details),
            action=self.pages.path(CONSENT, {"interaction": interaction.id}),
            other_account=self.pages.path(LOGIN, {"interaction": interaction.id, "account": "other"}),
            goes_to=host_of(interaction.request.redirect_uri),
        )  # fmt: skip
