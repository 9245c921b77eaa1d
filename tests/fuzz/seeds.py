"""Valid requests, of programs and of people. Each that is to succeed says with which status."""

from __future__ import annotations

from .seeds_of_programs import AUTHORIZATION, DOCUMENTS, REGISTRATION, TOKENS, get, post
from .wire import OURS, SELF, VISITOR, Throw

_HERS = (*SELF, *OURS)
_NOBODYS = (*VISITOR, *OURS)
_CSRF = ("csrf_token", "{csrf}")
_VISIT = ("csrf_token", "{visit.csrf}")
_AT = ("interaction", "{mallory.interaction}")

_SIGN_IN = (
    get("/login", _AT, headers=SELF, expect=303),
    get("/login", _AT, expect=200),
    get("/login", _AT, ("account", "other"), expect=200),
    post("/login", _VISIT, ("email", "{victim.email}"), ("password", "wrong"), ("remember", "yes"), headers=_NOBODYS),
    post("/login", _VISIT, ("email", "{mallory.email}"), ("password", "{password}"), headers=_NOBODYS, expect=303),
    post("/login", _VISIT, ("email", "{mallory.email}"), ("password", "{password}"), headers=_NOBODYS, query=(_AT,),
         expect=303),
    get("/login/new", _AT, expect=200),
    post("/login/new", _VISIT, ("email", "new@example.com"), ("password", "{password} 2"), ("name", "N"),
         headers=_NOBODYS, expect=303),
    get("/login/choose", _AT, headers=SELF, expect=303),
    post("/login/choose", _CSRF, headers=_HERS, query=(_AT,), expect=303),
    get("/consent", _AT, headers=SELF, expect=200),
    post("/consent", _CSRF, ("decision", "allow"), headers=_HERS, query=(_AT,), expect=303),
    post("/consent", _CSRF, ("decision", "cancel"), headers=_HERS, query=(_AT,), expect=303),
)  # fmt: skip

_ACCOUNT = (
    get("/account", headers=SELF, expect=200),
    get("/account/profile", ("saved", "yes"), headers=SELF, expect=200),
    post("/account/profile", _CSRF, ("name", "M"), ("given_name", "M"), ("family_name", "L"), ("birthdate", "1990"),
         ("locale", "en"), ("zoneinfo", "Europe/Lisbon"), ("website", "https://m.example"),
         ("phone_number", "+351210000000"), ("street_address", "A 1\nB"), ("locality", "Lisbon"), headers=_HERS,
         expect=303),
    get("/account/sessions", ("ended", "{victim.device_id}"), headers=SELF, expect=200),
    get("/account/sessions/{mallory.device_id}/end", headers=SELF, expect=303),
    post("/account/sessions/{mallory.device_id}/end", _CSRF, headers=_HERS, expect=303),
    get("/account/sessions/{victim.device_id}/end", headers=SELF),
    post("/account/sessions/{victim.device_id}/end", _CSRF, headers=_HERS),
    get("/account/sessions/others/end", headers=SELF, expect=200),
    post("/account/sessions/others/end", _CSRF, headers=_HERS, expect=303),
    get("/account/sessions/everywhere/end", headers=SELF, expect=200),
    post("/account/sessions/everywhere/end", _CSRF, headers=_HERS, expect=303),
    get("/account/prove", ("to", "end-device"), ("device", "{mallory.device_id}"), headers=SELF, expect=200),
    post("/account/prove", _CSRF, ("password", "wrong"), headers=_HERS,
         query=(("to", "end-device"), ("device", "{victim.device_id}"))),
    post("/account/prove", _CSRF, ("password", "{password}"), headers=_HERS, query=(("to", "end-others"),), expect=303),
    get("/account/apps", ("removed", "yes"), headers=SELF, expect=200),
    get("/account/apps/{mallory.client_id}/remove", headers=SELF, expect=200),
    post("/account/apps/{mallory.client_id}/remove", _CSRF, headers=_HERS, expect=303),
    post("/account/apps/{victim.client_id}/remove", _CSRF, headers=_HERS),
    get("/account/requests", ("decision", "allow"), headers=SELF, expect=200),
    get("/account/requests/{mallory.request_id}", headers=SELF, expect=200),
    post("/account/requests/{mallory.request_id}", _CSRF, ("decision", "allow"), headers=_HERS, expect=303),
    post("/account/requests/{mallory.request_id}", _CSRF, ("decision", "cancel"), headers=_HERS, expect=303),
    get("/account/requests/{victim.session_id}", headers=SELF),
    post("/account/requests/{victim.session_id}", _CSRF, ("decision", "allow"), headers=_HERS),
    get("/account/sign-out", headers=SELF, expect=200),
    post("/account/sign-out", _CSRF, ("decision", "stay"), headers=_HERS, expect=303),
    post("/account/sign-out", _CSRF, ("decision", "sign_out"), headers=_HERS, expect=303),
)  # fmt: skip

_DEVICE = (
    get("/device", headers=SELF, expect=200),
    get("/device", ("user_code", "{mallory.user_code}"), headers=SELF, expect=200),
    post("/device", _CSRF, ("user_code", "{mallory.user_code}"), headers=_HERS, expect=303),
    post("/device/answer", _CSRF, ("decision", "allow"), headers=_HERS, query=(("user_code", "{mallory.user_code}"),),
         expect=303),
    post("/device/answer", _CSRF, ("decision", "cancel"), headers=_HERS, query=(("user_code", "{mallory.user_code}"),),
         expect=303),
    get("/device/done", ("decision", "allow"), headers=SELF, expect=200),
)  # fmt: skip

_LOGOUT = (
    get("/logout", ("id_token_hint", "{victim.id_token}"), ("state", "s"), ("ui_locales", "de"),
        ("post_logout_redirect_uri", "{callback}"), ("client_id", "{victim.client_id}"), ("logout_hint", "m"),
        headers=SELF, expect=200),
    get("/logout", ("id_token_hint", "{mallory.id_token}"), ("post_logout_redirect_uri", "{callback}"), headers=SELF,
        expect=303),
    get("/logout", headers=SELF, expect=200),
    post("/logout", ("id_token_hint", "{mallory.id_token}"), expect=303),
    post("/logout/confirm", _CSRF, ("decision", "sign_out"), ("transaction", "id_token_hint={victim.id_token}"),
         headers=_HERS, expect=200),
    post("/logout/confirm", _CSRF, ("decision", "sign_out"), ("transaction", "id_token_hint={mallory.id_token}"),
         headers=_HERS, expect=200),
    post("/logout/confirm", _CSRF, ("decision", "stay"), headers=_HERS, expect=303),
    get("/logout/apps", ("where", "everywhere"), headers=SELF, expect=303),
    get("/signed-out", ("where", "everywhere"), expect=200),
    get("/theme.css", expect=200),
)  # fmt: skip

SEEDS: tuple[Throw, ...] = (
    *AUTHORIZATION, *TOKENS, *REGISTRATION, *DOCUMENTS, *_SIGN_IN, *_ACCOUNT, *_DEVICE, *_LOGOUT,
)  # fmt: skip
