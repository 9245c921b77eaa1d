"""What holds of every page, looked at in the markup (pages.md 60, 61, 66, 69, 73, 86)."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from typing import Any

import pytest
from flask import render_template

from idp.domain.decision import AskConsent, ChooseAccount
from idp.web.security import CONTENT_SECURITY_POLICY

from .scene import INTERACTION, NOW, REQUEST_ID, TOKEN, WIKI, Scene

VOID = {"meta", "link", "input", "br", "hr", "img", "rect", "path"}
WAITING = f"?interaction={INTERACTION}"
WRONG = {"csrf_token": TOKEN, "email": "<b>me</b>", "password": "wrong"}


def page(path: str, signed_in: bool = True, form: dict[str, str] | None = None, **turned: Any) -> Callable[[], Any]:
    def visit() -> Any:
        scene = Scene()
        scene.populate()
        for name, value in turned.items():
            setattr(scene, name, value)
        if signed_in:
            scene.sign_in()
        client = scene.app().test_client()
        return client.get(path) if form is None else client.post(path, data=form)

    return visit


def rendered(template: str, **context: Any) -> Callable[[], Any]:
    def visit() -> Any:
        app = Scene().app()
        app.add_url_rule("/shown", "shown", lambda: render_template(template, **context))
        return app.test_client().get("/shown")

    return visit


PAGES = {
    "sign-in": page("/login" + WAITING, signed_in=False),
    "sign-in refused": page("/login" + WAITING, signed_in=False, form=WRONG),
    "sign-in empty": page("/login", signed_in=False, form={"csrf_token": TOKEN}),
    "create account": page("/login/new", signed_in=False),
    "create account empty": page("/login/new", signed_in=False, form={"csrf_token": TOKEN}),
    "choose account": page("/login" + WAITING, decision=ChooseAccount()),
    "consent": page("/consent" + WAITING, decision=AskConsent(("openid", "email"), ())),
    "consent, unchecked app": page("/consent" + WAITING, decision=AskConsent(("email",), ("openid",)), client=WIKI),
    "no requests": page("/account/requests"),
    "requests": page("/account/requests", waiting=[Scene().polled(binding_message="W4-SCT <b>")]),
    "account, something waits": page("/account", waiting=[Scene().polled()]),
    "request": page(f"/account/requests/{REQUEST_ID}"),
    "request decided": page("/account/requests?decision=allow"),
    "device code": page("/device"),
    "device code refused": page("/device?user_code=BBBB-BBBB"),
    "device code empty": page("/device", form={"csrf_token": TOKEN}),
    "device": page("/device?user_code=WDJB-MJHT"),
    "device, unchecked app": page("/device?user_code=WDJB-MJHT", client=WIKI),
    "device connected": page("/device/done?decision=allow"),
    "device refused": page("/device/done"),
    "finished": page("/login" + WAITING, completed_at=NOW),
    "expired": page("/login" + WAITING, expired=True),
    "account": page("/account"),
    "profile": page("/account/profile"),
    "profile refused": page("/account/profile", form={"csrf_token": TOKEN, "name": "a\x00b"}),
    "devices": page("/account/sessions"),
    "devices, one only": page("/account/sessions", devices=[], ended=[]),
    "end others": page("/account/sessions/others/end"),
    "end everywhere": page("/account/sessions/everywhere/end"),
    "prove": page("/account/prove?to=end-others"),
    "prove refused": page("/account/prove?to=end-others", form={"csrf_token": TOKEN, "password": "wrong"}),
    "apps": page("/account/apps"),
    "no apps": page("/account/apps", apps=[]),
    "remove app": page("/account/apps/wiki/remove"),
    "sign out": page("/account/sign-out"),
    "signed out": page("/signed-out", signed_in=False),
    "not found": page("/nowhere"),
    "out of date": page("/account/sign-out", form={}),
    "hand-off": rendered("handoff.html", target='com.app:/cb?code=1&state="><b>', app_name="<b>Photos"),
    "signing out": rendered("signing_out.html", leads_to='https://photos.example/bye?state="><b>', seconds=3),
    "telling apps": rendered(
        "telling_apps.html", frames=['https://photos.example/front?a="><b>&sid=1'], app_name="<b>Photos", seconds=4,
        leads_to='https://photos.example/bye?state="><b>',
    ),
    "form post": rendered(
        "form_post.html", target="https://photos.example/cb", app_name="Photos", fields=[("state", '"><script>')]
    ),
    "protocol error": rendered(
        "error.html", status=400, heading="This app made a mistake", sentence="It is unknown to us.",
        mend="Its makers can mend this.", reference="abc", details=[("error", "<script>alert(1)</script>")],
    ),
    "app's sign-out": rendered("sign_out.html", action="/logout", csrf_token=TOKEN, transaction="t", app_name="Photos"),
    "after an app's sign-out": rendered(
        "signed_out.html", minutes=1, continue_to={"url": "https://photos.example/", "name": "Photos"},
        frames=["https://photos.example/front?sid=1"],
    ),
}  # fmt: skip


@cache
def answer(name: str) -> Any:
    """Each page is made once and looked at in many ways."""
    return PAGES[name]()


@dataclass
class Seen(HTMLParser):
    """The elements of a page, checked for balance as they come."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    scripts: str = ""
    heading: str = ""
    title: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.inside or self.inside.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        if "script" in self.inside:
            self.scripts += data
        if "h1" in self.inside and "template" not in self.inside:
            self.heading += data
        if "title" in self.inside and "svg" not in self.inside:
            self.title += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def read(response: Any) -> Seen:
    seen = Seen()
    seen.feed(response.text)
    return seen


@pytest.fixture(params=PAGES, name="response")
def _response(request: pytest.FixtureRequest) -> Any:
    return answer(request.param)


def test_balanced_with_language_title_and_one_heading(response: Any) -> None:
    seen = read(response)
    assert not seen.wrong
    assert not seen.inside
    assert seen.all("html")[0] == {"lang": "en", "dir": "ltr"}
    assert seen.title.endswith("· Example ID")
    before_template = response.text.split("<template")[0]
    assert before_template.count("<h1") == 1
    assert seen.heading.strip()


def test_nothing_inline(response: Any) -> None:
    seen = read(response)
    assert not seen.scripts.strip()
    assert not seen.all("style")
    for tag, attributes in seen.elements:
        assert not [name for name in attributes if name == "style" or name.startswith("on")], tag


def test_nothing_foreign_is_loaded(response: Any) -> None:
    seen = read(response)
    loaded = [item["src"] for item in seen.all("script")] + [item["href"] for item in seen.all("link")]
    assert all(str(url).startswith(("/static/", "/theme.css?")) for url in loaded)
    assert not seen.all("img")
    assert len(loaded) + 1 <= 6


def test_every_control_has_a_name(response: Any) -> None:
    seen = read(response)
    labels = {item.get("for") for item in seen.all("label")}
    for item in seen.all("input"):
        named = item.get("type") in ("hidden", "checkbox") or "hidden" in item or item.get("id") in labels
        assert named, item
        assert "placeholder" not in item
        assert "maxlength" not in item
    ids = [item["id"] for _tag, item in seen.elements if "id" in item]
    assert len(ids) == len(set(ids))
    for item in (item for _tag, item in seen.elements if "aria-describedby" in item):
        assert set(str(item["aria-describedby"]).split()) <= set(ids)


def test_every_posted_form_of_ours_is_protected_and_stays_here(response: Any) -> None:
    forms = re.findall(r'<form method="post" action="([^"]*)".*?</form>', response.text, re.S)
    bodies = re.findall(r'<form method="post".*?</form>', response.text, re.S)
    for action, body in zip(forms, bodies, strict=True):
        if action.startswith("/"):
            assert f'name="csrf_token" value="{TOKEN}"' in body
        else:
            assert "data-press" in body
    assert 'action=""' not in response.text


def test_a_refused_form_says_so_first(response: Any) -> None:
    seen = read(response)
    refused = any(item.get("class") == "summary" for item in seen.all("div"))
    assert seen.title.startswith("Error: ") == refused
    if refused:
        assert response.status_code == 422
        assert response.text.index("There is a problem") < response.text.index("<h1")
        targets = set(re.findall(r'<li><a href="#([^"]+)"', response.text))
        assert targets <= {str(item.get("id")) for item in seen.all("input")}


def test_headers(response: Any) -> None:
    headers = response.headers
    policy = headers["Content-Security-Policy"]
    assert policy == CONTENT_SECURITY_POLICY
    assert "frame-ancestors 'none'; " in policy
    assert "'unsafe" not in policy
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Strict-Transport-Security"].startswith("max-age=")
    assert "Cookie" in headers["Vary"]


def test_light(response: Any) -> None:
    assert len(gzip.compress(response.data)) <= 6_000


def test_words_of_people(response: Any) -> None:
    words = re.sub(r"<[^>]*>", " ", response.text).lower()
    assert not re.search(r"\b(token|grant|scope|client|revoke|terminate|log ?in|log ?out)\b", words)


def test_nothing_typed_comes_back_as_markup_nor_a_password_at_all() -> None:
    text = PAGES["sign-in refused"]().text
    assert "&lt;b&gt;me&lt;/b&gt;" in text
    assert "wrong" not in re.sub(r'class="[^"]*"', "", text)
    assert "com.app:/cb?code=1&amp;state=&#34;&gt;&lt;b&gt;" in PAGES["hand-off"]().text
    assert "<script>alert" not in PAGES["protocol error"]().text
