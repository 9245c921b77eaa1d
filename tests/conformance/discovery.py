"""What the suite checks in a discovery document (OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from tests.provider import ISSUER

from .suite import Suite

_REQUIRED = (
    "issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "response_types_supported",
    "subject_types_supported", "id_token_signing_alg_values_supported", "registration_endpoint",
)  # fmt: skip
# RFC 8414 2, OIDC Discovery 3, RFC 8628 4, RFC 8705 3.3 and 5, RFC 9101 10.5, RFC 9126 5, RFC 9207 3, RFC 9396 10,
# RFC 9449 5.1, RFC 9701 7, JARM 4, CIBA 4, the logout specifications, Native prompt=create, CIMD 7.
KNOWN = frozenset((
    *_REQUIRED, "userinfo_endpoint", "end_session_endpoint", "revocation_endpoint", "introspection_endpoint",
    "scopes_supported", "response_modes_supported", "grant_types_supported", "acr_values_supported",
    "token_endpoint_auth_methods_supported", "token_endpoint_auth_signing_alg_values_supported",
    "revocation_endpoint_auth_methods_supported", "revocation_endpoint_auth_signing_alg_values_supported",
    "introspection_endpoint_auth_methods_supported", "introspection_endpoint_auth_signing_alg_values_supported",
    "introspection_signing_alg_values_supported", "id_token_encryption_alg_values_supported",
    "userinfo_signing_alg_values_supported", "request_object_signing_alg_values_supported",
    "display_values_supported", "claim_types_supported", "claims_supported", "claims_locales_supported",
    "claims_parameter_supported", "request_parameter_supported", "request_uri_parameter_supported",
    "require_request_uri_registration", "require_signed_request_object", "service_documentation",
    "ui_locales_supported", "op_policy_uri", "op_tos_uri", "code_challenge_methods_supported",
    "authorization_response_iss_parameter_supported", "authorization_signing_alg_values_supported",
    "pushed_authorization_request_endpoint", "require_pushed_authorization_requests",
    "authorization_details_types_supported", "dpop_signing_alg_values_supported",
    "tls_client_certificate_bound_access_tokens", "mtls_endpoint_aliases", "device_authorization_endpoint",
    "backchannel_token_delivery_modes_supported", "backchannel_authentication_endpoint",
    "backchannel_authentication_request_signing_alg_values_supported", "backchannel_user_code_parameter_supported",
    "backchannel_logout_supported", "backchannel_logout_session_supported", "frontchannel_logout_supported",
    "frontchannel_logout_session_supported", "prompt_values_supported", "client_id_metadata_document_supported",
    "protected_resources", "signed_metadata",
))  # fmt: skip


def checked(suite: Suite) -> dict[str, Any]:
    """The document, if the suite would take it without a warning about what it promises."""
    answer = suite.http.get(f"{ISSUER}/.well-known/openid-configuration")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].split(";")[0] == "application/json"
    document: dict[str, Any] = answer.json()
    assert [name for name in _REQUIRED if name not in document] == []
    assert document["issuer"] == ISSUER
    for name, value in document.items():
        _well_formed(name, value)
    assert "code" in document["response_types_supported"]
    assert "RS256" in document["id_token_signing_alg_values_supported"]
    assert "openid" in document["scopes_supported"]
    assert all(re.fullmatch(r"[!#-\[\]-~]+", scope) for scope in document["scopes_supported"]), "RFC 6749 A.4"
    assert all(
        re.fullmatch(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?", tag) for tag in document["ui_locales_supported"]
    )
    assert set(document["subject_types_supported"]) & {"public", "pairwise"}
    assert set(document["code_challenge_methods_supported"]) & {"S256", "plain"}
    assert {"sub", "iss"} <= set(document["claims_supported"])
    assert suite.http.get(document["jwks_uri"]).json()["keys"]
    return document


def unexpected(document: dict[str, Any]) -> set[str]:
    """Members that no specification has: the suite warns of them unless it was told to expect them."""
    return set(document) - KNOWN


def _well_formed(name: str, value: Any) -> None:
    """RFC 8414 section 2 as the suite's JSON schema has it: URLs, arrays of different strings, booleans."""
    if name.endswith(("_endpoint", "_uri")):
        parts = urlsplit(value)
        assert parts.scheme == "https", name
        assert parts.netloc, name
        assert not parts.fragment, name
    elif name.endswith(("_values_supported", "_types_supported", "_modes_supported", "_methods_supported")):
        assert value, name
        assert all(isinstance(item, str) for item in value), name
        assert len(set(value)) == len(value), name
    elif name == "mtls_endpoint_aliases":
        assert all(urlsplit(address).scheme == "https" for address in value.values()), name
    elif name.startswith("require_") or name.endswith(("_parameter_supported", "_logout_supported")):
        assert isinstance(value, bool), name
