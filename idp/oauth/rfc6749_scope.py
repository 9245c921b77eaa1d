"""RFC 6749 section 3.3 (Access Token Scope): what a client may ask a person for."""

from __future__ import annotations

from ..domain.client import Client, GrantType
from ..domain.scope import OFFLINE_ACCESS, REVOCATIONS, parse_scope
from ..errors import ProtocolError
from .requests import Parameters


def scope_for_person(parameters: Parameters, client: Client) -> tuple[str, ...]:
    """What is asked of what the client may ask for; unknown values are left out (Core 3.1.2.1).

    Who sends no ``scope`` gets the default, which is none at all (section 3.3): a token that says for whom and
    for which API it is, and what ``authorization_details`` allow. Agents whose API names no scopes ask so.
    """
    text = parameters.get("scope", "")
    scope = parse_scope(text) if len(text) <= 2000 else None
    if scope is None:
        raise ProtocolError(
            "invalid_scope", "scope is malformed or too long", section="RFC 6749 3.3", parameter="scope"
        )
    if REVOCATIONS in scope:
        raise ProtocolError(
            "invalid_scope", "revocations is for no person to grant", section="RFC 6749 3.3", parameter="scope"
        )
    allowed = tuple(name for name in scope if name in client.scope)
    if scope and not allowed:
        raise ProtocolError(
            "invalid_scope", "none of the scopes is open to this app", section="RFC 6749 3.3", parameter="scope"
        )
    if GrantType.REFRESH_TOKEN not in client.grant_types:  # OpenID Connect Core 11: MUST be ignored then
        return tuple(name for name in allowed if name != OFFLINE_ACCESS)
    return allowed
