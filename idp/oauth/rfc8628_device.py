"""RFC 8628 (Device Authorization Grant): the endpoint that begins it, and the grant that ends it.

Section 3.1: the request, by whoever may use the grant, authenticated as at the token endpoint. Section 3.2:
the answer. Sections 3.4 and 3.5: polling. The page of section 3.3 is ``web.device_code``'s; codes, brakes
and what is created are ``services.polling``'s.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, request

from ..domain.client import Client, GrantType
from ..domain.device import Origin
from ..domain.polled import PolledKind, shown_user_code
from ..domain.ports import Throttles
from ..domain.throttle import device_request_brakes
from ..errors import ProtocolError, Throttled
from ..services import Services
from ..services.codes import Grant
from ..settings import Settings
from .grants import OwnGrant
from .requests import Parameters, form, received
from .responses import json_answer
from .rfc6749_client_authentication import ClientAuthentication
from .rfc6749_scope import scope_for_person
from .rfc8707_resource import check_resources
from .rfc9396_authorization_details import details_for_person


class DeviceAuthorizationEndpoint:
    """POST /device_authorization."""

    def __init__(
        self,
        settings: Settings,
        authentication: ClientAuthentication,
        services: Services,
        throttles: Throttles,
        address_of_request: Callable[[], str],
    ) -> None:
        self._settings = settings
        self._authentication = authentication
        self._services = services
        self._throttles = throttles
        self._address = address_of_request

    def mount(self, blueprint: Blueprint) -> None:
        """Where it stands."""
        blueprint.add_url_rule("/device_authorization", "device_authorization", self.post, methods=["POST"])

    def post(self) -> Response:
        """One device authorization request."""
        asked = received(self._address)
        parameters = form(asked)
        client = self._authentication.authenticate(parameters, asked)
        if GrantType.DEVICE_CODE not in client.grant_types:
            raise ProtocolError(
                "unauthorized_client", "the client is not registered for the device grant", section="RFC 8628 3.1"
            )  # fmt: skip
        brakes = device_request_brakes(client.client_id, asked.address)
        if wait := self._throttles.take(brakes, self._services.clock.now()):
            raise Throttled(wait)
        return self._begin(parameters, client, asked.address)

    def _begin(self, parameters: Parameters, client: Client, address: str) -> Response:
        scope = scope_for_person(parameters, client)
        resources = check_resources(parameters.lists["resource"], self._settings.issuer, self._services.tokens)
        details = details_for_person(parameters, client, self._services.authorization_details)
        begun = self._services.polling.begin_device(
            client, scope, resources, details, Origin(address=address, user_agent=_agent())
        )
        shown = shown_user_code(begun.user_code)
        page = self._settings.url("/device")
        return json_answer({
            "device_code": begun.code, "user_code": shown, "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={shown}", "expires_in": begun.expires_in,
            "interval": begun.interval,
        })  # fmt: skip


def _agent() -> str:
    """What the device says it is, as far as it can be shown."""
    return "".join(c for c in request.headers.get("User-Agent", "") if c.isprintable())[:400]


class DeviceGrant(OwnGrant):
    """Section 3.4. The scope is what was approved: a ``scope`` of the token request is not read.

    ``resource`` and ``authorization_details`` may narrow it (RFC 8707 section 2.2, RFC 9396 section 6).
    """

    GRANT_TYPE = GrantType.DEVICE_CODE

    def granted(self, client: Client) -> Grant:
        """Poll; if it has been approved, the one redemption."""
        services = self.server.services
        code = self.request.parameters.require("device_code", "RFC 8628 3.4")
        found = services.polling.poll(code, client, PolledKind.DEVICE)
        with services.work():
            return self.addressed(services.polling.redeem(found, client, self.request.confirmation))
