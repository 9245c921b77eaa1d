"""Does the proxy in front of us drop headers whose names have underscores? ``idp doctor`` asks, ``/healthz`` tells.

A WSGI server hands on ``X-Forwarded-For`` and ``X_Forwarded_For`` under one name (PEP 3333, CGI), and of the two
the last. A proxy that sets the first and passes the second lets its clients say where they come from, and so go
around every brake by address. Which of the two was sent nobody can see from within; so the doctor sends one header
that has nothing but underscores through the proxy, and whoever gets it says so.
"""

from __future__ import annotations

from collections.abc import Mapping

SENT = {"Idp_Underscore_Probe": "1"}
RECEIVED = "Idp-Underscore-Probe"  # as every WSGI server spells it for us
TOLD = {"Idp-Underscores": "passed"}


def told(headers: Mapping[str, str]) -> Mapping[str, str]:
    """What the answer to a request with these headers says of its way here."""
    return TOLD if headers.get(RECEIVED) else {}


def passed(answered: Mapping[str, str]) -> bool:
    """Of an answer's headers, by lower-case name: did the header with underscores arrive?"""
    return all(answered.get(name.lower()) == value for name, value in TOLD.items())
