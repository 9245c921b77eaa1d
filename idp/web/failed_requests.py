"""For the developer of an app: which parameter of a failed authorization request was wrong, by which rule.

An answer to a client names this page in ``error_uri`` (RFC 6749 section 4.1.2.1). It asks no session and
no database, and shows fixed words alone, for anybody can write its address.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, abort, make_response, render_template, request

from ..domain.failed_requests import ERRORS, PARAMETERS, rules
from .pages import Pages
from .places import FAILED_REQUEST


@dataclass(frozen=True)
class FailedRequestPages:
    """``/authorize/error``."""

    pages: Pages

    def mount(self, blueprint: Blueprint) -> None:
        """Put the page at its place."""
        blueprint.add_url_rule(FAILED_REQUEST, "failed_request", self.show, methods=["GET"])

    def show(self) -> Response:
        """404 for an error there is not; a parameter or a rule we do not know is left out."""
        error, parameter = request.args.get("error", ""), request.args.get("parameter", "")
        if error not in ERRORS:
            abort(404)
        page = render_template(
            "failed_request.html", error=error, meaning=ERRORS[error],
            parameter=parameter if parameter in PARAMETERS else None, hint=PARAMETERS.get(parameter),
            rules=rules(request.args.get("rule", "")),
        )  # fmt: skip
        return make_response(page)
