"""The names of what can be sent: values of the world, parameters, headers, members of a registration.

``test_coverage`` compares the parameters with those that the program reads and those that are registered with IANA.
"""

from __future__ import annotations

import json

from .seeds_of_programs import EVERYTHING

NAMES = (
    *(
        f"victim.{name}" for name in (
            "code", "access_token", "refresh_token", "id_token", "sid", "client_id", "sub", "email", "session_id",
            "device_id", "reference", "device_code", "auth_req_id",
        )
    ),
    *(
        f"mallory.{name}" for name in (
            "code", "access_token", "refresh_token", "id_token", "interaction", "client_id", "sub", "email",
            "device_id", "secret", "registration_token", "object", "reference", "device_code", "user_code",
            "bound_token", "bound_refresh_token", "bound_code", "waiting", "request_id", "auth_req_id",
            "approved_code", "session_id", "basic",
        )
    ),
    "csrf", "visit.csrf", "service.client_id", "service.secret", "signer.client_id", "native.client_id",
    "signer.object", "signer.assertion", "signer.asked", "voucher.assertion", "voucher.statement", "follower.token",
    "proof", "proof.par", "proof.userinfo", "callback", "verifier", "challenge", "api", "issuer", "kid", "password",
    "client.url", "stranger",
)  # fmt: skip

SIGNED = (
    "mallory.object", "signer.object", "signer.assertion", "signer.asked", "voucher.assertion", "voucher.statement",
    "proof", "proof.par", "proof.userinfo",
)  # fmt: skip

# IANA, OAuth Parameters, of the specifications that this provider has or refuses by name.
REGISTERED = (
    "client_id", "client_secret", "response_type", "redirect_uri", "scope", "state", "code", "error",
    "error_description", "error_uri", "grant_type", "access_token", "token_type", "expires_in", "username",
    "password", "refresh_token", "nonce", "display", "prompt", "max_age", "ui_locales", "claims_locales",
    "id_token_hint", "login_hint", "acr_values", "claims", "registration", "request", "request_uri", "id_token",
    "session_state", "assertion", "client_assertion", "client_assertion_type", "code_verifier", "code_challenge",
    "code_challenge_method", "user_code", "device_code", "resource", "audience", "requested_token_type",
    "subject_token", "subject_token_type", "actor_token", "actor_token_type", "iss", "authorization_details",
    "dpop_jkt", "response_mode", "token", "token_type_hint", "logout_hint", "post_logout_redirect_uri",
    "auth_req_id", "login_hint_token", "binding_message", "client_notification_token", "requested_expiry",
)  # fmt: skip
_OF_PAGES = (
    "interaction", "csrf_token", "email", "remember", "name", "decision", "choice", "transaction", "to", "device",
    "ended", "removed", "where", "account", "parameter", "rule", "saved", "after", "wait", "given_name",
    "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website", "gender",
    "birthdate", "zoneinfo", "locale", "phone_number", "street_address", "locality", "region", "postal_code",
    "country", "",
)  # fmt: skip
FIELDS = (*REGISTERED, *_OF_PAGES)
HEADERS = (
    "Authorization", "Cookie", "Origin", "Referer", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Accept", "Accept-Language",
    "Accept-Encoding", "User-Agent", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-ID",
    "If-None-Match", "If-Modified-Since", "Range", "Host", "Content-Type", "Content-Encoding", "Expect", "DPoP",
    "Access-Control-Request-Method", "Access-Control-Request-Headers", "X-HTTP-Method-Override", "Content-Length",
    "Client-Cert", "Client-Cert-Chain", "X-SSL-Client-Cert", "X-Forwarded-Client-Cert", "ClientCert",
    "Last-Event-ID", "Transfer-Encoding", "Forwarded", "Upgrade", "Connection", "TE", "Content-Language",
)  # fmt: skip
MEMBERS = (
    *json.loads(EVERYTHING), "jwks_uri", "contacts", "client_uri", "client_id", "client_secret", "software_statement",
    "scope", "grant_types", "trusted", "backchannel_token_delivery_mode", "backchannel_client_notification_endpoint",
    "backchannel_authentication_request_signing_alg", "backchannel_user_code_parameter", "tls_client_auth_subject_dn",
    "tls_client_auth_san_dns", "tls_client_auth_san_uri", "tls_client_auth_san_ip", "tls_client_auth_san_email",
    "tls_client_certificate_bound_access_tokens", "use_mtls_endpoint_aliases", "id_token_encrypted_response_alg",
    "id_token_encrypted_response_enc", "userinfo_encrypted_response_alg", "userinfo_encrypted_response_enc",
    "introspection_encrypted_response_alg", "introspection_encrypted_response_enc", "request_object_encryption_alg",
    "request_object_encryption_enc", "authorization_encrypted_response_alg", "authorization_encrypted_response_enc",
)  # fmt: skip
