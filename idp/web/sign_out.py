"""Signing out of this browser (pages.md 55 to 58).

A GET asks first: an image or a link on somebody else's page must not sign anybody out (ASVS 10.6.2).
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, request

from ..domain.session import EndReason, ThisSession
from ..signing_out import once_settled
from .pages import Pages, forget_page, leave
from .places import LOGIN, SESSIONS, SIGN_OUT, SIGNED_OUT


@dataclass(frozen=True)
class SignOutPages:
    """``/account/sign-out`` and the page after it."""

    pages: Pages

    def mount(self, blueprint: Blueprint) -> None:
        """Put the pages at their places."""
        blueprint.add_url_rule(SIGN_OUT, "sign_out", self.ask, methods=["GET"])
        blueprint.add_url_rule(SIGN_OUT, "sign_out_post", self.submit, methods=["POST"])
        blueprint.add_url_rule(SIGNED_OUT, "signed_out", self.show, methods=["GET"])

    def ask(self) -> Response:
        """“Do you want to sign out?”"""
        if self.pages.browser.current() is None:
            return self.pages.go(SIGNED_OUT)
        return self.pages.show("sign_out.html", action=self.pages.path(SIGN_OUT))

    def submit(self) -> Response:
        """End this session; its offline apps stay, as the page after says (design.md section 5)."""
        if request.form.get("decision") == "stay":
            return self.pages.go(SESSIONS)
        return once_settled(self._end, lambda: leave(self.pages))

    def _end(self) -> None:
        current = self.pages.browser.current()
        if current is None:
            self._settle()
            return
        with self.pages.services.work():
            self.pages.services.sessions.end_session(
                ThisSession(current.session.id), EndReason.SIGNED_OUT,
                by=f"user:{current.user.id}", origin=self.pages.browser.origin(),
            )  # fmt: skip

    def show(self) -> Response:
        """What ended and what did not. Whoever is signed in all the same is not told otherwise."""
        if self.pages.browser.current() is not None:
            return self.pages.go(SESSIONS)
        everywhere = request.args.get("where") == "everywhere"
        here = self.pages.path(SIGNED_OUT, {"where": "everywhere"} if everywhere else None)
        return once_settled(self._settle, lambda: self._done(everywhere), here)

    def _settle(self) -> None:
        """Whoever comes with the cookie of a session that ended a moment ago may come too early."""
        secret = self.pages.browser.read().session_secret
        if secret is not None:
            self.pages.services.sessions.settle_cookie(secret)

    def _done(self, everywhere: bool) -> Response:
        response = self.pages.show(
            "signed_out.html", everywhere=everywhere, minutes=-(-self.pages.settings.access_token_life // 60),
            sign_in=self.pages.path(LOGIN),
        )  # fmt: skip
        if self.pages.browser.shows_an_ended_session():
            forget_page(response)
            self.pages.browser.forget(response)
        return response
