"""What a client's registration says about it."""

from __future__ import annotations

import pytest

from idp.domain.client import AuthMethod

from ..builders import a_client


@pytest.mark.spec("RFC 8252", "8.6")
@pytest.mark.parametrize(
    ("method", "kind", "assured"),
    [("none", "native", False), ("none", "web", True), ("private_key_jwt", "native", True),
     ("client_secret_basic", "web", True)],
)  # fmt: skip
def test_only_a_public_native_app_can_be_posed_as(method: str, kind: str, assured: bool) -> None:
    client = a_client(token_endpoint_auth_method=AuthMethod(method), application_type=kind)
    assert client.identity_assured is assured


def test_the_host_to_show_is_an_https_one_or_none() -> None:
    assert a_client().host == "photos.example"
    assert a_client(metadata={}, redirect_uris=("http://127.0.0.1/cb", "com.example:/cb")).host is None
    assert a_client(metadata={"client_uri": "javascript:x"}, redirect_uris=()).host is None


@pytest.mark.spec("RFC 7591", "2.2")
def test_a_member_in_a_language() -> None:
    client = a_client(metadata={"client_name#de": "Fotos", "tos_uri": "https://p.example/tos", "logo_uri#de": 3})
    assert client.localized("client_name", "de") == "Fotos"
    assert client.localized("client_name", "fr") == "Photos"
    assert client.localized("tos_uri", "de") == "https://p.example/tos"
    assert client.localized("logo_uri", "de") is None
