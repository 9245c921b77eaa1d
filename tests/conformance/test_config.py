"""The plan oidcc-config: discovery. The plans of logout look at the same document."""

from __future__ import annotations

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
    for kid, published in suite.published_keys().items():
        assert published["use"] == "sig"
        assert published["kid"] == kid
        assert not {"d", "p", "q"} & set(published)
