"""The authorization endpoint: what it refuses, how, and in which order (RFC 6749 4.1.1, 4.1.2; security.md A and B)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest

from ..provider import (
    CALLBACK,
    CHALLENGE,
    ISSUER,
    App,
    Browser,
    Provider,
    a_page,
    answer_of,
    answered,
    claims_of,
    sent_back,
)


@pytest.fixture(scope="module")
def app(provider: Provider) -> App:
    return provider.register()


@pytest.fixture(scope="module")
def ada(provider: Provider, app: App) -> Browser:
    """Signed in, and has allowed the app everything: whatever is refused is refused for the request."""
    browser = provider.sign_in()
    assert browser.user
    provider.consent(browser.user, app)
    return browser


def raw(provider: Provider, browser: Browser | None, query: str) -> Any:
    return provider.visit(browser, "/authorize?" + query)


# ── redirect_uri (A) ──────────────────────────────────────────────────────────────────────────────

VARIATIONS = [
    "https://photos.example/callback/", "https://photos.example/callback2", "https://photos.example/callbac",
    "https://photos.example/Callback", "https://photos.example/callback?", "https://photos.example/callback?x=1",
    "https://photos.example/callback#", "https://photos.example/callback#x", "https://photos.example//callback",
    "https://photos.example/./callback", "https://photos.example/x/../callback", "https://photos.example/%2e/callback",
    "https://photos.example/%63allback", "https://photos.example/callback%00", "https://photos.example/callback;x=1",
    "https://photos.example/callback ", " https://photos.example/callback", "https://photos.example/callback\t",
    "https://photos.example/callback\r\nSet-Cookie: a=b", "https://photos.example/call\nback",
    "https://photos.example:443/callback", "https://photos.example:8443/callback", "https://PHOTOS.example/callback",
    "HTTPS://photos.example/callback", "http://photos.example/callback", "https://photos.example./callback",
    "https://www.photos.example/callback", "https://photos.example.evil.example/callback",
    "https://evilphotos.example/callback", "https://evil.example/https://photos.example/callback",
    "https://photos.example@evil.example/callback", "https://photos.example:443@evil.example/callback",
    "https://evil.example@photos.example/callback", "https://photos.example%40evil.example/callback",
    "https://photos.example%2540evil.example/callback", "https://photos.example\\@evil.example/callback",
    "https:\\\\photos.example\\callback", "//photos.example/callback", "///photos.example/callback", "/callback",
    "https:photos.example/callback", "https://photos.example/callb\u0430ck",
    "https://photos.example/\uff43allback", "https://photos.example/call\u200bback", "javascript:alert(1)",
    "data:text/html,x", "https://photos.example/callback\0", "https://photos.example/callback,https://evil.example",
    "https://photos.example/callback https://evil.example", "https://*.example/callback", '"', "\\", "é", "x" * 7000,
]  # fmt: skip


@pytest.mark.spec("RFC 9700", "2.1")
@pytest.mark.parametrize("uri", VARIATIONS)
def test_a_redirect_uri_is_compared_code_point_by_code_point(
    provider: Provider, app: App, ada: Browser, uri: str
) -> None:
    """authlib.md trap 27; with trap 5: quotes, backslashes and non-ASCII are no 500."""
    with provider.nothing_changes():
        page = a_page(provider.authorize(app, ada, redirect_uri=uri))
    assert "evil.example" not in page


@pytest.mark.spec("OAuth 2.1", "2.3.2")
@pytest.mark.parametrize("uri", [None, ""])
def test_a_redirect_uri_is_never_guessed(provider: Provider, app: App, ada: Browser, uri: str | None) -> None:
    """authlib.md trap 27: the first registered one is no default, not even of one."""
    a_page(provider.authorize(app, ada, redirect_uri=uri))


@pytest.mark.spec("RFC 6749", "3.1")
@pytest.mark.parametrize("second", ["https://evil.example/", CALLBACK, ""])
@pytest.mark.parametrize("first", [True, False])
def test_two_redirect_uris_are_none(provider: Provider, app: App, ada: Browser, second: str, first: bool) -> None:
    pair = [CALLBACK, second] if first else [second, CALLBACK]
    a_page(provider.authorize(app, ada, redirect_uri=pair))


@pytest.mark.spec("RFC 6749", "10.6")
def test_another_apps_redirect_uri_is_not_registered(provider: Provider, app: App, ada: Browser) -> None:
    other = provider.register("Other", redirect_uris=["https://other.example/cb"])
    a_page(provider.authorize(app, ada, redirect_uri=other.redirect_uri))


@pytest.mark.spec("RFC 6749", "3.1.2")
def test_the_query_of_a_registered_uri_is_kept(provider: Provider, ada: Browser) -> None:
    uri = "https://photos.example/cb?tenant=a%20b&x"
    app = provider.register(redirect_uris=[uri, CALLBACK], trusted=True)
    answer = sent_back(provider.authorize(app, ada), to=uri)
    assert answer["tenant"] == "a b"
    assert "code" in answer


# ── client_id ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec("RFC 6749", "4.1.2.1")
@pytest.mark.parametrize(
    "client_id",
    [None, "", "nobody", "' OR 1=1 --", "a\0b", "x" * 5000, "<script>alert(1)</script>", "é", "../admin", "%00",
     "\U0001f600", "{{7*7}}"],
)  # fmt: skip
def test_an_unknown_client_is_told_to_the_person_and_not_repeated(
    provider: Provider, app: App, ada: Browser, client_id: str | None
) -> None:
    page = a_page(provider.authorize(app, ada, client_id=client_id))
    assert client_id is None or len(client_id) < 7 or client_id not in page


def test_a_client_id_is_compared_exactly(provider: Provider, ada: Browser) -> None:
    app = provider.register(client_id="photo-app")
    for other in ("PHOTO-APP", "photo-app ", "photo-ap", "photo-app\n"):
        a_page(provider.authorize(app, ada, client_id=other))


@pytest.mark.parametrize("order", [1, -1])
def test_two_client_ids_are_none(provider: Provider, app: App, ada: Browser, order: int) -> None:
    other = provider.register("Other")
    a_page(provider.authorize(app, ada, client_id=[app.id, other.id][::order]))


def test_a_disabled_client_is_unknown(provider: Provider, ada: Browser) -> None:
    app = provider.register()
    with provider.stores.work():
        provider.services.clients.disable(app.id)
    a_page(provider.authorize(app, ada))


# ── everything else is answered at the vetted address ─────────────────────────────────────────────

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no response_type": ({"response_type": None}, "invalid_request"),
    "token": ({"response_type": "token"}, "unsupported_response_type"),
    "id_token token": ({"response_type": "id_token token"}, "unsupported_response_type"),
    "code token": ({"response_type": "code token"}, "unsupported_response_type"),
    "code id_token": ({"response_type": "code id_token"}, "unsupported_response_type"),
    "CODE": ({"response_type": "CODE"}, "unsupported_response_type"),
    "none": ({"response_type": "none"}, "unsupported_response_type"),
    "response_type with a quote": ({"response_type": '"\\é'}, "unsupported_response_type"),
    "response_mode unknown": ({"response_mode": "web_message"}, "invalid_request"),
    "response_mode FRAGMENT": ({"response_mode": "FRAGMENT"}, "invalid_request"),
    "response_mode with a quote": ({"response_mode": '"'}, "invalid_request"),
    "no challenge": ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    "method without challenge": ({"code_challenge": None}, "invalid_request"),
    "challenge without method": ({"code_challenge_method": None}, "invalid_request"),
    "plain": ({"code_challenge_method": "plain"}, "invalid_request"),
    "s256": ({"code_challenge_method": "s256"}, "invalid_request"),
    "S512": ({"code_challenge_method": "S512"}, "invalid_request"),
    "short challenge": ({"code_challenge": CHALLENGE[:-1]}, "invalid_request"),
    "long challenge": ({"code_challenge": CHALLENGE + "A"}, "invalid_request"),
    "padded challenge": ({"code_challenge": CHALLENGE + "="}, "invalid_request"),
    "foreign challenge": ({"code_challenge": CHALLENGE[:-1] + "+"}, "invalid_request"),
    "scope with a tab": ({"scope": "openid\temail"}, "invalid_scope"),
    "scope with a quote": ({"scope": 'openid "x"'}, "invalid_scope"),
    "only unknown scopes": ({"scope": "admin *"}, "invalid_scope"),
    "5000 scopes": ({"scope": " ".join(f"s{n}" for n in range(1000))}, "invalid_scope"),
    "prompt none login": ({"prompt": "none login"}, "invalid_request"),
    "prompt unknown": ({"prompt": "dance"}, "invalid_request"),
    "prompt NONE": ({"prompt": "NONE"}, "invalid_request"),
    "max_age text": ({"max_age": "soon"}, "invalid_request"),
    "max_age negative": ({"max_age": "-1"}, "invalid_request"),
    "max_age Arabic": ({"max_age": "\u0663"}, "invalid_request"),
    "max_age fraction": ({"max_age": "1.5"}, "invalid_request"),
    "max_age huge": ({"max_age": "9" * 5000}, "invalid_request"),
    "claims no JSON": ({"claims": "{"}, "invalid_request"),
    "claims list": ({"claims": "[]"}, "invalid_request"),
    "claims member list": ({"claims": '{"userinfo":[]}'}, "invalid_request"),
    "claims deeper": ({"claims": "[" * 3000}, "invalid_request"),
    "claims request": ({"claims": '{"userinfo":{"name":3}}'}, "invalid_request"),
    "essential acr": (
        {"claims": '{"id_token":{"acr":{"essential":true,"values":["gold"]}}}'}, "unmet_authentication_requirements",
    ),
    "hint junk": ({"id_token_hint": "junk"}, "invalid_request"),
    "hint none": ({"id_token_hint": "eyJhbGciOiJub25lIn0.e30."}, "invalid_request"),
    "request object": ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
    "request_uri": ({"request_uri": "http://127.0.0.1:9/x"}, "invalid_request_uri"),
    "request_uri file": ({"request_uri": "file:///etc/passwd"}, "invalid_request_uri"),
    "request_uri urn": ({"request_uri": "urn:ietf:params:oauth:request_uri:1"}, "invalid_request_uri"),
    "resource unknown": ({"resource": "https://evil.example"}, "invalid_target"),
    "resource fragment": ({"resource": "https://api.example/#x"}, "invalid_target"),
    "resource junk": ({"resource": "\u00e9"}, "invalid_target"),
    "one good resource, one bad": ({"resource": [ISSUER, "https://evil.example"]}, "invalid_target"),
}  # fmt: skip


def helped(provider: Provider, answer: dict[str, str]) -> None:
    """The developer page that an answer names says which parameter was wrong and which section says so."""
    page = provider.visit(None, answer["error_uri"].removeprefix(ISSUER))
    assert page.status_code == 200
    assert f"<code>{answer['error']}</code>" in page.text
    asked = dict(parse_qsl(urlsplit(answer["error_uri"]).query))
    assert f"<code>{asked['parameter']}</code>" in page.text
    assert all(f">{rule}</a>" in page.text for rule in asked["rule"].split(", "))


@pytest.mark.promise("P8")
@pytest.mark.spec("RFC 6749", "4.1.2.1")
@pytest.mark.spec("RFC 9207", "2")
@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_to_the_app_with_state_and_iss(
    provider: Provider, app: App, ada: Browser, case: str
) -> None:
    """authlib.md traps 6, 14, 25 and 26."""
    changes, error = WRONG[case]
    with provider.nothing_changes():
        answer = sent_back(provider.authorize(app, ada, **changes), error)
    assert answer["state"] == "af0ifjsldkj"
    assert set(answer) - {"error_uri"} == {"error", "error_description", "state", "iss"}
    if error != "unmet_authentication_requirements":  # decided of a right request
        helped(provider, answer)


@pytest.mark.spec("RFC 6749", "4.1.2.1")
@pytest.mark.parametrize("case", WRONG)
def test_a_second_error_never_redirects_before_app_and_address_are_vetted(
    provider: Provider, app: App, case: str
) -> None:
    """authlib.md trap 29; both real in Authlib once (1.6.10, 1.7.1)."""
    for unvetted in ({"redirect_uri": "https://evil.example/callback"}, {"client_id": "nobody"}):
        a_page(provider.authorize(app, None, **{**WRONG[case][0], **unvetted}))


@pytest.mark.spec("RFC 6749", "3.1")
@pytest.mark.parametrize(
    "name",
    ["response_type", "scope", "state", "nonce", "prompt", "max_age", "code_challenge", "code_challenge_method",
     "claims", "login_hint", "id_token_hint", "response_mode", "acr_values", "ui_locales", "request", "unknown"],
)  # fmt: skip
def test_a_repeated_parameter_is_refused(provider: Provider, app: App, ada: Browser, name: str) -> None:
    """authlib.md trap 3."""
    value = provider.request(app).get(name, "none")
    answer = sent_back(provider.authorize(app, ada, **{name: [value, value]}), "invalid_request")
    assert "code" not in answer


@pytest.mark.spec("RFC 6749", "3.1")
def test_what_we_do_not_know_is_ignored(provider: Provider, app: App, ada: Browser) -> None:
    assert "code" in sent_back(provider.authorize(app, ada, unknown="x", display="popup", audience="y", vtr="z"))


@pytest.mark.spec("RFC 6749", "3.1")
def test_an_empty_parameter_was_not_sent(provider: Provider, app: App, ada: Browser) -> None:
    answer = sent_back(provider.authorize(app, ada, state="", nonce="", prompt="", max_age="", claims="", resource=""))
    assert "code" in answer
    assert "state" not in answer


STATES = [
    "a b+c&d=e#f%20", "\r\nSet-Cookie: a=b", "&code=stolen&iss=https://evil.example", "#fragment", "<script>",
    "é\u4e2d", "\U0001f600", '"\\', "x" * 4000, "{}", "?", "=", "%",
]  # fmt: skip


@pytest.mark.spec("RFC 6749", "4.1.2")
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("changes", [{}, {"prompt": "dance"}], ids=["answer", "error"])
def test_state_comes_back_as_one_value_unaltered(
    provider: Provider, app: App, ada: Browser, state: str, changes: dict[str, str]
) -> None:
    response = provider.authorize(app, ada, state=state, **changes)
    location = response.headers["Location"]
    assert answer_of(response)["state"] == state
    assert location.count("iss=") == 1
    assert location.count("code=") == (0 if changes else 1)
    assert f"state={quote(state, safe='')}" in location.replace("/", "%2F")
    assert "Set-Cookie" not in response.headers or "a=b" not in response.headers["Set-Cookie"]


@pytest.mark.promise("P8")
@pytest.mark.parametrize(
    "query",
    ["client_id=%ff", "client_id=%00", "%", "=", "&&&", "a" * 60000, "&".join(f"p{n}=1" for n in range(3000)),
     "client_id=%ED%A0%80", "client_id=" + "x" * 9000, "\u00e9=1", "scope=%00", "client_id[]=1", ";client_id=1"],
)  # fmt: skip
def test_what_cannot_be_read_is_a_page(provider: Provider, query: str) -> None:
    """security.md section 6, traps 3 and 12."""
    with provider.nothing_changes():
        a_page(raw(provider, None, query))


@pytest.mark.promise("P8")
@pytest.mark.parametrize("bad", ["state=%00", "state=%ff", "state=%ED%A0%80", "nonce=%00", "login_hint=a%00b"])
def test_a_right_request_with_an_unreadable_part_is_a_page(
    provider: Provider, app: App, ada: Browser, bad: str
) -> None:
    query = urlencode(provider.request(app, state=None))
    a_page(raw(provider, ada, f"{query}&{bad}"))


@pytest.mark.promise("P8")
@pytest.mark.parametrize("name", ["state", "nonce", "claims", "scope", "login_hint", "unknown"])
def test_a_value_of_64_kb_is_a_page(provider: Provider, app: App, ada: Browser, name: str) -> None:
    a_page(provider.authorize(app, ada, **{name: "x" * 65536}))


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "PROPFIND"])
def test_other_methods_are_not_allowed(provider: Provider, app: App, method: str) -> None:
    response = provider.visit(None, "/authorize?" + urlencode(provider.request(app)), method=method)
    assert response.status_code == 405
    assert "Access-Control-Allow-Origin" not in response.headers


# ── the right request ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec("RFC 6749", "4.1.2")
@pytest.mark.spec("RFC 9700", "4.12")
def test_the_answer_is_a_303_with_code_state_and_iss_alone(provider: Provider, app: App, ada: Browser) -> None:
    """authlib.md trap 26: nothing of it may be kept."""
    response = provider.authorize(app, ada)
    answer = sent_back(response)
    assert set(answer) == {"code", "state", "iss"}
    assert response.get_data() == b""
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "Access-Control-Allow-Origin" not in response.headers


def test_a_scope_has_an_end(provider: Provider, ada: Browser) -> None:
    """CVE-2026-4634: although each of its words is open to the app."""
    sent_back(provider.authorize(provider.register(), ada, scope="openid " * 300), "invalid_scope")


@pytest.mark.spec("RFC 6749", "3.3")
def test_unknown_scopes_are_left_out_and_the_answer_says_so(provider: Provider, ada: Browser) -> None:
    """authlib.md trap 17: what is granted is said, and never more than was registered."""
    app = provider.register(scope="openid email", trusted=True)
    tokens = provider.tokens(app, ada, scope="openid profile email admin")
    assert tokens["scope"] == "openid email"
    assert claims_of(tokens["access_token"])["scope"] == "openid email"


def test_offline_access_is_ignored_without_the_refresh_grant(provider: Provider, ada: Browser) -> None:
    app = provider.register(grant_types=["authorization_code"], trusted=True)
    tokens = provider.tokens(app, ada, scope="openid offline_access")
    assert tokens["scope"] == "openid"
    assert "refresh_token" not in tokens


def test_plain_oauth_without_openid_works(provider: Provider, ada: Browser) -> None:
    app = provider.register(trusted=True)
    for scope in (None, "email", "offline_access"):
        tokens = provider.tokens(app, ada, scope=scope)
        assert "id_token" not in tokens
        assert tokens["refresh_token"]


@pytest.mark.spec("RFC 6749", "4.1.2.1")
def test_an_app_without_the_code_grant_gets_no_code(provider: Provider, ada: Browser) -> None:
    app = provider.register(grant_types=["client_credentials"], redirect_uris=[CALLBACK])
    sent_back(provider.authorize(app, ada), "unauthorized_client")


def test_the_operator_may_relax_pkce_and_a_client_may_not(provider: Provider, ada: Browser) -> None:
    """design.md section 6: per client here, by the setting in ``test_settings``; never for public clients."""
    none = {"code_challenge": None, "code_challenge_method": None}
    relaxed = provider.register(pkce_required=False, trusted=True)
    code = answer_of(provider.authorize(relaxed, ada, **none))["code"]
    assert answered(provider.redeem(relaxed, code, code_verifier=None))["access_token"]
    public = provider.register(pkce_required=False, trusted=True, token_endpoint_auth_method="none")
    sent_back(provider.authorize(public, ada, **none), "invalid_request")
    metadata = {"redirect_uris": [CALLBACK], "pkce_required": False, "require_pkce": False}
    itself = provider.http.post("/register", base_url=provider.base, json=metadata).json
    answer = provider.visit(ada, "/authorize?" + urlencode(
        {"client_id": itself["client_id"], "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid"}
    ))  # fmt: skip
    sent_back(answer, "invalid_request")


@pytest.mark.spec("OpenID Connect Core 1.0", "3.1.2.1")
def test_a_post_is_kept_and_resumed_by_get(provider: Provider, app: App, ada: Browser) -> None:
    """A cross-site POST carries no SameSite=Lax cookie; authlib.md trap 30: the stored request counts."""
    form = provider.request(app, state="posted", prompt="none")
    posted = provider.visit(None, "/authorize", method="POST", data=form)
    assert posted.status_code == 303
    there = posted.headers["Location"]
    assert there.startswith("/authorize/resume?interaction=")
    answer = answer_of(provider.visit(ada, there + "&state=changed&redirect_uri=https://evil.example"))
    assert answer["state"] == "posted"
    assert "code" in answer
    again = provider.visit(ada, there)
    assert "code=" not in again.headers.get("Location", "") + again.text


@pytest.mark.spec("RFC 9700", "2.1")
def test_an_address_that_was_taken_back_meanwhile_gets_no_answer(provider: Provider) -> None:
    """security.md A: whoever lost an address must not get codes there because a person was slow."""
    app = provider.register(redirect_uris=[CALLBACK, "https://lost.example/cb"], trusted=True)
    form = provider.request(app, redirect_uri="https://lost.example/cb")
    there = provider.visit(None, "/authorize", method="POST", data=form).headers["Location"]
    with provider.stores.work():
        provider.services.clients.update(app.id, {"redirect_uris": [CALLBACK]})
    browser = provider.sign_in()
    assert "lost.example" not in a_page(provider.visit(browser, there))


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""])
def test_a_post_of_another_type_is_refused(provider: Provider, app: App, kind: str) -> None:
    body = urlencode(provider.request(app)).encode()
    a_page(provider.visit(None, "/authorize", method="POST", data=body, content_type=kind), 415)


def test_a_post_does_not_read_the_query(provider: Provider, app: App) -> None:
    a_page(provider.visit(None, "/authorize?" + urlencode(provider.request(app)), method="POST", data={"x": "y"}))


@pytest.mark.spec("RFC 6749", "4.1.1")
@pytest.mark.parametrize(("aim", "kept"), [("image", 0), ("empty", 0), ("iframe", 0), ("document", 1), (None, 1)])
def test_a_page_elsewhere_cannot_use_up_what_a_place_may_ask(
    provider: Provider, app: App, monkeypatch: pytest.MonkeyPatch, aim: str | None, kept: int
) -> None:
    """Its visitors' browsers ask for a thousand images of ours; all who share their address would be braked."""
    counted: list[str] = []
    monkeypatch.setattr(provider.services.interactions, "wait_before", lambda place, _who: counted.append(place) or 0)
    headers = {"Sec-Fetch-Dest": aim} if aim else {}
    answer = provider.visit(None, "/authorize?" + urlencode(provider.request(app)), headers=headers)
    assert (answer.status_code, len(counted)) == ((303, 1) if kept else (400, 0))
    form = provider.request(app)
    assert (
        provider.visit(None, "/authorize", method="POST", data=form, headers=headers).status_code == answer.status_code
    )


@pytest.mark.spec("OpenID Connect Core 1.0", "3.1.2.1")
def test_a_frame_may_ask_where_nobody_is_asked(provider: Provider, app: App) -> None:
    place = "/authorize?" + urlencode(provider.request(app, prompt="none"))
    sent_back(provider.visit(None, place, headers={"Sec-Fetch-Dest": "iframe"}), "login_required")


@pytest.mark.parametrize("interaction", ["", "x", "A" * 43, "%00" * 43, "%ff", "../" * 15])
def test_an_unknown_interaction_is_not_found(provider: Provider, ada: Browser, interaction: str) -> None:
    a_page(provider.visit(ada, f"/authorize/resume?interaction={interaction}"), 404)


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [({"client_id": "nobody"}, "client_id"), ({"client_id": None}, "client_id"),
     ({"redirect_uri": None}, "redirect_uri"),
     ({"redirect_uri": "https://evil.example"}, "redirect_uri"), ({"redirect_uri": [CALLBACK] * 2}, "redirect_uri")],
)  # fmt: skip
def test_an_error_page_names_the_parameter_and_the_rule(
    provider: Provider, app: App, changes: dict[str, Any], parameter: str
) -> None:
    """Issue 4, point 9; pages.md 64."""
    page = a_page(provider.authorize(app, None, **changes))
    assert f"<dd><bdi>{parameter}</bdi></dd>" in page
    assert "<bdi>RFC " in page


@pytest.mark.spec("RFC 8707", "2")
def test_twenty_resources_and_no_more(alone: Provider) -> None:
    """Each of them known: their number alone is wrong."""
    app, ada, names = alone.register(trusted=True), alone.sign_in(), [f"https://{n}.example" for n in range(21)]
    for name in names:
        alone.resource(name)
    assert "code" in answer_of(alone.authorize(app, ada, resource=names[:20]))
    assert answer_of(alone.authorize(app, ada, resource=names))["error"] == "invalid_target"
