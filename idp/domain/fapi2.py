"""FAPI 2.0 Security Profile and Message Signing as a policy of one client, decided by the operator.

What the profiles demand of a server and this provider does for everybody is not repeated here: response type
``code`` and an exact ``redirect_uri`` always, ``iss`` in answers, codes of at most 60 seconds that are redeemed
once, an assertion's ``aud`` the issuer as one string, ``iat`` and ``nbf`` up to ten seconds ahead. The policy
turns on the rest, by the registration's own members where there are some (``applied``):

    Security Profile 5.3.2.1, 4-5   tokens bound to a key, or to a certificate if the client says so
    Security Profile 5.3.2.1, 6     private_key_jwt, tls_client_auth or self_signed_tls_client_auth, nothing else
    Security Profile 5.3.2.1, 9     refresh tokens stay as they are (``services.refresh``)
    Security Profile 5.3.2.2, 2-5   pushed requests alone, PKCE (``oauth.rfc7636_pkce``)
    Security Profile 5.3.2.2, 8     no http redirect URIs, but loopback of native apps
    Security Profile 5.4.1          PS256, ES256 and EdDSA, for what the client signs and what it is given
    Message Signing 5.3.1           signed request objects alone; answers are signed where the client asks (JARM)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .metadata_members import bad

if TYPE_CHECKING:
    from .client_metadata import ClientMetadata

ALGS = ("ES256", "EdDSA", "PS256")
_METHODS = ("private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth")
_SIGNED = (
    "id_token_signed_response_alg", "userinfo_signed_response_alg", "introspection_signed_response_alg",
    "authorization_signed_response_alg", "request_object_signing_alg",
)  # fmt: skip


class Fapi2(StrEnum):
    """Which of the two profiles; Message Signing contains the other."""

    SECURITY_PROFILE = "security-profile"
    MESSAGE_SIGNING = "message-signing"


def applied(policy: Fapi2, metadata: ClientMetadata) -> ClientMetadata:
    """The registration with everything turned on. Raises MetadataProblem for what the profile forbids."""
    if metadata.token_endpoint_auth_method not in _METHODS:
        raise bad("FAPI 2.0: token_endpoint_auth_method must be private_key_jwt or mutual TLS (5.3.2.1)")
    algs = {member: metadata.rest[member] for member in _SIGNED if member in metadata.rest}
    algs["token_endpoint_auth_signing_alg"] = metadata.token_endpoint_auth_signing_alg or ALGS[0]
    if wrong := [member for member, alg in algs.items() if alg not in ALGS]:
        raise bad(f"FAPI 2.0: {wrong[0]} must be one of {', '.join(ALGS)} (5.4.1)")
    for uri in metadata.redirect_uris:
        if urlsplit(uri).scheme == "http" and metadata.application_type != "native":
            raise bad("FAPI 2.0: http is for the loopback addresses of native apps (5.3.2.2)", "invalid_redirect_uri")
    return replace(metadata, rest={**metadata.rest, **_turned_on(policy, metadata.rest)})


def _turned_on(policy: Fapi2, rest: Mapping[str, object]) -> dict[str, object]:
    members: dict[str, object] = {
        "require_pushed_authorization_requests": True,
        "id_token_signed_response_alg": rest.get("id_token_signed_response_alg", ALGS[0]),
        "authorization_signed_response_alg": rest.get("authorization_signed_response_alg", ALGS[0]),
    }
    if rest.get("tls_client_certificate_bound_access_tokens") is not True:
        members["dpop_bound_access_tokens"] = True
    if policy is Fapi2.MESSAGE_SIGNING:
        members["require_signed_request_object"] = True
    return members
