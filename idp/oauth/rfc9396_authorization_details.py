"""RFC 9396 (Rich Authorization Requests): the parameter ``authorization_details``, wherever it stands.

Section 2: an array of JSON objects, each with a ``type`` that the operator has registered. Section 3: in an
authorization request it stands beside ``scope`` or alone; section 1: and wherever else ``scope`` does, as in
a device authorization request (RFC 8628) and in one for backchannel authentication (CIBA). Section 6: a token
request, of an exchange too, may narrow what was granted. Section 7: the token answer says what the token
carries; section 9: so do the token and its introspection, to each API what is of its own types alone. What a
type may hold and who may ask for it, ``services.authorization_details`` knows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..domain.authorization_details import MAX_DETAILS, MAX_JSON, Detail
from ..domain.client import Client
from ..services.authorization_details import AuthorizationDetails, refused_details
from ..services.codes import Grant
from .requests import storable


class DetailedRequests:
    """The extension of the authorization request."""

    def __init__(self, details: AuthorizationDetails) -> None:
        self._details = details

    def read(self, parameters: Mapping[str, str], client: Client) -> Mapping[str, Any]:
        """The member of AuthorizationRequest. Raises ProtocolError, to be told to the client."""
        asked = details_for_person(parameters, client, self._details)
        return {"authorization_details": asked} if asked else {}


def details_for_person(
    parameters: Mapping[str, str], client: Client, details: AuthorizationDetails
) -> tuple[Detail, ...]:  # fmt: skip
    """What a person is to be asked for, wherever the request came in. Raises invalid_authorization_details."""
    asked = requested_details(parameters) or ()
    if asked:
        details.check(asked, client)
    return asked


def requested_details(parameters: Mapping[str, str]) -> tuple[Detail, ...] | None:
    """The parameter, well-formed; None if it was not sent. Raises invalid_authorization_details."""
    text = parameters.get("authorization_details")
    if text is None:
        return None
    if len(text) > MAX_JSON:
        raise refused_details(f"authorization_details has more than {MAX_JSON} characters", "RFC 9396 2")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise refused_details("authorization_details is not JSON", "RFC 9396 2") from None
    if (
        not isinstance(found, list)
        or not 0 < len(found) <= MAX_DETAILS
        or not storable({"authorization_details": found})
    ):
        raise refused_details(f"authorization_details must be an array of 1 to {MAX_DETAILS} objects", "RFC 9396 2")
    if len(json.dumps(found, separators=(",", ":"))) > MAX_JSON:  # as a token carries it: in ASCII
        raise refused_details(f"authorization_details has more than {MAX_JSON} characters", "RFC 9396 2")
    if not all(isinstance(item, dict) and isinstance(item.get("type"), str) for item in found):
        raise refused_details("each detail is a JSON object with a type", "RFC 9396 2")
    return tuple(found)


def add_details(answer: dict[str, object], grant: Grant, _client: Client) -> None:
    """The extension of the token answer (section 7)."""
    if grant.authorization_details:
        answer["authorization_details"] = [dict(detail) for detail in grant.authorization_details]
