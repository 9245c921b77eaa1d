"""Modules of the suite's plans that have no test, each with the reason; ``test_every_module`` holds it to that."""

from __future__ import annotations

from .plans import PLANS

NOT_APPLICABLE = {
    "oidcc-ensure-request-without-nonce-fails": (
        "for response types that answer with an ID token at the authorization endpoint (implicit, hybrid), which "
        "are not supported on purpose; in the code flow nonce is optional (OpenID Connect Core 3.1.2.1)"
    ),
}  # fmt: skip

WAITING: dict[str, str] = {
    "oidcc-userinfo-rs256": "signed userinfo",
    "oidcc-registration-sector-uri": "pairwise subjects",
    "oidcc-registration-sector-bad": "pairwise subjects",
    "oidcc-request-uri-signed-rs256": "request objects",
    "oidcc-ensure-request-object-with-redirect-uri": "request objects",
    "oidcc-3rd_party-init-login": "a link to initiate_login_uri",
    "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported": "request objects by form_post",
    "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported": "request objects by form_post",
    **{name: "FAPI 2" for plan in PLANS if plan.startswith("fapi2") for name in PLANS[plan]},
    **dict.fromkeys(PLANS["fapi-ciba-id1-test-plan"], "CIBA"),
}
"""While this issue is under way: what other rooms are still landing; such a test may fail."""
