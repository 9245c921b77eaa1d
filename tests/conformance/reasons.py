"""Modules of the suite's plans that have no test, each with the reason; ``test_every_module`` holds it to that."""

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
