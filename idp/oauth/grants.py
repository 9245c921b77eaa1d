"""What every grant of the token endpoint shares: the request, the client, and how the answer is made.

Each grant is a class in the file of its RFC, built on ``Answering``, and stands in the list of ``server``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from authlib.oauth2 import OAuth2Request
from authlib.oauth2.rfc6749 import BaseGrant, TokenEndpointMixin
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload

from ..domain.client import Client, GrantType
from ..domain.exchange import may_act
from ..domain.scope import parse_scope
from ..errors import ProtocolError
from ..services.codes import Grant
from .requests import Parameters, Received
from .rfc8707_resource import narrow
from .rfc9396_authorization_details import requested_details

if TYPE_CHECKING:
    from .server import IdpServer

TokenAnswer = dict[str, object]


class TokenRequest(OAuth2Request):
    """A token request that has been read already. The URI is the endpoint's, never the Host's [1]."""

    def __init__(self, uri: str, parameters: Parameters, asked: Received) -> None:
        super().__init__("POST", uri, headers={})
        self.parameters = parameters
        self.payload = BasicOAuth2Payload(parameters)
        self.asked = asked
        self.confirmation: Mapping[str, str] = {}

    @property
    def form(self) -> Mapping[str, str]:
        """The form alone; there is no query."""
        return self.parameters

    @property
    def resources(self) -> tuple[str, ...]:
        """RFC 8707 section 2.2."""
        return self.parameters.lists["resource"]


class Answering(BaseGrant, TokenEndpointMixin):
    """What all our grants share: who may use them, and how the answer is made."""

    server: IdpServer
    request: TokenRequest
    grant: Grant

    def authenticate_token_endpoint_client(self) -> Any:
        """The client, wrapped so that Authlib can ask for its grants; and whose its tokens will be.

        Before anything is looked up or claimed: a request that must be sent again, with a proof or with the
        nonce that it is told now, finds everything as it was.
        """
        client = self.server.authenticate_client(self.request, ())
        self.request.confirmation = self.server.binding.confirmation(self.request.asked, client)
        return AuthlibClient(client)

    def addressed(self, grant: Grant) -> Grant:
        """For whom the token is, what it may carry there, and who must prove what with it.

        RFC 8707 section 2.2, RFC 9396 section 6.
        """
        tokens, details = self.server.services.tokens, self.server.services.authorization_details
        wanted = details.narrow(grant.authorization_details, requested_details(self.request.form))
        apis = details.homes(wanted, self.request.client.client)
        more = set(apis.values())
        resources = narrow(grant.resources, self.request.resources, grant.scope, tokens, more)
        audience, scope = tokens.address(resources, grant.scope, more)
        if not audience:
            raise ProtocolError("invalid_target", "none of the resources exists any more", section="RFC 8707 2")
        kept = tuple(one for one in wanted if apis.get(str(one["type"])) in audience)
        return self.bound(
            replace(grant, resources=resources, audience=audience, scope=scope, authorization_details=kept)
        )

    def bound(self, grant: Grant) -> Grant:
        """By which name the client knows the person, and what it is told of them; who must prove what with the token,
        and who may exchange it.
        """
        bound = replace(grant, subject=self._subject(grant), confirmation=self.request.confirmation)
        if grant.user_id is None:
            return bound
        claims = self.server.services.profiles.matching(grant.claims, grant.user_id)
        return replace(bound, claims=claims, may_act=may_act(self.request.client.client.exchange))

    def _subject(self, grant: Grant) -> str:
        """A client without a person is its own subject (RFC 9068 section 2.2)."""
        if grant.user_id is None:
            return grant.client_id
        return self.server.services.subjects.subject(grant.user_id, self.request.client.client)

    def generate_token(self, *_args: Any, **_kwargs: Any) -> TokenAnswer:
        """From the grant that this request earned; Authlib's arguments know less."""
        return self.server.make_answer(self.grant, self.request.client.client)

    def save_token(self, token: TokenAnswer) -> None:
        """Whatever there is to keep has been kept by the service, in its transaction."""


class OwnGrant(Answering):
    """A grant that Authlib knows nothing of: who may use it is asked here, the rest is ``granted``'s."""

    GRANT_TYPE: GrantType

    def validate_token_request(self) -> None:
        """The client, what it is registered for, then everything else."""
        wrapped = self.authenticate_token_endpoint_client()
        if self.GRANT_TYPE not in wrapped.client.grant_types:
            raise ProtocolError(
                "unauthorized_client", f"the client is not registered for {self.GRANT_TYPE}", section="RFC 6749 5.2"
            )  # fmt: skip
        self.request.client = wrapped
        self.grant = self.granted(wrapped.client)

    def granted(self, client: Client) -> Grant:
        """Everything the answer is made from; raises ProtocolError."""
        raise NotImplementedError

    def create_token_response(self) -> tuple[int, TokenAnswer, object]:
        """As Authlib's dispatcher wants it."""
        return 200, self.generate_token(), ()


class AuthlibClient:
    """The two questions that Authlib's grants ask of a client."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def check_grant_type(self, grant_type: str) -> bool:
        """Is the client registered for it?"""
        return grant_type in {item.value for item in self.client.grant_types}


def requested_scope(parameters: Parameters) -> tuple[str, ...] | None:
    """The ``scope`` of a token request; None if there is none. Raises invalid_scope (RFC 6749 section 3.3)."""
    text = parameters.get("scope")
    if text is None:
        return None
    scope = parse_scope(text)
    if scope is None:
        raise ProtocolError("invalid_scope", "scope holds a character that is not allowed", section="RFC 6749 3.3")
    return scope
