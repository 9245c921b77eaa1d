"""The person's own entries: name, birthday, phone number, postal address (OpenID Connect Core 1.0 section 5.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response

from ..domain.profile import ADDRESS_MEMBERS
from ..domain.user import User
from ..errors import InputRefused
from ..services.sessions import Current
from .forms import ProfileForm
from .languages import gettext
from .pages import Pages, single
from .places import PROFILE


@dataclass(frozen=True)
class ProfilePages:
    """``/account/profile``."""

    pages: Pages

    def mount(self, blueprint: Blueprint) -> None:
        """Put the page at its place."""
        blueprint.add_url_rule(PROFILE, "profile", self.show, methods=["GET"])
        blueprint.add_url_rule(PROFILE, "profile_post", self.submit, methods=["POST"])

    def show(self) -> Response:
        """What is known, ready to be changed."""
        current, form = self.pages.signed_in(), self.pages.form(ProfileForm)
        for name, value in _entries(current.user).items():
            form[name].data = value
        return self._form(current, form, saved=single("saved") is not None)

    def submit(self) -> Response:
        """Keep it; what was left empty is forgotten."""
        current, form = self.pages.signed_in(), self.pages.form(ProfileForm)
        if not form.validate():
            return self._form(current, form, 422)
        services = self.pages.services
        try:
            with services.work():
                services.profiles.change(
                    current.user, _changes(form), by=f"user:{current.user.id}", origin=self.pages.browser.origin()
                )
        except InputRefused as refused:
            for name, problem in refused.problems.items():
                form["street_address" if name == "address" else name].errors = [gettext(problem)]
            return self._form(current, form, 422)
        return self.pages.go(PROFILE, {"saved": "yes"})

    def _form(self, current: Current, form: ProfileForm, status: int = 200, *, saved: bool = False) -> Response:
        return self.pages.show(
            "account/profile.html", status, form=form, user=current.user, here="profile", saved=saved,
            action=self.pages.path(PROFILE),
        )  # fmt: skip


def _entries(user: User) -> dict[str, object]:
    """By the names of the form's fields."""
    address = user.claims.get("address")
    parts = {name: address.get(name) for name in ADDRESS_MEMBERS} if isinstance(address, dict) else {}
    known: dict[str, object] = {**dict(user.claims), **parts}
    return {name: known[name] for name in ProfileForm.NAMES if known.get(name)}


def _changes(form: ProfileForm) -> dict[str, Any]:
    sent: dict[str, str] = {name: (form[name].data or "").strip().replace("\r\n", "\n") for name in ProfileForm.NAMES}
    address = {name: value for name in ADDRESS_MEMBERS if (value := sent.pop(name, ""))}
    return {**sent, "address": address}
