"""OAuth 2.0 Multiple Response Types 2.1 and Form Post Response Mode 1.0: how an answer reaches the client.

With the names of JARM section 2.3: each mode has a twin whose one parameter is the signed answer.

The one door through which codes and errors leave for a client. ``query`` and ``fragment`` are a plain
303 where the browser got here by navigation, and the hand-off page where it got here through a form of
ours (Chromium applies ``form-action`` to every redirect after a form: pages.md 67). ``form_post`` is a
page whose one form has a fixed target and whose policy alone says nothing of ``form-action``, for the
client may redirect on.

The answer to a bad request takes the mode that was asked for as far as it can be known and the client
is registered for it (ASVS 10.4.12), else ``query``, else the first that it is registered for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from flask import Response, make_response, render_template

from ..domain.authorization_metadata import RESPONSE_MODES
from ..domain.client import Client
from ..domain.interaction import AuthorizationRequest
from .requests import Parameters, invalid_request
from .responses import NO_STORE, hand_off, redirect_to_client, with_parameters
from .rfc9207_issuer import response_parameters

_DEFAULT = "query"  # of response_type code
_FORM_POST_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; require-trusted-types-for 'script'"
)


@dataclass(frozen=True, slots=True)
class WayBack:
    """Where an answer goes and how; ``redirect_uri`` has been vetted."""

    redirect_uri: str
    state: str | None
    response_mode: str

    @classmethod
    def of(cls, request: AuthorizationRequest) -> WayBack:
        """That of a validated request."""
        return cls(request.redirect_uri, request.state, request.response_mode)


Sign = Callable[[Mapping[str, str], Client], str]


class ResponseModes:
    """Write authorization responses. ``sign`` makes the signed answer of the modes that end in ``jwt``."""

    def __init__(self, issuer: str, sign: Sign) -> None:
        self._issuer = issuer
        self._sign = sign

    def send(
        self, way: WayBack, client: Client, parameters: Mapping[str, str], *, after_form: bool = False
    ) -> Response:
        """The answer on its way. ``after_form``: the browser came from a form of ours."""
        answer = response_parameters(parameters, way.state, self._issuer)
        mode, signed = _plain(way.response_mode)
        if signed:
            answer = {"response": self._sign(answer, client)}
        if mode == "form_post":
            return _form_post(way.redirect_uri, client.client_name, answer)
        add = _in_fragment if mode == "fragment" else with_parameters
        target = add(way.redirect_uri, answer)
        return hand_off(target, client.client_name) if after_form else redirect_to_client(target)


def read_response_mode(parameters: Parameters, client: Client, redirect_uri: str) -> str:
    """The mode of a request, or invalid_request for one that there is not, or not for this client."""
    mode, allowed = parameters.get("response_mode", _DEFAULT), modes_of(client)
    if mode not in allowed:
        raise invalid_request(
            f"response_mode must be one of: {', '.join(allowed)}", "OAuth 2.0 Multiple Response Types 2.1"
        )
    if not _travels(mode, redirect_uri):
        raise invalid_request(
            "response_mode form_post needs an https redirect_uri", "OAuth 2.0 Multiple Response Types 2.1"
        )
    return mode


def mode_of_error(parameters: Parameters, client: Client, redirect_uri: str) -> str:
    """The mode in which a refusal is told: as asked, if that could be read and is allowed."""
    mode, allowed = parameters.get("response_mode", _DEFAULT), modes_of(client)
    if mode in allowed and "response_mode" not in parameters.repeated and _travels(mode, redirect_uri):
        return mode
    return _DEFAULT if _DEFAULT in allowed else allowed[0]


def _travels(mode: str, redirect_uri: str) -> bool:
    """A form cannot be posted to a native app's own scheme (RFC 8252 section 7.1): a person would be stuck."""
    return not mode.startswith("form_post") or redirect_uri.startswith(("https:", "http:"))


def modes_of(client: Client) -> tuple[str, ...]:
    """Those the client is registered for; without a word of its own, all."""
    registered = client.metadata.get("response_modes")
    kept = tuple(mode for mode in RESPONSE_MODES if isinstance(registered, list) and mode in registered)
    return kept or RESPONSE_MODES


def _plain(mode: str) -> tuple[str, bool]:
    """How it travels, and whether it is signed; ``jwt`` alone is the default mode, signed (JARM 2.3.4)."""
    return (_DEFAULT, True) if mode == "jwt" else (mode.removesuffix(".jwt"), mode.endswith(".jwt"))


def _in_fragment(uri: str, parameters: Mapping[str, str]) -> str:
    """A registered redirect URI has no fragment of its own (RFC 6749 section 3.1.2)."""
    return f"{uri}#{urlencode(parameters, quote_via=quote)}"


def _form_post(target: str, app_name: str, parameters: Mapping[str, str]) -> Response:
    page = render_template("form_post.html", target=target, app_name=app_name, fields=list(parameters.items()))
    response = make_response(page)
    response.headers.update(NO_STORE)
    response.headers["Content-Security-Policy"] = _FORM_POST_POLICY
    return response
