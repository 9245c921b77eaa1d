"""What of the suite does not succeed, each with the reason; ``test_every_module`` holds it to that.

Modules that have no test; and conditions of the suite that fail, or warn, by a decision of ours.
"""

from __future__ import annotations

_FAPI = "fapi2-security-profile-final-"

NOT_APPLICABLE = {
    "oidcc-ensure-request-without-nonce-fails": (
        "for response types that answer with an ID token at the authorization endpoint (implicit, hybrid), which "
        "are not supported on purpose; in the code flow nonce is optional (OpenID Connect Core 3.1.2.1)"
    ),
    _FAPI + "australia-connectid-ensure-invalid-purpose-fails": (
        "the purpose parameter of one ecosystem (ConnectID, Australia); the suite skips it for plain FAPI"
    ),
    _FAPI + "australia-connectid-test-claims-parameter-idtoken-identity-claims": (
        "identity claims of one ecosystem (ConnectID, Australia); the suite skips it for plain FAPI"
    ),
    _FAPI + "brazil-ensure-bad-payment-signature-fails": (
        "signed payment consents of one ecosystem (Open Finance Brasil), at an API that this provider does not have"
    ),
    _FAPI + "ensure-server-handles-non-matching-intent-id": (
        "the openbanking_intent_id of one ecosystem (Open Banking UK); the suite skips it for plain FAPI"
    ),
    _FAPI + "test-essential-acr-sca-claim": (
        "the acr urn:openbanking:psd2:sca of one ecosystem (Open Banking UK); the suite skips it for plain FAPI"
    ),
}

_DYNAMIC = "oidcc-discovery-endpoint-verification, of a plan whose clients register themselves"

BY_DECISION = {
    f"{_DYNAMIC}: response_types_supported lacks id_token and id_token token (failure)": (
        "OpenID Connect Core 15.2 wants the implicit flow of a dynamic provider; OAuth 2.1 and RFC 9700 2.1.2 "
        "removed it"
    ),
    f"{_DYNAMIC}: grant_types_supported lacks implicit (failure)": (
        "for the same reason; in oidcc-config, where clients are static, neither is looked for"
    ),
    "oidcc-registration-logo-uri: the page shows no logo (for review)": (
        "Registration 2 says SHOULD: a picture of a stranger's server would tell it who is signing in, so pages "
        "show the app's initial"
    ),
    _FAPI + "test-claims-parameter-identity-claims: sid in the ID token is not known there (warning)": (
        "Front-Channel Logout 1.0 section 3 and Back-Channel Logout 1.0 section 2.1 put it there"
    ),
    "every module: revocations_endpoint is an unexpected member of discovery (warning)": (
        "ours, for the log of revocations; server.allow_unexpected_metadata_fields names it"
    ),
}
