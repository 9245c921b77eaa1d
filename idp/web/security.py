"""Headers of every answer, and the check that a form was posted by one of our own pages.

Headers: pages.md 66, 69, 71; RFC 9700 section 4.16 (never framed). ``setdefault`` throughout: an
endpoint that knows better (JWKS may be cached; ``form_post`` must leave our origin) has said so.
Pages say more than JSON does: what a page may run, ask a device for and share a process with means
nothing where nothing can run, and costs every answer of a program's.

Why ``Origin: null`` is let through to the token check: our own ``Referrer-Policy: no-referrer``
makes browsers send exactly that with our own forms (Fetch, "append a request Origin header").
``Sec-Fetch-Site``, which the policy does not touch, tells a stranger's form from ours, and the
token decides in any case (security.md section 6, trap 15).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from flask import Flask, Request, Response

from ..settings import Settings

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "require-trusted-types-for 'script'; trusted-types live"
)

_ALWAYS = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_PAGES = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": (
        "accelerometer=(), camera=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=(), "
        "publickey-credentials-get=(self), publickey-credentials-create=(self)"
    ),
}
_STRICT_TRANSPORT = "max-age=63072000; includeSubDomains"


def add_security_headers(app: Flask, settings: Settings) -> None:
    """Put the headers on every answer of the application, its errors included."""

    headers = always(settings)

    def protect(response: Response) -> Response:
        said = {name.lower() for name, _value in response.headers}
        for name, value in headers.items():
            if name.lower() not in said:
                response.headers.add(name, value)
        if response.mimetype == "text/html":
            for name, value in _PAGES.items():
                response.headers.setdefault(name, value)
            response.vary.add("Cookie")
        return response

    app.after_request(protect)


def always(settings: Settings) -> Mapping[str, str]:
    """What every answer says unless it says otherwise itself."""
    return {**_ALWAYS, "Strict-Transport-Security": _STRICT_TRANSPORT} if settings.secure else _ALWAYS


def origin_of(url: str) -> str:
    """Scheme, host and port, as browsers write them in ``Origin`` (RFC 6454 section 6.2)."""
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    port = "" if parts.port in (None, usual) else f":{parts.port}"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}{port}"


def posted_from_elsewhere(request: Request, issuer: str) -> bool:
    """Does the browser itself say that another site's page sent this?"""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return True
    return request.headers.get("Origin", "null") not in ("null", origin_of(issuer))


def surely_ours(request: Request) -> bool:
    """Does the browser itself say that one of our own pages sent this?"""
    return request.headers.get("Sec-Fetch-Site") == "same-origin"
