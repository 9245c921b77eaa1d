"""How answers reach a client: query, fragment and form_post, for codes and errors alike."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from ..provider import CALLBACK, ISSUER, App, Browser, Provider, answered, posted, sent_back

MODES = ("query", "fragment", "form_post")


@pytest.fixture(scope="module")
def app(provider: Provider) -> App:
    return provider.register()


@pytest.fixture(scope="module")
def ada(provider: Provider, app: App) -> Browser:
    browser = provider.sign_in()
    assert browser.user
    provider.consent(browser.user, app)
    return browser


def answer_by(mode: str, response: Any, to: str = CALLBACK) -> dict[str, str]:
    """The answer of a response, which must have gone to ``to`` in this mode and in no other."""
    if mode == "form_post":
        assert "Location" not in response.headers
        return posted(response, to)
    assert response.status_code == 303
    parts = urlsplit(response.headers["Location"])
    found = {"query": parts.query, "fragment": parts.fragment}
    assert response.headers["Location"].startswith(to + {"query": "?", "fragment": "#"}[mode])
    assert [name for name, text in found.items() if text] == [mode]
    return dict(parse_qsl(found[mode], keep_blank_values=True))


@pytest.mark.spec("OAuth 2.0 Multiple Response Type Encoding Practices", "2.1")
@pytest.mark.spec("OAuth 2.0 Form Post Response Mode", "2")
@pytest.mark.parametrize("mode", MODES)
def test_a_code_comes_back_in_the_mode_asked_for(provider: Provider, app: App, ada: Browser, mode: str) -> None:
    answer = answer_by(mode, provider.authorize(app, ada, response_mode=mode))
    assert set(answer) == {"code", "state", "iss"}
    assert answer["iss"] == ISSUER
    assert answered(provider.redeem(app, answer["code"]))["access_token"]


@pytest.mark.spec("RFC 9207", "2")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "changes", [{"prompt": "dance"}, {"scope": "nothing"}, {"prompt": "none", "max_age": "0"}, {"nonce": ["1", "2"]}]
)
def test_an_error_comes_back_in_the_mode_asked_for(
    provider: Provider, app: App, ada: Browser, mode: str, changes: dict[str, Any]
) -> None:
    answer = answer_by(mode, provider.authorize(app, ada, response_mode=mode, **changes))
    assert set(answer) - {"error_uri"} == {"error", "error_description", "state", "iss"}
    assert answer["state"] == "af0ifjsldkj"


def test_two_response_modes_are_answered_by_query(provider: Provider, app: App, ada: Browser) -> None:
    sent_back(provider.authorize(app, ada, response_mode=["fragment", "form_post"]), "invalid_request")


@pytest.mark.spec("OAuth 2.0 Form Post Response Mode", "2")
@pytest.mark.parametrize("state", ["a b+c&d=e#f%20", '"><script>alert(1)</script>', "é\u4e2d\U0001f600", "\r\n'\\"])
def test_a_posted_state_is_one_value_unaltered(provider: Provider, app: App, ada: Browser, state: str) -> None:
    """Authlib percent-encodes what it posts (authlib.md 1.1); Keycloak had XSS here (CVE-2023-6134)."""
    response = provider.authorize(app, ada, response_mode="form_post", state=state)
    assert posted(response)["state"] == state
    assert "<script>alert" not in response.text


@pytest.mark.spec("OAuth 2.0 Form Post Response Mode", "5")
def test_only_the_posting_page_may_post_elsewhere(provider: Provider, app: App, ada: Browser) -> None:
    """pages.md 67: its policy says nothing of form-action, and is no wider otherwise; no code is cached."""
    policy = provider.authorize(app, ada, response_mode="form_post").headers["Content-Security-Policy"]
    assert "form-action" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    login = provider.visit(None, provider.authorize(app, None).headers["Location"])
    assert "form-action 'self'" in login.headers["Content-Security-Policy"]


@pytest.mark.parametrize("mode", MODES)
def test_the_query_of_a_registered_uri_is_kept_in_every_mode(provider: Provider, ada: Browser, mode: str) -> None:
    uri = "https://photos.example/cb?tenant=a%20b&x"
    app = provider.register(redirect_uris=[uri], trusted=True)
    response = provider.authorize(app, ada, response_mode=mode)
    if mode == "query":
        assert sent_back(response, to=uri)["tenant"] == "a b"
    elif mode == "fragment":
        assert response.headers["Location"].startswith(uri + "#code=")
    else:
        assert "code" in posted(response, to=uri)


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_is_kept_while_a_person_answers(provider: Provider, app: App, ada: Browser, mode: str) -> None:
    """Stored with the request: whoever comes back by our own form leaves in the mode asked for."""
    form = provider.request(app, response_mode=mode)
    there = provider.visit(None, "/authorize", method="POST", data=form).headers["Location"]
    response = provider.visit(ada, there)
    assert response.status_code == 200
    if mode == "form_post":
        assert "code" in posted(response)
    else:
        mark = "?" if mode == "query" else "#"
        assert f'content="0;url={CALLBACK}{mark}code=' in response.text


@pytest.mark.spec("RFC 8252", "7.1")
@pytest.mark.parametrize("mode", ["form_post", "form_post.jwt"])
def test_no_form_is_posted_to_a_scheme_of_an_apps_own(provider: Provider, ada: Browser, mode: str) -> None:
    """A browser does not: whoever signs in would be left on a page whose button does nothing."""
    uri = "com.example.app:/cb"
    native = provider.register(redirect_uris=[uri], application_type="native", token_endpoint_auth_method="none")
    sent_back(provider.authorize(native, ada, response_mode=mode), "invalid_request", to=uri)
    assert provider.authorize(native, ada, response_mode="fragment").status_code == 303
