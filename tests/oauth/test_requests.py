"""Reading requests: once, strictly, the same on both databases (security.md section 6, traps 2 to 4)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.errors import ProtocolError
from idp.oauth.requests import MAX_FIELDS, MAX_VALUE, parse
from idp.oauth.responses import with_parameters
from idp.oauth.rfc9207_issuer import response_parameters

from ..provider import ISSUER, Provider, answer_of, answered, running

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60)


@given(st.dictionaries(TEXT, TEXT, max_size=8))
def test_what_was_encoded_is_read(sent: dict[str, str]) -> None:
    single = {name: value for name, value in sent.items() if name not in ("resource", "audience")}
    found = parse(urlencode(single).encode())
    assert dict(found) == single
    assert found.repeated == []


@given(st.binary(max_size=200))
def test_bytes_are_parameters_or_an_invalid_request(raw: bytes) -> None:
    try:
        found = parse(raw)
    except ProtocolError:
        return
    assert all("\0" not in value and value for value in found.values())


@pytest.mark.spec("RFC 6749", "3.1")
def test_repeats_and_empty_values() -> None:
    found = parse(b"a=1&a=2&b=&c=3&resource=x&resource=y&resource=")
    assert found.repeated == ["a"]
    assert dict(found) == {"a": "1", "c": "3", "resource": "x"}
    assert found.lists["resource"] == ("x", "y")
    assert parse(b"a=&a=1").repeated == ["a"], "an empty one repeats too"


@pytest.mark.parametrize(
    "raw",
    [b"a=%00", b"%00=1", b"a=%ff", b"a=%ED%A0%80", b"a=\xff", b"a=" + b"x" * (MAX_VALUE + 1), b"x" * 129 + b"=1",
     b"&".join(b"a%d=1" % n for n in range(MAX_FIELDS + 1))],
)  # fmt: skip
def test_what_no_database_can_hold_or_nobody_means(raw: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse(raw)
    assert caught.value.error == "invalid_request"


@pytest.mark.spec("RFC 9207", "2")
@given(TEXT)
def test_no_state_can_add_a_parameter(state: str) -> None:
    uri = "https://photos.example/cb?x=a%20b"
    target = with_parameters(uri, response_parameters({"code": "c"}, state, ISSUER))
    assert target.isascii()
    assert target.startswith(uri + "&")
    pairs = parse_qsl(urlsplit(target).query, keep_blank_values=True)
    assert pairs == [("x", "a b"), ("code", "c"), ("state", state), ("iss", ISSUER)]


@pytest.mark.spec("RFC 6749", "5.2")
@pytest.mark.parametrize("text", ['"', "\\", "\r\nX: y", "\0", "é", "<b>\u202e</b>", "\x1b[2J", "fine"])
def test_a_description_is_plain(text: str) -> None:
    body = ProtocolError("invalid_request", text, section="RFC 6749 5.2").body()
    assert re.fullmatch(r"[\x20\x21\x23-\x5b\x5d-\x7e]+", body["error_description"])


STRANGE = ["\0", "a\0b", "%00", "\ud800", "\uffff", "\U0010ffff", "é", "'", '"', "\\", "' OR 1=1 --", "${7*7}",
           "%", "%s", "x" * 9000, "-1", "9" * 5000, "\u0663", "[]", "{}", "null", "NaN", "\r\nX: y",
           "\u202e"]  # fmt: skip


@pytest.mark.promise("P8")
@pytest.mark.parametrize("strange", STRANGE)
def test_nothing_strange_is_a_500_or_changes_a_row(strange_provider: Provider, strange: str) -> None:
    """On PostgreSQL too, whose driver raises where SQLite shrugs."""
    provider, value = strange_provider, strange.encode("utf-8", "surrogatepass")
    app = provider.stores.clients.list()[0]
    with provider.nothing_changes():
        for path, names in ENDPOINTS.items():
            for name in names:
                members: dict[str, Any] = {**BASE.get(path, {}), "client_id": app.client_id}
                body = urlencode({key: item for key, item in members.items() if key != name}).encode()
                sent = body + b"&" + urlencode({name: value}).encode()
                _never_5xx(provider, path, sent)


ENDPOINTS = {
    "/token": ("grant_type", "client_id", "code", "redirect_uri", "code_verifier", "refresh_token", "scope"),
    "/revoke": ("token", "token_type_hint", "client_id"),
    "/introspect": ("token", "client_secret"),
    "/userinfo": ("access_token",),
    "/authorize": ("client_id", "redirect_uri", "prompt", "claims", "id_token_hint", "resource", "max_age"),
    "/logout": ("id_token_hint", "client_id", "post_logout_redirect_uri"),
    "/authorize/resume": ("interaction",),
    "/login": ("interaction",),
}  # fmt: skip
BASE = {
    "/token": {"grant_type": "authorization_code", "code": "x", "redirect_uri": "x"},
    "/revoke": {"token": "x"}, "/introspect": {"token": "x"},
    "/authorize": {"redirect_uri": "https://photos.example/callback", "response_type": "code", "prompt": "none"},
}  # fmt: skip


def _never_5xx(provider: Provider, path: str, sent: bytes) -> None:
    if path in ("/authorize", "/logout", "/authorize/resume", "/login"):
        response = provider.http.get(f"{path}?{sent.decode()}", base_url=provider.base)
    else:
        kind = "application/x-www-form-urlencoded"
        response = provider.http.post(path, base_url=provider.base, data=sent, content_type=kind)
    assert response.status_code < 500, (path, sent, response.text)
    raw = sent.rpartition(b"=")[2].decode()
    headers = {"Authorization": f"Basic {raw[:100]}"}
    assert provider.http.post("/revoke", base_url=provider.base, data={"token": "x"}, headers=headers).status_code < 500


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def strange_provider(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One provider on each database for all of them."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('strange') / 'idp.sqlite'}"
    else:
        url = request.getfixturevalue("postgres_engine").url.render_as_string(hide_password=False)
    with running(url) as made:
        if not made.stores.clients.list():
            made.register(token_endpoint_auth_method="none")
        yield made


def test_the_operator_relaxes_pkce_for_confidential_clients_alone(database: str) -> None:
    """``IDP_PKCE_REQUIRED=public`` (design.md section 6)."""
    none = {"code_challenge": None, "code_challenge_method": None}
    with running(database, pkce_required="public") as provider:
        ada = provider.sign_in()
        app = provider.register(trusted=True)
        code = answer_of(provider.authorize(app, ada, **none))["code"]
        assert answered(provider.redeem(app, code, code_verifier=None))["access_token"]
        downgraded = answer_of(provider.authorize(app, ada, **none))["code"]
        assert provider.redeem(app, downgraded).json["error"] == "invalid_grant", "a verifier tells of a challenge"
        public = provider.register(trusted=True, token_endpoint_auth_method="none")
        assert answer_of(provider.authorize(public, ada, **none))["error"] == "invalid_request"
