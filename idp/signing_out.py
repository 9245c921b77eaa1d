"""“Signing you out…”: what people see while an ending is committed and not yet settled (design.md 4.2).

The one place for it, for our pages and for the logout endpoint alike. The page says what is not true yet
(503, ``Retry-After``) and goes on by itself, without scripts, to where the intended answer would have
led. By then it is true, so nothing is asked a second time. What the intended answer does to the browser
(cookies that go, data to clear) this one does already: the session has ended in any case.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, make_response, render_template

from .errors import EndingUnsettled

_KEPT = ("Set-Cookie", "Clear-Site-Data")


def once_settled(
    end: Callable[[], object], answer: Callable[[], Response], leads_to: str | None = None
) -> Response:  # fmt: skip
    """``answer`` after ``end``; the page in between if that was not confirmed.

    ``leads_to`` is where the page goes on; without it, where ``answer`` redirects.
    """
    try:
        end()
    except EndingUnsettled as unsettled:
        intended = answer()
        return _meanwhile(intended, leads_to or intended.headers["Location"], unsettled.retry_after)
    return answer()


def _meanwhile(intended: Response, leads_to: str, seconds: int) -> Response:
    response = make_response(render_template("signing_out.html", leads_to=leads_to, seconds=seconds), 503)
    for name in _KEPT:
        for value in intended.headers.getlist(name):
            response.headers.add(name, value)
    response.headers["Retry-After"] = str(seconds)
    response.headers["Cache-Control"] = "no-store"
    return response
