"""The plan oidcc-config: discovery. The plans of logout look at the same document."""

from __future__ import annotations

import base64

import jwt
import pytest

from .discovery import checked, unexpected
from .suite import Suite

DISCOVERY = "OpenID Connect Discovery 1.0"
EXTRA = {"revocations_endpoint"}
"""Ours: where resource servers follow the log of revocations; README says how to tell the suite so."""


@pytest.mark.spec(DISCOVERY, "3")
@pytest.mark.spec(DISCOVERY, "4.2")
def test_oidcc_discovery_endpoint_verification(suite: Suite) -> None:
    document = checked(suite)
    assert unexpected(document) <= EXTRA
    assert document["claims_parameter_supported"] is True
    assert "authorization_code" in document["grant_types_supported"]
    assert document["token_endpoint_auth_methods_supported"]
    assert "RS256" in document["request_object_signing_alg_values_supported"]
    assert document["response_types_supported"] == ["code"], "what else a dynamic provider needs: reasons.BY_DECISION"
    keys = suite.http.get(document["jwks_uri"]).json()["keys"]
    assert len({one["kid"] for one in keys}) == len(keys)
    for published in keys:
        assert published["use"] == "sig"
        assert not {"d", "p", "q", "dp", "dq", "qi", "oth", "k"} & set(published)
        assert jwt.PyJWK(published).key
        assert published["kty"] != "RSA" or len(b64url_bytes(published["n"])) * 8 >= 2048


def b64url_bytes(text: str) -> bytes:
    """The octets of a member of a JWK."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
