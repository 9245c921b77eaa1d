"""Which language a page speaks (pages.md 72 to 74).

Order: ``ui_locales`` of the authorization request, the person's own choice, ``Accept-Language``,
English. A language joins when its catalogue is complete; until then there is nothing to choose and
the footer offers no choice.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from babel import Locale
from flask import Flask, g, has_request_context, request
from flask_babel import Babel, get_locale  # type: ignore[import-untyped, unused-ignore]
from flask_babel import gettext as _gettext
from flask_babel import lazy_gettext as _lazy_gettext

DEFAULT = "en"
OFFERED = (DEFAULT,)


def prefer(languages: Iterable[str]) -> None:
    """Remember what this request's authorization request or person asks for, best first."""
    g.preferred_languages = (*g.get("preferred_languages", ()), *languages)


def negotiate(wanted: Iterable[str], offered: Iterable[str] = OFFERED) -> str:
    """The first wanted language that is offered, by tag or by its primary subtag (RFC 4647 3.4)."""
    known = {tag.lower(): tag for tag in offered}
    for tag in wanted:
        subtags = tag.lower().replace("_", "-").split("-")
        for end in range(len(subtags), 0, -1):
            if (found := known.get("-".join(subtags[:end]))) is not None:
                return found
    return DEFAULT


def _select() -> str:
    if not has_request_context():
        return DEFAULT
    return negotiate((*g.get("preferred_languages", ()), *request.accept_languages.values()))


def speak(app: Flask) -> None:
    """Wire Babel into the application, once; times are UTC and say so (pages.md 35)."""
    if "babel" not in app.extensions:
        Babel(app, default_locale=DEFAULT, default_timezone="UTC", locale_selector=_select)
    app.context_processor(_direction)


def current_locale() -> Locale:
    """The locale of this page."""
    return cast("Locale | None", get_locale()) or Locale.parse(DEFAULT)


def _direction() -> dict[str, str]:
    locale = current_locale()
    return {"lang": str(locale).replace("_", "-"), "direction": locale.text_direction}


def primary_language() -> str:
    """For members like ``client_name#fr`` (RFC 7591 section 2.2)."""
    return str(current_locale().language)


def gettext(message: str, **values: object) -> str:
    """A sentence in the language of the page, filled with ``values``."""
    return str(_gettext(message, **values))


def lazy_gettext(message: str) -> str:
    """A sentence that is translated when it is shown, for what is built before any request."""
    return cast("str", _lazy_gettext(message))
