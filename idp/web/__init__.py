"""Pages for people: sign-in, consent, account, devices, apps, errors (pages.md).

``blueprint`` composes them. It puts everything that templates need into the application it is
registered with, so that the protocol edge can render ``handoff.html`` or ``error.html`` in the same
shell without importing this package: the two meet at URLs and at templates only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flask import Blueprint, Flask, Response, abort, request
from flask.blueprints import BlueprintSetupState

from ..errors import ConfigurationError
from ..paths import TEMPLATES
from ..settings import Settings
from .accent import Theme, check_accent, make_theme
from .account import AccountPages
from .approvals import ApprovalPages
from .apps import AppPages
from .assets import Assets, static_files
from .consent import ConsentPages
from .device_code import DeviceCodePages
from .errors import register_error_handlers
from .failed_requests import FailedRequestPages
from .forms import CSRF_FIELD
from .languages import speak
from .mails import Mails
from .pages import Pages
from .places import local
from .profile import ProfilePages
from .registration import RegistrationPages
from .security import add_security_headers, posted_from_elsewhere, surely_ours
from .sessions import SessionPages
from .sign_in import SignInPages, stale_sign_in
from .sign_out import SignOutPages

if TYPE_CHECKING:
    from ..browser import Browser
    from ..services import Services

__all__ = ["Mails", "add_security_headers", "blueprint", "check_accent", "register_error_handlers", "static_files"]

_EDGES = (
    SignInPages, RegistrationPages, ConsentPages, DeviceCodePages, AccountPages, SessionPages, AppPages, SignOutPages,
    ApprovalPages, FailedRequestPages, ProfilePages,
)  # fmt: skip


def blueprint(settings: Settings, services: Services, browser: Browser) -> Blueprint:
    """Every page of ours. Raises ConfigurationError if the accent colour cannot be read on white."""
    if problem := check_accent(settings.accent_color):
        raise ConfigurationError([problem])
    pages, theme = Pages(settings, services, browser), make_theme(settings.accent_color)
    web = Blueprint("web", __name__, template_folder=str(TEMPLATES), url_prefix=settings.path_prefix or None)
    web.before_request(lambda: _guard(pages))
    for edge in _EDGES:
        edge(pages).mount(web)
    web.add_url_rule("/theme.css", "theme", lambda: _theme(theme), methods=["GET"])
    web.record_once(lambda state: _furnish(state, settings, theme))
    return web


def _furnish(state: BlueprintSetupState, settings: Settings, theme: Theme) -> None:
    """What every template may use, whichever edge renders it."""
    app = cast("Flask", state.app)
    speak(app)
    app.jinja_env.globals.update(
        asset=Assets(settings.path_prefix),
        theme_url=local(settings.path_prefix, "/theme.css", {"v": theme.fingerprint}),
        local=lambda path, query=None: local(settings.path_prefix, path, query),
        provider=settings.name,
        provider_host=settings.host,
    )


def _theme(theme: Theme) -> Response:
    """The accent colour. Its address changes with it, so it may be kept for ever."""
    response = Response(theme.css, mimetype="text/css")
    response.set_etag(theme.fingerprint)
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    response.make_conditional(request)
    return response


def _guard(pages: Pages) -> Response | None:
    """Every POST, before its page is asked: from our own page, with this browser's token, or 403.

    Why here as well as in the forms: a page that forgot its form would be unprotected.
    """
    if request.method != "POST":
        return None
    if posted_from_elsewhere(request, pages.settings.issuer):
        abort(403)
    if not pages.browser.check_csrf(request.form.get(CSRF_FIELD, "")):
        overtaken = stale_sign_in(pages) if surely_ours(request) else None
        if overtaken is None:
            abort(403)
        return overtaken
    return None
