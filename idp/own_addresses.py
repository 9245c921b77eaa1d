"""What our own public addresses may be: the issuer, where streams are, where client certificates are asked for.

Each function says what is wrong, and what to do about it.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def issuer_problems(issuer: str) -> list[str]:
    """An https URL without query, fragment, user or final slash (RFC 8414 section 2); http for loopback alone."""
    try:
        parts = urlsplit(issuer)
        host, _port = parts.hostname or "", parts.port
    except ValueError as error:
        return [f"IDP_ISSUER: {error}"]
    problems = []
    if parts.scheme not in ("http", "https") or not host:
        return ["IDP_ISSUER must be an https URL like https://id.example.com"]
    if parts.query or parts.fragment or parts.username or issuer.endswith("/"):
        problems.append("IDP_ISSUER has no query, fragment, user or final slash (RFC 8414 section 2)")
    if parts.scheme == "http" and not is_loopback(host):
        problems.append("IDP_ISSUER: http is for localhost only; use https")
    return problems


def streams_problems(issuer: str, address: str) -> list[str]:
    """Followers send a token there, so they take no other host and no other scheme than the issuer's."""
    if not address:
        return []
    try:
        ours, theirs = urlsplit(issuer), urlsplit(address)
        same = (ours.scheme, ours.hostname) == (theirs.scheme, theirs.hostname) and theirs.port != 0
    except ValueError as error:
        return [f"IDP_STREAMS_URL: {error}"]
    if same and not theirs.username and address.endswith("/revocations") and not set("?#") & set(address):
        return []
    return ["IDP_STREAMS_URL must be at the issuer's host, by its scheme, on any port, and end in /revocations"]


def mtls_problems(issuer: str, address: str) -> list[str]:
    """Another host or port of ours, with the same endpoints beneath it."""
    if not address:
        return []
    problems = [problem.replace("IDP_ISSUER", "IDP_MTLS_URL") for problem in issuer_problems(address)]
    if not problems and urlsplit(address).path != urlsplit(issuer).path:
        problems.append("IDP_MTLS_URL must have the path of IDP_ISSUER")
    return problems


def is_loopback(host: str) -> bool:
    """A name or address that cannot leave this machine (RFC 6761 section 6.3 for localhost)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
