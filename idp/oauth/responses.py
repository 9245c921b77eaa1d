"""Writing protocol answers and errors: the one place where they become HTTP for programs.

And the three ways back to a client's redirect URI: a plain 303 where the browser got here by
navigation, the hand-off page where it got here through a form of ours (Chromium applies
``form-action`` to every redirect after a form, so a 303 would be blocked without a word: pages.md 67),
and an error page where no redirect URI has been vetted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from flask import Response, make_response, render_template

from ..errors import ConfigurationError, Conflict, IdpError, NotFound, ProtocolError, Throttled, Unavailable

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
JSON_TYPE = "application/json"
_JSON = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON answer, not yet one of a lane's. ``headers`` say how long it may be kept; the rest is the lane's."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: NO_STORE)


def json_document(
    body: Mapping[str, object], status: int = 200, headers: Mapping[str, str] | None = None
) -> Answer:  # fmt: skip
    """A JSON answer that no cache may keep (RFC 6749 section 5.1), with more headers if there are any."""
    return Answer(_JSON.encode(body).encode(), status, {**NO_STORE, **headers} if headers else NO_STORE)


def as_response(answer: Answer) -> Response:
    """The answer in the ordinary lane."""
    response = Response(answer.body, status=answer.status, mimetype=JSON_TYPE)
    response.headers.update(answer.headers)
    return response


def json_answer(body: Mapping[str, object], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """``json_document`` of the ordinary lane, with more headers."""
    response = as_response(json_document(body, status))
    if headers:
        response.headers.update(headers)
    return response


def empty_answer(status: int) -> Response:
    """No body and so no content type."""
    response = Response(status=status, headers=NO_STORE)
    response.headers.pop("Content-Type", None)
    return response


def error_for_programs(error: IdpError) -> Response:
    """Every IdpError as a program hears it; a mistake of ours is none of the request's, so it is raised on."""
    if isinstance(error, ConfigurationError):
        raise error
    if isinstance(error, ProtocolError):
        return json_answer(error.body(), error.status, error.headers)
    if isinstance(error, Throttled):
        body = {"error": "temporarily_unavailable", "error_description": "too many attempts; wait (RFC 6585 4)"}
        return json_answer(body, 429, {"Retry-After": str(error.retry_after)})
    if isinstance(error, Unavailable):
        body = {"error": "temporarily_unavailable", "error_description": "try again soon (RFC 9110 15.6.4)"}
        return json_answer(body, 503, {"Retry-After": str(error.retry_after)})
    if isinstance(error, NotFound):
        return json_answer({"error": "not_found", "error_description": "there is no such thing"}, 404)
    if isinstance(error, Conflict):
        return json_answer({"error": "conflict", "error_description": "it exists already"}, 409)
    return json_answer({"error": "invalid_request", "error_description": "the request cannot be served"}, 400)


def with_parameters(uri: str, parameters: Mapping[str, str]) -> str:
    """Add parameters to the query of a vetted redirect URI, keeping what it holds (RFC 6749 3.1.2).

    The URI itself stays as it was registered, to the letter. Every value is percent-encoded as a
    whole, so no ``state`` can add a parameter or a header.
    """
    separator = "&" if "?" in uri else "?"
    return f"{uri}{separator}{urlencode(parameters, quote_via=quote)}" if parameters else uri


def redirect_to_client(target: str) -> Response:
    """303 to a vetted redirect URI; nothing of it may be cached (RFC 9700 sections 4.2 and 4.12)."""
    response = Response(status=303, headers={"Location": target, **NO_STORE})
    response.headers.pop("Content-Type", None)
    response.autocorrect_location_header = False
    return response


def hand_off(target: str, app_name: str) -> Response:
    """A page of ours that leaves by plain navigation."""
    response = make_response(render_template("handoff.html", target=target, app_name=app_name))
    response.headers.update(NO_STORE)
    return response
