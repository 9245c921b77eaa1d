"""The account's first page, and the fresh proof that ending others needs (ASVS 7.5.2; pages.md 43)."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, request

from ..errors import SignInRefused, Throttled
from ..services.sessions import Current
from .forms import ProofForm
from .languages import gettext
from .pages import Pages
from .places import ACCOUNT, Destination, read_destination
from .presentation import waiting

PROVE = "/account/prove"


@dataclass(frozen=True)
class AccountPages:
    """``/account`` and ``/account/prove``."""

    pages: Pages

    def mount(self, blueprint: Blueprint) -> None:
        """Put the pages at their places."""
        blueprint.add_url_rule(ACCOUNT, "account", self.show, methods=["GET"])
        blueprint.add_url_rule(PROVE, "prove", self.ask, methods=["GET"])
        blueprint.add_url_rule(PROVE, "prove_post", self.prove, methods=["POST"])

    def show(self) -> Response:
        """Who this is, and where to look."""
        current = self.pages.signed_in()
        waiting = len(self.pages.services.polling.waiting_for(current.user))
        return self.pages.show("account/landing.html", user=current.user, waiting=waiting, here="account")

    def ask(self) -> Response:
        """Say why, and ask for the password."""
        current = self.pages.signed_in()
        return self._form(current, read_destination(request.args), self.pages.form(ProofForm))

    def prove(self) -> Response:
        """A right password renews the session and leads back to the action's own page."""
        current, destination = self.pages.signed_in(), read_destination(request.args)
        form = self.pages.form(ProofForm)
        if not form.validate():
            return self._form(current, destination, form, 422)
        try:
            return self._renew(current, destination, form.password.data or "")
        except SignInRefused:
            form.password.errors = [gettext("This is not your password. Try again.")]
            return self._form(current, destination, form, 422)
        except Throttled as error:
            form.password.errors = [gettext("Too many attempts. Try again %(when)s.", when=waiting(error.retry_after))]
            response = self._form(current, destination, form, 429)
            response.headers["Retry-After"] = str(error.retry_after)
            return response

    def _renew(self, current: Current, destination: Destination, password: str) -> Response:
        services, browser = self.pages.services, self.pages.browser
        state, origin = browser.read(), browser.origin()
        user = services.sign_in.check_password(
            current.user.email, password, origin=origin, device_secret=state.device_secret
        )
        with services.work():
            signed_in = services.sign_in.begin(
                user, origin=origin, device_secret=state.device_secret, session_secret=state.session_secret
            )
        response = self.pages.go(destination.path)
        browser.remember(response, signed_in)
        return response

    def _form(self, current: Current, destination: Destination, form: ProofForm, status: int = 200) -> Response:
        return self.pages.show(
            "account/prove.html", status, form=form, user=current.user, what=destination.name, here="sessions",
            action=self.pages.path(PROVE, destination.query),
        )  # fmt: skip
