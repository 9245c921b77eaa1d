"""OpenID Connect Front-Channel Logout 1.0: the person's own browser tells the apps that they are signed out.

Section 3: our page holds one frame for each app of the ended session, at its registered address with
``iss`` and ``sid`` added, so that an app can tell our word from a stranger's and ends the right session.

- The policy of that page allows frames of exactly those origins and of no other; a frame may run scripts
  and reach its own storage, and may not take the window away from us (``sandbox``).
- The page goes on by itself after a few seconds, without scripts; with them as soon as every app answered.
- Whether an app heard it we cannot know (section 4.1: browsers keep cookies from frames of other sites).
  Who must know registers for the back channel, too; the session has ended here before the page is made.

Sign-out from a page of ours comes here through ``/logout/apps``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from flask import Blueprint, Response, make_response, render_template, request

from ..browser import Browser
from ..oauth.responses import NO_STORE, with_parameters
from ..services.frontchannel import AppToTell, Frontchannel
from ..settings import Settings

PATH = "/logout/apps"
SECONDS = 4
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types live"
)


class FrontchannelLogout:
    """The page with the frames; GET /logout/apps."""

    def __init__(self, settings: Settings, apps: Frontchannel, browser: Browser) -> None:
        self._settings = settings
        self._apps = apps
        self._browser = browser

    def mount(self, blueprint: Blueprint) -> None:
        """Where it stands."""
        blueprint.add_url_rule(PATH, "logout_apps", self.get, methods=["GET"])

    def get(self) -> Response:
        """After a sign-out on a page of ours: tell the apps, then say it is done."""
        everywhere = "?where=everywhere" if request.args.get("where") == "everywhere" else ""
        leads_to = f"{self._settings.path_prefix}/signed-out{everywhere}"
        return self.first(leads_to, "", lambda: Response(status=303, headers={"Location": leads_to, **NO_STORE}))

    def first(self, leads_to: str, app_name: str, otherwise: Callable[[], Response]) -> Response:
        """A page that tells the apps and goes on to ``leads_to``; where there are none to tell, ``otherwise``."""
        frames = self.frames()
        if not frames:
            return otherwise()
        page = render_template(
            "telling_apps.html", frames=frames, leads_to=leads_to, app_name=app_name, seconds=SECONDS
        )  # fmt: skip
        response = make_response(page)
        response.headers.update(NO_STORE)
        allow_frames(response, frames)
        return response

    def frames(self) -> list[str]:
        """What each app of this browser's ended session is asked for."""
        return [self._address(app) for app in self._apps.apps_of(self._browser.read().session_secret)]

    def _address(self, app: AppToTell) -> str:
        """Section 2: ``iss`` and ``sid`` together, beside what the registered query holds."""
        return with_parameters(app.uri, {"iss": self._settings.issuer, "sid": str(app.sid)})


def allow_frames(response: Response, frames: Sequence[str]) -> None:
    """Let this one page hold frames of exactly these origins."""
    if frames:
        origins = " ".join(sorted({f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, frames)}))
        response.headers["Content-Security-Policy"] = f"{_POLICY}; frame-src {origins}"
