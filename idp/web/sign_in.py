"""Sign-in and the choice of account (pages.md 1 to 12)."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, request

from ..domain.decision import ChooseAccount, SignIn
from ..errors import SignInRefused, Throttled
from .errands import Errand, go_on, page_of, read_errand, read_interaction
from .forms import SignInForm
from .languages import gettext
from .pages import Pages, single
from .places import LOGIN, RESUME
from .presentation import waiting

DAY = 86400


@dataclass(frozen=True)
class SignInPages:
    """``/login``, for an app's request or for our own pages."""

    pages: Pages

    def mount(self, blueprint: Blueprint) -> None:
        """Put the pages at their places."""
        blueprint.add_url_rule(LOGIN, "sign_in", self.show, methods=["GET"])
        blueprint.add_url_rule(LOGIN, "sign_in_post", self.submit, methods=["POST"])
        blueprint.add_url_rule("/login/choose", "choose", self.show_choice, methods=["GET"])
        blueprint.add_url_rule("/login/choose", "choose_post", self.choose, methods=["POST"])

    def show(self) -> Response:
        """The form; or the chooser; or on, if this browser has nothing more to prove."""
        errand = read_errand(self.pages)
        if single("account") == "other":
            return self._form(errand, self._filled(errand))
        if errand.interaction is None:
            signed_in = self.pages.browser.current() is not None
            return self.pages.go(errand.destination.path) if signed_in else self._form(errand, self._filled(errand))
        decision = self.pages.services.interactions.next_step(errand.interaction, self.pages.browser.current())
        if isinstance(decision, ChooseAccount):
            return self.pages.show("choose_account.html", errand=errand)
        if isinstance(decision, SignIn):
            return self._form(errand, self._filled(errand))
        return self.pages.go(page_of(decision), errand.query)

    def submit(self) -> Response:
        """Check the password. Every refusal reads the same, whatever its cause (ASVS 6.3.8)."""
        errand = read_errand(self.pages)
        form = self.pages.form(SignInForm)
        if not form.validate():
            return self._form(errand, form, 422)
        try:
            return self._sign_in(errand, form)
        except SignInRefused:
            problem = gettext("The email address or the password is not right. Check both and try again.")
            return self._form(errand, form, 422, problem)
        except Throttled as error:
            return self._throttled(errand, form, error)

    def _sign_in(self, errand: Errand, form: SignInForm) -> Response:
        services, origin = self.pages.services, self.pages.browser.origin()
        state = self.pages.browser.read()
        user = services.sign_in.check_password(
            form.email.data or "", form.password.data or "", origin=origin, device_secret=state.device_secret
        )
        with services.work():
            signed_in = services.sign_in.begin(
                user, origin=origin, device_secret=state.device_secret, session_secret=state.session_secret,
                persistent=bool(form.remember.data),
            )  # fmt: skip
        response = go_on(self.pages, errand)
        self.pages.browser.remember(response, signed_in)
        return response

    def _throttled(self, errand: Errand, form: SignInForm, error: Throttled) -> Response:
        problem = gettext("Too many attempts. Try again %(when)s.", when=waiting(error.retry_after))
        response = self._form(errand, form, 429, problem)
        response.headers["Retry-After"] = str(error.retry_after)
        return response

    def show_choice(self) -> Response:
        """Nothing is chosen by a GET: the page that asks is the sign-in page."""
        return self.pages.go(LOGIN, read_errand(self.pages).query)

    def choose(self) -> Response:
        """“Continue as …”: the form's token is bound to that very session."""
        interaction, _app = read_interaction(self.pages)
        current = self.pages.browser.current()
        if current is None:
            return self.pages.go(LOGIN, {"interaction": interaction.id})
        with self.pages.services.work():
            self.pages.services.interactions.choose(interaction, current.session)
        return self.pages.go(RESUME, {"interaction": interaction.id})

    def _filled(self, errand: Errand) -> SignInForm:
        form = self.pages.form(SignInForm)
        if errand.interaction is not None and single("account") is None:
            form.email.data = errand.interaction.request.login_hint
        return form

    def _form(self, errand: Errand, form: SignInForm, status: int = 200, problem: str | None = None) -> Response:
        other = {"account": "other"} if single("account") == "other" else {}
        return self.pages.show(
            "sign_in.html", status, form=form, errand=errand, problem=problem,
            action=self.pages.path(LOGIN, {**errand.query, **other}),
            days=max(1, self.pages.settings.session_remember_life // DAY),
            may_register=self.pages.settings.user_registration,
        )  # fmt: skip


def stale_sign_in(pages: Pages) -> Response | None:
    """A sign-in form that another tab has overtaken is led on instead of refused (pages.md 10).

    Asked only when the form's token is wrong and the browser itself vouches that our own page posted
    it. What it does is a GET of the same errand, which changes nothing.
    """
    if request.path != pages.path(LOGIN) or pages.browser.current() is None:
        return None
    return pages.go(LOGIN, read_errand(pages).query)
