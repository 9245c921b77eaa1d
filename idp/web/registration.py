"""Making an account (pages.md 63)."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response

from ..errors import InputRefused, NotFound, Throttled
from .errands import Errand, go_on, read_errand
from .forms import RegistrationForm
from .languages import gettext
from .pages import Pages
from .places import NEW_ACCOUNT
from .presentation import waiting


@dataclass(frozen=True)
class RegistrationPages:
    """``/login/new``; absent where the operator makes the accounts."""

    pages: Pages

    def mount(self, blueprint: Blueprint) -> None:
        """Put the pages at their places."""
        blueprint.add_url_rule(NEW_ACCOUNT, "new_account", self.show, methods=["GET"])
        blueprint.add_url_rule(NEW_ACCOUNT, "new_account_post", self.submit, methods=["POST"])

    def show(self) -> Response:
        """The form, empty but for the address that the app may have hinted at."""
        errand, form = self._errand(), self.pages.form(RegistrationForm)
        if errand.interaction is not None:
            form.email.data = errand.interaction.request.login_hint
        return self._form(errand, form)

    def submit(self) -> Response:
        """Make the account and sign in with it; the app's request goes on."""
        errand = self._errand()
        form = self.pages.form(RegistrationForm)
        if not form.validate():
            return self._form(errand, form, 422)
        try:
            return self._register(errand, form)
        except InputRefused as refused:
            for name, problem in refused.problems.items():
                form[name].errors = [gettext(problem)]
            return self._form(errand, form, 422)
        except Throttled as error:
            return self._throttled(errand, form, error)

    def _register(self, errand: Errand, form: RegistrationForm) -> Response:
        services, origin = self.pages.services, self.pages.browser.origin()
        state = self.pages.browser.read()
        draft = services.accounts.draft(
            form.email.data or "", form.password.data or "", form.name.data or "", origin
        )  # fmt: skip
        with services.work():
            user = services.accounts.register(draft, origin)
            signed_in = services.sign_in.begin(
                user, origin=origin, device_secret=state.device_secret, session_secret=state.session_secret
            )
        response = go_on(self.pages, errand)
        self.pages.browser.remember(response, signed_in)
        return response

    def _throttled(self, errand: Errand, form: RegistrationForm, error: Throttled) -> Response:
        problem = gettext("Too many new accounts from here. Try again %(when)s.", when=waiting(error.retry_after))
        response = self._form(errand, form, 429, problem)
        response.headers["Retry-After"] = str(error.retry_after)
        return response

    def _errand(self) -> Errand:
        if not self.pages.settings.user_registration:
            raise NotFound("registration")
        return read_errand(self.pages)

    def _form(self, errand: Errand, form: RegistrationForm, status: int = 200, problem: str | None = None) -> Response:
        return self.pages.show(
            "create_account.html", status, form=form, errand=errand, problem=problem,
            action=self.pages.path(NEW_ACCOUNT, errand.query),
        )  # fmt: skip
