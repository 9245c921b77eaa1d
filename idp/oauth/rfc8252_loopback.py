"""RFC 8252 (OAuth 2.0 for Native Apps), sections 7.3 and 8.3, on top of exact matching.

RFC 9700 section 2.1 and OAuth 2.1 section 2.3.1: redirect URIs are compared code point by code point,
before any parsing or normalising. One exception: a native app that registered a literal loopback IP
may come from any port, because the operating system picks the port.
"""

from __future__ import annotations

import re

from ..domain.client import Client

_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\])(?::([0-9]{1,5}))?(/[^#\\]*)?")


def redirect_uri_matches(client: Client, redirect_uri: str) -> bool:
    """Is this one of the client's registered redirect URIs?"""
    if redirect_uri in client.redirect_uris:
        return True
    if client.application_type != "native":
        return False
    asked = _LOOPBACK.fullmatch(redirect_uri)
    if asked is None or int(asked.group(2) or 80) > 65535:
        return False
    return any(_same_but_port(asked, _LOOPBACK.fullmatch(registered)) for registered in client.redirect_uris)


def _same_but_port(asked: re.Match[str], registered: re.Match[str] | None) -> bool:
    return registered is not None and asked.group(1, 3) == registered.group(1, 3)
