"""RFC 8414 (Authorization Server Metadata): the OAuth half of the discovery document.

Section 2: members; what is listed works, what does not work is not listed. Section 3: where it is
found, the well-known segment standing *before* the path of the issuer.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..domain.authorization_metadata import RESPONSE_MODES
from ..domain.client import AuthMethod, GrantType
from ..domain.key import SIGNING_ALGS
from ..domain.scope import STANDARD_SCOPES
from ..settings import Settings
from .rfc7517_jwks import PATH as JWKS_PATH
from .rfc7636_pkce import METHODS
from .rfc8705_mtls import ALIASED
from .rfc9449_dpop import ALGS


def metadata(settings: Settings, own_scopes: Sequence[str], detail_types: Sequence[str]) -> dict[str, object]:
    """The document; ``own_scopes`` and ``detail_types`` (RFC 9396 section 10) are those of the operator's APIs."""
    url = settings.url
    methods = [item.value for item in settings.auth_methods]
    document: dict[str, object] = {
        "issuer": settings.issuer,
        "authorization_endpoint": url("/authorize"),
        "token_endpoint": url("/token"),
        "device_authorization_endpoint": url("/device_authorization"),
        "jwks_uri": url(JWKS_PATH),
        "revocation_endpoint": url("/revoke"),
        "introspection_endpoint": url("/introspect"),
        "revocations_endpoint": settings.revocations_url,  # ours, not registered: the log that resource servers follow
        "scopes_supported": [*STANDARD_SCOPES, *own_scopes],
        "response_types_supported": ["code"],
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": [item.value for item in GrantType],
        "code_challenge_methods_supported": list(METHODS),
        "authorization_response_iss_parameter_supported": True,
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": list(SIGNING_ALGS),
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": list(SIGNING_ALGS),
        "introspection_endpoint_auth_methods_supported": [name for name in methods if name != AuthMethod.NONE],
        "introspection_endpoint_auth_signing_alg_values_supported": list(SIGNING_ALGS),
        "dpop_signing_alg_values_supported": list(ALGS),
        "introspection_signing_alg_values_supported": list(settings.signing_algs),
        "ui_locales_supported": ["en"],
    }
    document["pushed_authorization_request_endpoint"] = url("/par")
    document["require_pushed_authorization_requests"] = settings.require_pushed_requests
    if settings.client_id_documents:
        document["client_id_metadata_document_supported"] = True
    if detail_types:
        document["authorization_details_types_supported"] = list(detail_types)
    if settings.client_certificate_header:
        document["tls_client_certificate_bound_access_tokens"] = True
    if settings.mtls_url:
        document["mtls_endpoint_aliases"] = {name: settings.mtls_url + path for name, path in ALIASED.items()}
    if settings.client_registration != "closed":
        document["registration_endpoint"] = url("/register")
    return document
