"""The page of the device grant (RFC 8628 sections 3.3, 3.3.1, 5.1, 5.4; pages.md 22).

The code is asked for after sign-in, so that wrong ones are counted for a person. Nothing is approved by a
GET: an address with the code in it shows the same page, on which the code is to be compared.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, abort, request

from ..domain.polled import PolledRequest, read_user_code, shown_user_code
from ..errors import NotFound, Throttled
from ..services.sessions import Current
from .app_face import face
from .consent import sentence
from .forms import UserCodeForm
from .languages import gettext, prefer
from .pages import Pages, single
from .places import DEVICE, LOGIN, Destination
from .presentation import moment, read_agent, waiting

ANSWER, DONE = f"{DEVICE}/answer", f"{DEVICE}/done"


@dataclass(frozen=True)
class DeviceCodePages:
    """``/device``: which device, then Allow or Cancel."""

    pages: Pages

    def mount(self, blueprint: Blueprint) -> None:
        """Put the pages at their places."""
        blueprint.add_url_rule(DEVICE, "device_code", self.show, methods=["GET"])
        blueprint.add_url_rule(DEVICE, "device_code_post", self.submit, methods=["POST"])
        blueprint.add_url_rule(ANSWER, "device_answer", self.answer, methods=["POST"])
        blueprint.add_url_rule(DONE, "device_done", self.done, methods=["GET"])

    def show(self) -> Response:
        """The field for the code; or, with a code in the address, the question."""
        typed = single("user_code")
        current = self._signed_in(read_user_code(typed or ""))
        form = self.pages.form(UserCodeForm)
        if typed is None:
            return self._form(form)
        form.user_code.data = typed[:32]
        return self._look_up(typed, current, form)

    def submit(self) -> Response:
        """A typed code leads to the address with the code in it, so that reloading asks nothing twice."""
        self._signed_in(None)
        form = self.pages.form(UserCodeForm)
        if not form.validate():
            return self._form(form, 422)
        code = read_user_code(form.user_code.data or "")
        if code is None:
            return self._wrong(form)
        return self.pages.go(Destination("device", user_code=code).path)

    def answer(self) -> Response:
        """Allow or Cancel. Anything else asks again: neither answer is ever assumed."""
        code, decision = read_user_code(single("user_code") or ""), request.form.get("decision")
        current, form = self._signed_in(code), self.pages.form(UserCodeForm)
        if code is None or decision not in ("allow", "cancel"):
            return self.pages.go(Destination("device", user_code=code).path)
        polling, origin = self.pages.services.polling, self.pages.browser.origin()
        try:
            found = polling.by_user_code(code, current, origin)
            polling.client(found)
            with self.pages.services.work():
                if decision == "allow":
                    polling.approve(found, current, origin, details_shown="details_shown" in request.form)
                else:
                    polling.deny(found, current, origin)
        except NotFound:
            return self._wrong(form)
        except Throttled as error:
            return self._throttled(form, error)
        return self.pages.go(DONE, {"decision": decision})

    def done(self) -> Response:
        """Back to the device."""
        self._signed_in(None)
        return self.pages.show("device_done.html", allowed=single("decision") == "allow")

    # ── inside ───────────────────────────────────────────────────────────────────────────────────

    def _signed_in(self, code: str | None) -> Current:
        """Who is asking. Nobody: the sign-in page instead, which leads back here."""
        current = self.pages.browser.current()
        if current is None:
            abort(self.pages.go(LOGIN, Destination("device", user_code=code).query))
        language = current.user.claims.get("locale")
        if isinstance(language, str):
            prefer([language])
        return current

    def _look_up(self, typed: str, current: Current, form: UserCodeForm) -> Response:
        code, polling = read_user_code(typed), self.pages.services.polling
        if code is None:
            return self._wrong(form)
        try:
            found = polling.by_user_code(code, current, self.pages.browser.origin())
            return self._ask(found, code, current)
        except NotFound:
            return self._wrong(form)
        except Throttled as error:
            return self._throttled(form, error)

    def _ask(self, found: PolledRequest, code: str, current: Current) -> Response:
        services = self.pages.services
        wanted = [sentence(item) for item in services.consents.describe(found.scope, current.user)]
        here = {"user_code": shown_user_code(code)}
        return self.pages.show(
            "device_confirm.html", user=current.user, wanted=wanted,
            app=face(services.polling.client(found), issuer=self.pages.settings.issuer),
            details=services.authorization_details.describe(found.authorization_details),
            code=here["user_code"], asked=moment(found.created_at, self.pages.now()), address=found.address,
            agent=read_agent(found.user_agent).title if found.user_agent else None,
            action=self.pages.path(ANSWER, here),
            other_account=self.pages.path(LOGIN, {**Destination("device", user_code=code).query, "account": "other"}),
        )  # fmt: skip

    def _form(self, form: UserCodeForm, status: int = 200) -> Response:
        return self.pages.show("device_code.html", status, form=form, action=self.pages.path(DEVICE))

    def _wrong(self, form: UserCodeForm) -> Response:
        form.user_code.errors = [
            gettext("This code is not right, or it is no longer good. Look at your device and try again.")
        ]
        return self._form(form, 422)

    def _throttled(self, form: UserCodeForm, error: Throttled) -> Response:
        form.user_code.errors = [gettext("Too many attempts. Try again %(when)s.", when=waiting(error.retry_after))]
        response = self._form(form, 429)
        response.headers["Retry-After"] = str(error.retry_after)
        return response
