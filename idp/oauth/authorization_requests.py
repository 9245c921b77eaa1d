"""RFC 6749 section 4.1.1 (Authorization Request), by RFC 9700 and OAuth 2.1: what is asked, vetted.

Two steps. ``resolve``: which parameters count, and how they came; a resolver replaces what was sent by
what it stands for. ``read``: those parameters, checked one by one in a fixed order, the redirect URI
first, for nothing else may be answered anywhere before it has been vetted (section 4.1.2.1). Other
specifications add their parameters through ``extensions``, so that this file knows nothing of them.

Why both run again when a kept request is used: the client's registration may have changed since.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..domain.client import Client, GrantType
from ..domain.interaction import MOST_CARRIED, AuthorizationRequest
from ..errors import ProtocolError
from ..services.tokens import Tokens
from ..settings import Settings
from .requests import Parameters, invalid_request, refuse_repeats
from .response_modes import read_response_mode
from .rfc6749_scope import scope_for_person
from .rfc7636_pkce import read_challenge
from .rfc8252_loopback import redirect_uri_matches
from .rfc8707_resource import check_resources


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters that count, and how they came.

    ``pushed_as`` as in AuthorizationRequest; ``signed``: they stood in a request object (RFC 9101).
    """

    parameters: Parameters
    pushed_as: str | None = None
    signed: bool = False


Resolver = Callable[[Asked, Client], Asked]
Extension = Callable[[Parameters, Client], Mapping[str, Any]]


class AuthorizationRequests:
    """Resolve and read authorization requests, wherever they are sent to."""

    def __init__(
        self, settings: Settings, tokens: Tokens, sent: Resolver, pushed: Resolver, extensions: Sequence[Extension]
    ) -> None:  # fmt: skip
        self._settings = settings
        self._tokens = tokens
        self._sent = sent
        self._pushed = pushed
        self._extensions = extensions

    def resolve(self, sent: Parameters, client: Client) -> Asked:
        """What counts of what was sent to the authorization endpoint. Raises ProtocolError."""
        return self._sent(Asked(sent), client)

    def resolve_pushed(self, sent: Parameters, client: Client) -> Asked:
        """What counts of what was pushed (RFC 9126 section 3). Raises ProtocolError."""
        return self._pushed(Asked(sent), client)

    def read(self, asked: Asked, client: Client) -> AuthorizationRequest:
        """Everything that is asked for, in this order. Raises ProtocolError for the first mistake."""
        parameters = asked.parameters
        redirect_uri = vetted_redirect_uri(parameters, client)
        refuse_repeats(parameters)
        _response_type(parameters, client)
        members: dict[str, Any] = {
            "response_mode": read_response_mode(parameters, client, redirect_uri),
            "scope": scope_for_person(parameters, client),
            "code_challenge": read_challenge(parameters, client, self._settings.pkce_required),
            "resources": check_resources(parameters.lists["resource"], self._settings.issuer, self._tokens),
        }
        for extension in self._extensions:
            members |= extension(parameters, client)
        request = AuthorizationRequest(
            client_id=client.client_id, redirect_uri=redirect_uri, state=parameters.get("state"),
            pushed_as=asked.pushed_as, **members,
        )  # fmt: skip
        if request.carried > MOST_CARRIED:  # a token that we issue is one that we read
            raise invalid_request("more is asked for than a token can carry", "RFC 6749 4.1.2.1")
        return request


def vetted_redirect_uri(parameters: Parameters, client: Client) -> str:
    """Required always, so no default can be guessed at (OAuth 2.1 section 2.3.2). Raises ProtocolError."""
    if "redirect_uri" in parameters.repeated:
        raise invalid_request("redirect_uri is repeated", "RFC 6749 3.1")
    redirect_uri = parameters.require("redirect_uri", "RFC 6749 3.1.2.3")
    check_redirect_uri(redirect_uri, client)
    return redirect_uri


def check_redirect_uri(redirect_uri: str, client: Client) -> None:
    """Is it one of the client's at this moment? Raises ProtocolError."""
    if not redirect_uri_matches(client, redirect_uri):
        raise invalid_request("redirect_uri is not registered for this app", "RFC 9700 2.1")


def _response_type(parameters: Parameters, client: Client) -> None:
    response_type = parameters.require("response_type", "RFC 6749 4.1.1")
    if response_type != "code":
        raise ProtocolError(
            "unsupported_response_type", "only response_type code is supported", section="OAuth 2.1 4.1.1"
        )  # fmt: skip
    if GrantType.AUTHORIZATION_CODE not in client.grant_types:
        raise ProtocolError(
            "unauthorized_client", "the app is not registered for authorization_code", section="RFC 6749 4.1.2.1"
        )  # fmt: skip
