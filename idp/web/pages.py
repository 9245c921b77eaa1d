"""Pages: how every page is made, and how a browser is sent on within our origin.

Redirects after a form are 303, never 307, which would repeat the password to the next page
(RFC 9700 section 4.12).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from flask import Response, abort, g, make_response, redirect, render_template, request

from ..settings import Settings
from .forms import Guarded
from .languages import prefer
from .places import LOGIN, SIGNED_OUT, TELL_APPS, Destination, local

if TYPE_CHECKING:
    from ..browser import Browser
    from ..services import Services
    from ..services.sessions import Current

FormType = TypeVar("FormType", bound=Guarded)


@dataclass(frozen=True)
class Pages:
    """Who we are, what can be done, and who is asking: given to every page, kept nowhere else."""

    settings: Settings
    services: Services
    browser: Browser

    def now(self) -> datetime:
        """The time of this request."""
        return self.services.clock.now()

    def form(self, kind: type[FormType]) -> FormType:
        """A form bound to this browser, filled with what was posted."""
        return kind(meta={"browser": self.browser})

    def show(self, template: str, status: int = 200, **context: Any) -> Response:
        """A page. The token is asked for once, so that every form of a page carries the same."""
        current = self.browser.current()
        context.setdefault("csrf_token", self.browser.csrf_token())
        return make_response(render_template(template, current=current, **context), status)

    def show_live(self, template: str, **context: Any) -> Response:
        """A page that refreshes itself: the same content answers 304 (pages.md 49)."""
        response = self.show(template, **context)
        response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:32], weak=True)
        response.make_conditional(request)
        return response

    def path(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """An address of ours, below the issuer's path."""
        return local(self.settings.path_prefix, path, query)

    def go(self, path: str, query: Mapping[str, str] | None = None) -> Response:
        """Send the browser on with a GET, within our origin."""
        response = redirect(self.path(path, query), 303)
        assert isinstance(response, Response)  # noqa: S101 - flask's redirect makes the app's Response
        return response

    def signed_in(self) -> Current:
        """Who is asking. Nobody: the sign-in page instead, which leads back to the list."""
        current = self.browser.current()
        if current is None:
            abort(self.go(LOGIN, _after_sign_in(request.path.removeprefix(self.settings.path_prefix))))
        language = current.user.claims.get("locale")
        if isinstance(language, str):
            prefer([language])
        return current


def _after_sign_in(path: str) -> dict[str, str]:
    """The name of the page asked for, if it is one that is safe to come back to by itself."""
    found = next((name for name in ("account", "apps", "requests") if Destination(name).path == path), None)
    return {} if found is None else {"to": found}


def single(name: str) -> str | None:
    """One query parameter; repeated, it is as good as absent (security.md section 6, trap 2)."""
    values = request.args.getlist(name)
    return values[0] if len(values) == 1 else None


def forget_page(response: Response) -> Response:
    """What sign-out leaves behind in the browser: nothing of ours (pages.md 57).

    Not ``"cookies"``: it would clear the whole registrable domain, our neighbours' too.
    """
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    g.pop("preferred_languages", None)
    return response


def leave(pages: Pages, *, everywhere: bool = False) -> Response:
    """To the page that says "signed out": by way of the apps, if some want to hear it from this browser.

    Then the cookie stays until that page, for it tells whose apps they are; it opens nothing any more.
    """
    tell = bool(pages.services.frontchannel.apps_of(pages.browser.read().session_secret))
    way = TELL_APPS if tell else SIGNED_OUT
    response = forget_page(pages.go(way, {"where": "everywhere"} if everywhere else None))
    if not tell:
        pages.browser.forget(response)
    return response
