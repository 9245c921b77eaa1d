"""Where answers may go: the rules for redirect URIs of RFC 9700 section 2.1 and RFC 8252 sections 7 and 8.4."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

MAX_URI = 2000
URI = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
"""The characters of RFC 3986 section 2, without the one that begins a fragment."""


def redirect_uri_problem(uri: str, application_type: str) -> str | None:
    """Why an address cannot receive answers; None if it can (RFC 9700 2.1, RFC 8252 7 and 8.4)."""
    if len(uri) > MAX_URI or not URI.fullmatch(uri):
        return "an address is too long, or holds a fragment or a character that no URI may hold (RFC 3986 2)"
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return "an address cannot be read as a URI"
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        return "an address must not hold user information"
    if parts.scheme == "https":
        return None if host and "*" not in host else "an https address needs a host, without wildcards"
    if parts.scheme == "http":
        return None if is_loopback(host) else "http is for loopback only; use https"
    return _private_scheme_problem(parts.scheme, application_type)


def _private_scheme_problem(scheme: str, application_type: str) -> str | None:
    if application_type != "native":
        return "only native apps may use a scheme of their own (application_type native)"
    if "." not in scheme:
        return "a scheme of your own must be a reversed domain name such as com.example.app (RFC 8252 7.1)"
    return None


def is_loopback(host: str) -> bool:
    """An address or name that cannot leave the machine it is used on."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
