"""Errors as people read them: one shell, the right status, a way on (pages.md 65).

These pages ask no database and no session: the 500 page must work when both are gone. Programs get
their JSON from the protocol edge, whose blueprints have handlers of their own.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Response, g, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from ..domain.failed_requests import parameter_in
from ..errors import (
    Conflict,
    IdpError,
    InputRefused,
    NotFound,
    ProofRequired,
    ProtocolError,
    SignInRefused,
    Throttled,
    Unavailable,
)
from .languages import gettext, lazy_gettext
from .presentation import waiting

_WORDS = {
    400: (lazy_gettext("We could not read that"), lazy_gettext("Something in the address or the form was not right.")),
    403: (
        lazy_gettext("This page is out of date"),
        lazy_gettext("Nothing was changed. Load the page again and repeat what you did."),
    ),
    404: (lazy_gettext("Page not found"), lazy_gettext("The address may be mistyped, or what it led to is over.")),
    405: (lazy_gettext("That does not work here"), lazy_gettext("Go back and use the buttons of the page.")),
    409: (lazy_gettext("That exists already"), lazy_gettext("Nothing was changed. Choose another name.")),
    410: (lazy_gettext("This has ended"), lazy_gettext("Start again from the app.")),
    413: (lazy_gettext("That was too much"), lazy_gettext("Send less at once.")),
    421: (lazy_gettext("Wrong address"), lazy_gettext("This is not the address under which we can be reached.")),
    422: (lazy_gettext("We could not take that"), lazy_gettext("Go back, check what you entered, and try again.")),
    429: (lazy_gettext("Too many attempts"), lazy_gettext("This keeps others from guessing. You are not locked out.")),
    500: (
        lazy_gettext("Something went wrong"),
        lazy_gettext("This is our mistake, not yours. Nothing is lost; try again in a moment."),
    ),
    503: (
        lazy_gettext("Not available right now"),
        lazy_gettext("A part of the service does not answer. Nothing was changed."),
    ),
}  # fmt: skip


def error_page(status: int, *, retry_after: int | None = None, again: str | None = None) -> Response:
    """The page for a status. ``again`` is an address of ours that may be loaded anew."""
    heading, sentence = _WORDS.get(status, _WORDS[500 if status >= 500 else 400])
    when = gettext("Try again %(when)s.", when=waiting(retry_after)) if retry_after is not None else None
    page = render_template("error.html", status=status, heading=heading, sentence=sentence, when=when, again=again)
    response = make_response(page, status)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _here() -> str | None:
    """This very page, if it can be read with GET; from the request line, so within our origin."""
    return None if request.path.startswith(("//", "/\\")) else request.full_path.rstrip("?")


_STATUS: dict[type[IdpError], int] = {
    NotFound: 404, Conflict: 409, InputRefused: 422, SignInRefused: 422, ProofRequired: 403,
}  # fmt: skip


def register_error_handlers(app: Flask) -> None:
    """Every error that nobody else has turned into an answer becomes a page here."""
    for kind, status in _STATUS.items():
        app.register_error_handler(kind, _fixed(status))
    app.register_error_handler(ProtocolError, _protocol)
    app.register_error_handler(Throttled, _throttled)
    app.register_error_handler(Unavailable, _unavailable)
    app.register_error_handler(HTTPException, _http)


def _fixed(status: int) -> Callable[[IdpError], Response]:
    def answer(_error: IdpError) -> Response:
        return error_page(status)

    return answer


def _protocol(error: ProtocolError) -> Response:
    """An app sent somebody here with a request that cannot be answered at the app (RFC 6749 4.1.2.1).

    Nothing of the request is repeated; who made the app reads what was wrong and which rule says so.
    """
    page = render_template(
        "error.html", status=error.status,
        heading=gettext("This app asked for something that does not work"),
        sentence=gettext("You did nothing wrong. The app that sent you here made a request we cannot answer."),
        mend=gettext("Only the people who make the app can mend this. Go back to it, or tell them."),
        reference=g.get("request_id"),
        details=_facts(error),
    )  # fmt: skip
    response = make_response(page, error.status)
    response.headers.update(error.headers)
    return response


def _facts(error: ProtocolError) -> list[tuple[str, str]]:
    """For the app's developer: the code, the parameter, what was wrong with it, and which rule says so."""
    parameter = error.parameter or parameter_in(error.description)
    return [
        (gettext("Error"), error.error),
        *([(gettext("Parameter"), parameter)] if parameter else []),
        (gettext("What was wrong"), error.description),
        (gettext("Rule"), error.section),
    ]


def _throttled(error: Throttled) -> Response:
    return error_page(429, retry_after=error.retry_after, again=_here())


def _unavailable(error: Unavailable) -> Response:
    return error_page(503, retry_after=error.retry_after, again=_here())


def _http(error: HTTPException) -> Response | HTTPException:
    """A ready answer passes (``abort(response)``, a router's redirect); the rest becomes a page."""
    if error.response is not None or error.code is None or error.code < 400:
        return error
    response = error_page(error.code, again=_here() if error.code == 403 else None)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After", "WWW-Authenticate"):
            response.headers.setdefault(name, value)
    return response
