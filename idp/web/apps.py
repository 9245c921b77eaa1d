"""Apps with access: what each may do, and taking it away (pages.md 53, 54; ASVS 10.7.3)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from flask import Blueprint, Response, request

from ..domain.session import WholeUser
from ..services.authorization_details import Described
from ..services.consents import AppView
from ..services.sessions import Current
from ..signing_out import once_settled
from .app_face import AppFace, face
from .consent import sentence
from .device_cards import device_title
from .languages import gettext
from .pages import Pages
from .places import APPS
from .presentation import Moment, day, listed, moment


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCard:
    """One app as shown on the page."""

    app: AppFace
    sentences: tuple[str, ...]
    details: Described
    since: str | None
    used: Moment | None
    devices: str
    remove: str


@dataclass(frozen=True)
class AppPages:
    """The list, and a confirmation with its own address for each app."""

    pages: Pages

    def mount(self, blueprint: Blueprint) -> None:
        """Put the pages at their places."""
        blueprint.add_url_rule(APPS, "apps", self.show, methods=["GET"])
        blueprint.add_url_rule(
            f"{APPS}/<path:client_id>/remove", "remove_app", self.remove, methods=["GET", "POST"],
            merge_slashes=False,  # a client_id may be a URL
        )  # fmt: skip

    def show(self) -> Response:
        """Every app that may do something in this person's name."""
        current = self.pages.signed_in()
        if request.args.get("removed") != "yes":
            return self._list(current)
        return once_settled(
            lambda: self.pages.services.sessions.settle(WholeUser(current.user.id)),
            lambda: self._list(current),
            self.pages.path(APPS, {"removed": "yes"}),
        )

    def _list(self, current: Current) -> Response:
        cards = [self._card(view) for view in self.pages.services.consents.apps(current.user)]
        message = gettext("Access removed.") if request.args.get("removed") == "yes" else None
        return self.pages.show("account/apps.html", apps=cards, message=message, here="apps")

    def remove(self, client_id: str) -> Response:
        """Ask first; then end what the app holds and forget that it was allowed."""
        current = self.pages.signed_in()
        services = self.pages.services
        view = services.consents.app(current.user, client_id)
        if request.method == "GET":
            return self.pages.show("account/confirm_remove.html", card=self._card(view), here="apps")

        def remove() -> None:
            with services.work():
                services.consents.remove_app(current.user.id, client_id, origin=self.pages.browser.origin())

        return once_settled(remove, lambda: self.pages.go(APPS, {"removed": "yes"}))

    def _card(self, view: AppView) -> AppCard:
        return AppCard(
            app=face(view.client, issuer=self.pages.settings.issuer),
            sentences=tuple(sentence(item) for item in view.sentences),
            details=view.details,
            since=day(view.since) if view.since else None,
            used=moment(view.last_used, self.pages.now()) if view.last_used else None,
            devices=listed([device_title(device) for device in view.devices]),
            remove=self.pages.path(f"{APPS}/{quote(view.client.client_id, safe='')}/remove"),
        )
