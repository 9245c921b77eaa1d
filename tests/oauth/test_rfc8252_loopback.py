"""Exact redirect URIs, and the one exception for native apps (RFC 8252 section 7.3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.oauth.rfc8252_loopback import redirect_uri_matches

from ..builders import a_client

V4, V6 = "http://127.0.0.1/callback", "http://[::1]:8080/callback?x=1"
NATIVE = a_client(application_type="native", redirect_uris=(V4, V6, "com.example.app:/callback", "http://localhost/cb"))
WEB = a_client(redirect_uris=(V4, "https://photos.example/callback"))


@pytest.mark.spec("RFC 8252", "7.3")
@pytest.mark.parametrize(
    "uri", [V4, V6, "http://127.0.0.1:1/callback", "http://127.0.0.1:65535/callback", "http://[::1]/callback?x=1",
            "http://[::1]:51004/callback?x=1", "com.example.app:/callback", "http://localhost/cb"],
)  # fmt: skip
def test_a_native_app_comes_from_any_port(uri: str) -> None:
    assert redirect_uri_matches(NATIVE, uri)


@pytest.mark.spec("RFC 8252", "8.3")
@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1:80/callback/", "http://127.0.0.1:9/Callback", "http://127.0.0.1:9/", "http://127.0.0.1:9",
     "https://127.0.0.1:9/callback", "http://127.0.0.1.evil.example/callback", "http://127.0.0.1:9@evil.example/callback",
     "http://127.0.0.1@evil.example/callback", "http://evil.example/callback", "http://0.0.0.0/callback",
     "http://127.0.0.2/callback", "http://127.1/callback", "http://2130706433/callback", "http://localhost:9/cb",
     "http://localhost/callback", "http://[::1]:9/callback", "http://[::ffff:127.0.0.1]/callback",
     "http://127.0.0.1:99999/callback", "http://127.0.0.1:/callback", "http://127.0.0.1:+9/callback",
     "http://127.0.0.1:\u0669/callback", "http://127.0.0.1:9/callback#x", "http://127.0.0.1:9/callback?x",
     "http://127.0.0.1:9\\@evil.example/callback", "HTTP://127.0.0.1:9/callback", "http://127.0.0.1:9/callback\n",
     " http://127.0.0.1:9/callback", "com.example.app:9/callback", "com.example.app://callback", ""],
)  # fmt: skip
def test_nothing_but_the_port_may_vary(uri: str) -> None:
    """CVE-2020-15233, CVE-2020-15234, CVE-2024-8883."""
    assert not redirect_uri_matches(NATIVE, uri)


def test_not_for_a_web_app() -> None:
    assert redirect_uri_matches(WEB, V4)
    assert not redirect_uri_matches(WEB, "http://127.0.0.1:9/callback")


@given(st.text())
def test_whatever_else_is_said_does_not_match(text: str) -> None:
    assert redirect_uri_matches(WEB, text) == (text in WEB.redirect_uris)
