"""Which specifications there are, and how far each is supported: kept by hand, shown in README by ``make spec-matrix``.

``where`` are the modules that embody it (below ``idp/``); ``note`` says what is missing of one that is supported
in part, and why one is not supported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["supported", "partly", "no, on purpose"]


@dataclass(frozen=True)
class Specification:
    """One row. ``name`` is what tests are marked with."""

    name: str
    title: str
    where: tuple[str, ...] = ()
    status: Status = "supported"
    note: str = ""


def _spec(name: str, title: str, *where: str) -> Specification:
    return Specification(name, title, where)


def _partly(name: str, title: str, note: str, *where: str) -> Specification:
    return Specification(name, title, where, "partly", note)


def _not(name: str, why: str) -> Specification:
    return Specification(name, "", (), "no, on purpose", why)


SPECIFICATIONS = (
    _partly("RFC 6749", "OAuth 2.0", "as OAuth 2.1 has it: no implicit and no password grant",
            "oauth/rfc6749_authorize.py", "oauth/rfc6749_token.py", "oauth/rfc6749_grants.py",
            "oauth/rfc6749_scope.py", "oauth/rfc6749_client_authentication.py", "oauth/server.py"),
    _spec("OAuth 2.1", "draft-ietf-oauth-v2-1", "oauth/server.py"),
    _partly("RFC 6750", "bearer tokens", "not in the query, which OAuth 2.1 forbids", "oauth/rfc6750_bearer.py"),
    _spec("RFC 7009", "revocation", "oauth/rfc7009_revocation.py"),
    _spec("RFC 7517", "JSON Web Keys", "oauth/rfc7517_jwks.py"),
    _spec("RFC 7638", "JWK thumbprints", "jose.py"),
    _spec("RFC 7515", "JSON Web Signatures", "jose.py"),
    _partly("RFC 7518", "JSON Web Algorithms", "RS256, PS256, ES256, EdDSA; no encryption, no MACs", "jose.py"),
    _partly("RFC 7523", "JWT client authentication and grant", "no client_secret_jwt: a MAC needs secrets in the clear",
            "oauth/rfc7523_client_assertion.py", "oauth/rfc7523_jwt_bearer.py"),
    _spec("RFC 7591", "dynamic registration", "oauth/rfc7591_registration.py", "oauth/rfc7591_software_statement.py",
          "domain/client_metadata.py"),
    _spec("RFC 7592", "registration management", "oauth/rfc7592_configuration.py"),
    _partly("RFC 7636", "PKCE", "S256 only: plain protects nothing that TLS does not", "oauth/rfc7636_pkce.py"),
    _spec("RFC 7662", "introspection", "oauth/rfc7662_introspection.py"),
    _spec("RFC 8252", "native apps", "oauth/rfc8252_loopback.py"),
    _spec("RFC 8414", "server metadata", "oauth/rfc8414_metadata.py"),
    _spec("RFC 8628", "device grant", "oauth/rfc8628_device.py", "web/device_code.py"),
    _partly("RFC 8693", "token exchange", "access tokens for access tokens, never ID or refresh tokens; an actor is a "
            "client", "oauth/rfc8693_token_exchange.py", "services/exchange.py"),
    _spec("RFC 8705", "mutual TLS", "oauth/rfc8705_mtls.py"),
    _spec("RFC 8707", "resource indicators", "oauth/rfc8707_resource.py"),
    _spec("RFC 8725", "JWT best current practice", "jose.py"),
    _spec("RFC 9068", "JWT access tokens", "oauth/rfc9068_access_token.py"),
    _partly("RFC 9101", "request objects", "signed ones; unsigned and encrypted ones are refused",
            "oauth/rfc9101_request_object.py"),
    _spec("RFC 9126", "pushed authorization requests", "oauth/rfc9126_par.py"),
    _spec("RFC 9207", "iss in responses", "oauth/rfc9207_issuer.py"),
    _spec("RFC 9396", "rich authorization requests", "oauth/rfc9396_authorization_details.py"),
    _partly("RFC 9440", "Client-Cert header", "the value; the header's name must have no hyphen here, which WSGI could "
            "not tell from an underscore", "oauth/rfc8705_mtls.py"),
    _spec("RFC 9449", "DPoP", "oauth/rfc9449_dpop.py", "oauth/sender_constraint.py"),
    _spec("RFC 9470", "step-up authentication", "resource_server/requirement.py", "oidc/core_request.py"),
    _spec("RFC 9700", "OAuth security best current practice", "oauth/"),
    _partly("RFC 9701", "signed introspection", "signed, not encrypted", "oauth/rfc9701_signed_introspection.py"),
    _spec("RFC 9728", "protected resource metadata (SDK)", "resource_server/rfc9728_metadata.py"),
    _spec("OAuth Client ID Metadata Document", "draft-ietf-oauth-client-id-metadata-document",
          "oauth/client_id_metadata_document.py"),
    _partly("OpenID Connect Core 1.0", "", "the code flow; no encryption, no aggregated or distributed claims, no "
            "self-issued providers", "oidc/core_request.py", "oidc/core_id_token.py", "oidc/core_userinfo.py",
            "oidc/core_signed_userinfo.py", "services/subjects.py", "domain/decision.py"),
    _spec("OpenID Connect Discovery 1.0", "", "oidc/discovery.py"),
    _partly("OpenID Connect Dynamic Client Registration 1.0", "", "no members of encryption",
            "domain/openid_metadata.py", "oidc/registration_sector.py"),
    _spec("Initiating User Registration via OpenID Connect 1.0", "prompt=create", "domain/decision.py"),
    _spec("OpenID Connect RP-Initiated Logout 1.0", "", "oidc/rp_initiated_logout.py"),
    _spec("OpenID Connect Back-Channel Logout 1.0", "", "oidc/backchannel_logout.py"),
    _spec("OpenID Connect Front-Channel Logout 1.0", "", "oidc/frontchannel_logout.py"),
    _spec("OAuth 2.0 Multiple Response Type Encoding Practices", "response modes", "oauth/response_modes.py"),
    _spec("OAuth 2.0 Form Post Response Mode", "", "oauth/response_modes.py"),
    _partly("JARM", "signed authorization responses", "signed, not encrypted", "oidc/jarm.py"),
    _spec("FAPI 2.0 Security Profile", "final; a client's policy", "domain/fapi2.py"),
    _partly("FAPI 2.0 Message Signing", "final; a client's policy", "no HTTP message "
            "signatures at resources", "domain/fapi2.py", "oauth/rfc9101_request_object.py", "oidc/jarm.py"),
    _partly("CIBA Core", "OpenID Connect CIBA 1.0", "poll and ping; no push mode, no user codes, no login_hint_token",
            "oidc/ciba.py", "oidc/ciba_signed_request.py", "services/polling.py", "web/approvals.py"),
    _partly("FAPI-CIBA ID1", "", "signed requests and bound tokens, member by member; there is no policy of its own",
            "oidc/ciba_signed_request.py"),
    _not("OpenID Connect Session Management 1.0", "its frames need third-party cookies, which browsers block; "
         "back-channel and front-channel logout, and the log of revocations, tell clients instead"),
    _not("Implicit, hybrid and password grants", "OAuth 2.1 removed them (RFC 9700 2.1.2, 2.4): "
         "unsupported_response_type, unsupported_grant_type"),
)  # fmt: skip

BEYOND = frozenset({
    "ASVS", "ASVS 5.0", "CVE-2020-10770", "CVE-2024-41953", "HTML Living Standard", "RFC 3207", "RFC 5321", "RFC 5869",
    "RFC 6454", "RFC 8314", "RFC 9110", "RFC 9111",
})  # fmt: skip
"""What tests are marked with too, and is no protocol of ours: platforms, catalogues of demands, incidents."""
