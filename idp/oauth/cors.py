"""CORS (Fetch Standard) for browser apps: where they need it, and without credentials, ever.

Public documents are open to every origin. The token, userinfo, revocation and PAR endpoints too, since a
request there is worth what it carries and never what the browser adds: no cookie is read there and
``Access-Control-Allow-Credentials`` is never sent. The authorization and logout endpoints and the
pages have none. Registration stays closed to scripts of other origins.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, request

OPEN = {"Access-Control-Allow-Origin": "*"}
_PATHS = frozenset({"token", "userinfo", "revoke", "par"})
_DOCUMENTS = frozenset({"jwks", "openid_configuration", "oauth_server"})  # these challenge nobody
_NONE: dict[str, str] = {}
_PREFLIGHT = {
    **OPEN,
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "authorization, content-type, dpop",
    "Access-Control-Max-Age": "7200",
}
_ANSWERS = {**OPEN, "Access-Control-Expose-Headers": "WWW-Authenticate, DPoP-Nonce"}


def headers_for(endpoint: str) -> Mapping[str, str]:
    """What an answer of the endpoint of this name says to browser apps, errors too."""
    return _ANSWERS if endpoint in _PATHS else OPEN if endpoint in _DOCUMENTS else _NONE


def install(blueprint: Blueprint) -> None:
    """Answer preflights and open the answers, errors too, of the endpoints that browser apps call."""
    blueprint.after_request(_open)


def preflight() -> Response:
    """The answer to OPTIONS."""
    return Response(status=204, headers=_PREFLIGHT)


def mount_preflights(blueprint: Blueprint, paths: tuple[str, ...]) -> None:
    """OPTIONS for the given paths."""
    for path in paths:
        blueprint.add_url_rule(
            path, f"preflight {path}".replace(".", "_"), preflight, methods=["OPTIONS"], provide_automatic_options=False
        )


def _open(response: Response) -> Response:
    response.headers.update(headers_for((request.endpoint or "").rpartition(".")[2]))
    return response
