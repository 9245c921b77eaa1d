"""“Signing you out…”: what people see while an ending is committed and not yet settled (design.md 4.2).

The one place for it, for our pages and for the logout endpoint alike. The page says what is not true yet
(503, ``Retry-After``) and goes on by itself, without scripts, to where the intended answer would have
led. Every place that says "done" asks before it does (``SessionControl.settle``), for people are
faster than pages. So the session's cookie stays until then: it opens nothing any more, and tells whose
ending it is that is not settled.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, make_response, render_template

from .errors import EndingUnsettled


def once_settled(
    end: Callable[[], object], answer: Callable[[], Response], leads_to: str | None = None
) -> Response:  # fmt: skip
    """``answer`` after ``end``; the page in between if that was not confirmed.

    ``leads_to`` is where the page goes on; without it, where ``answer`` redirects.
    """
    try:
        end()
    except EndingUnsettled as unsettled:
        return _meanwhile(leads_to or answer().headers["Location"], unsettled.retry_after)
    return answer()


def _meanwhile(leads_to: str, seconds: int) -> Response:
    response = make_response(render_template("signing_out.html", leads_to=leads_to, seconds=seconds), 503)
    response.headers["Retry-After"] = str(seconds)
    response.headers["Refresh"] = f"{seconds};url={leads_to}"
    response.headers["Cache-Control"] = "no-store"
    return response
