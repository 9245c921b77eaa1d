"""Whatever stands in a parameter of the grants that are polled for, exchanged or asserted: a 4xx, never a 500 (P8)."""

from __future__ import annotations

import pytest

from idp.domain.exchange import ExchangePolicy

from ..provider import API, Provider, answered

ODD = (
    "", " ", "\0", "a\0b", "\udc80", "%00", "\u202e", "\r\nX: 1", "'", '"', "\\", "<b>", "9" * 5000, "-1", "0", "1e999",
    "NaN", "null", "true", "[]", "{}", "http://[x", "//x", "javascript:alert(1)", "eyJhbGciOiJub25lIn0.e30.", "a.b.c",
    "eyJhbGciOiJSUzI1NiIsImtpZCI6WzFdfQ.e30.AA", "a" * 8000, "é" * 300, "０１", "\x7f", "\ufeff", "openid " * 400,
    "00000000-0000-0000-0000-000000000000", "A" * 43, "rt_" + "A" * 75, "WDJB-MJHT", "ada@example.com", "1" * 20,
)  # fmt: skip
URN = "urn:ietf:params:oauth:grant-type:"
TOKEN = "urn:ietf:params:oauth:token-type:access_token"
RIGHT = {
    "device request": ("/device_authorization", {"scope": "openid", "resource": ""}),
    "device": ("/token", {"grant_type": URN + "device_code", "device_code": "A" * 43, "scope": "openid"}),
    "exchange": ("/token", {
        "grant_type": URN + "token-exchange", "subject_token": "a.b.c", "subject_token_type": TOKEN, "audience": API,
        "actor_token": "a.b.c", "actor_token_type": TOKEN, "requested_token_type": TOKEN, "scope": "photos:read",
    }),
    "bearer": ("/token", {"grant_type": URN + "jwt-bearer", "assertion": "a.b.c", "scope": "photos:read"}),
    "ciba request": ("/bc-authorize", {
        "scope": "openid", "login_hint": "ada@example.com", "binding_message": "W4", "acr_values": "aal1",
        "requested_expiry": "60", "client_notification_token": "n" * 30, "user_code": "1", "id_token_hint": "",
        "login_hint_token": "", "request": "",
    }),
    "ciba": ("/token", {"grant_type": "urn:openid:params:grant-type:ciba", "auth_req_id": "A" * 43}),
}  # fmt: skip


@pytest.mark.promise("P8")
@pytest.mark.parametrize("what", RIGHT)
def test_every_parameter(both: Provider, what: str) -> None:
    both.person()
    app = both.register(
        redirect_uris=[], exchange=ExchangePolicy(targets=(API,), impersonation=True, delegation=True),
        grant_types=[URN + name for name in ("device_code", "token-exchange", "jwt-bearer")] + [
            "urn:openid:params:grant-type:ciba", "refresh_token", "client_credentials"
        ],
        backchannel_token_delivery_mode="ping", backchannel_client_notification_endpoint="https://till.example/ping",
    )  # fmt: skip
    path, right = RIGHT[what]
    for name in right:
        for odd in ODD:
            form = {**right, name: odd.encode("utf-8", "surrogateescape")}
            answer = both.post(path, form, app)
            assert answer.status_code < 500, (name, odd, answer.text)


@pytest.mark.promise("P8")
def test_every_parameter_of_the_pages(both: Provider) -> None:
    browser = both.sign_in(both.person())
    answered(both.get("/.well-known/openid-configuration"))
    for odd in ODD:
        value = odd.encode("utf-8", "surrogateescape")
        for path, name in (("/device", "user_code"), ("/device/done", "decision"), ("/account/requests", "decision")):
            assert both.visit(browser, path, query_string={name: value}).status_code < 500, (path, odd)
