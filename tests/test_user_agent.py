"""The scripted browser itself, against a small app: tests stand on it, so it must not lie."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from flask import Flask, Response, jsonify, request
from werkzeug.serving import make_server

from tests.user_agent import NotOnPage, UserAgent

FORM = """<!doctype html><title>A &amp; B</title><body><h1>Hi</h1><p role=alert>Careful<script>no()</script>
<form method=post action=/echo id=f>
  <input type=hidden name=csrf value=secret><label for=e>Email</label><input id=e name=email value=old>
  <label>Password <input type=password name=password></label>
  <label><input type=checkbox name=keep checked> Keep me</label> <label><input type=checkbox name=box>Box</label>
  <input type=radio name=r value=a checked><input type=radio name=r value=b>
  <select name=s><option value=1>One<option value=2 selected>Two</select><textarea name=t>some
text</textarea><input name=off disabled value=x>
  <button name=act value=go>Sign in</button><button name=act value=other formaction=/echo2>Other</button>
</form><input form=f name=outside value=in><form action=/search><input name=q><button>Find</button></form>
<a href=/there>There</a></body>"""


def build() -> Flask:
    app = Flask("site")
    app.add_url_rule("/", endpoint="form", view_func=lambda: FORM)
    app.add_url_rule("/there", endpoint="there", view_func=lambda: "<p>you are there")

    def echo() -> Response:
        return jsonify(
            form=list(request.form.items(multi=True)), query=request.args, path=request.path,
            headers={name: request.headers.get(name) for name in ("Origin", "Referer", "Sec-Fetch-Site")},
        )  # fmt: skip

    for path in ("/echo", "/echo2", "/search"):
        app.add_url_rule(path, endpoint=path, view_func=echo, methods=["GET", "POST"])

    @app.get("/quiet")
    def quiet() -> Response:
        return Response(FORM, headers={"Referrer-Policy": "no-referrer"}, content_type="text/html")

    @app.get("/go")
    def go() -> Response:
        answer = Response("", 303, {"Location": request.args["to"]})
        answer.set_cookie("seen", "yes")
        return answer

    @app.get("/hand-off")
    def hand_off() -> str:
        delay = request.args.get("delay", "0")
        return f'<meta http-equiv="Refresh" content="{delay};URL=https://app.example/cb?code=1&amp;state=x">Going'

    return app


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = make_server("127.0.0.1", 0, build(), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def browser(site: str) -> Iterator[UserAgent]:
    with UserAgent(site) as agent:
        yield agent


def test_a_page_can_be_read(browser: UserAgent, site: str) -> None:
    page = browser.get(site)
    assert (page.title, page.headings, page.alerts[0]) == ("A & B", ["Hi"], "Careful")
    assert "no()" not in page.text
    assert page.buttons == ["Sign in", "Other", "Find"]
    assert page.links() == {"There": f"{site}/there"}
    assert page.field_value("Email") == "old"
    assert browser.follow("There").text == "you are there"


def test_a_form_is_sent_as_html_says(browser: UserAgent, site: str) -> None:
    browser.get(site)
    sent = browser.submit("Sign in", Email="a@b", Password="p", Box=True).json()
    assert sent["form"] == [
        ["csrf", "secret"], ["email", "a@b"], ["password", "p"], ["keep", "on"], ["box", "on"], ["r", "a"],
        ["s", "2"], ["t", "some\ntext"], ["act", "go"], ["outside", "in"],
    ]  # fmt: skip
    assert sent["headers"] == {"Origin": site, "Referer": f"{site}/", "Sec-Fetch-Site": "same-origin"}


def test_boxes_radios_and_other_buttons(browser: UserAgent, site: str) -> None:
    browser.get(site)
    sent = browser.submit("Other", {"Keep me": False}, r="b", s="1").json()
    assert (sent["path"], ["keep", "on"] in sent["form"]) == ("/echo2", False)
    assert [pair for pair in sent["form"] if pair[0] in ("r", "s", "act")] == [["r", "b"], ["s", "1"], ["act", "other"]]


def test_a_get_form(browser: UserAgent, site: str) -> None:
    browser.get(site)
    assert browser.submit("Find", q="a b").json()["query"] == {"q": "a b"}


def test_a_silent_page_sends_a_null_origin(browser: UserAgent, site: str) -> None:
    browser.get(f"{site}/quiet")
    headers = browser.submit("Sign in").json()["headers"]
    assert (headers["Origin"], headers["Referer"]) == ("null", None)


def test_what_is_not_there_is_said(browser: UserAgent, site: str) -> None:
    with pytest.raises(NotOnPage):
        _ = browser.page
    browser.get(site)
    with pytest.raises(NotOnPage, match="Sign in"):
        browser.submit("Nope")
    with pytest.raises(NotOnPage, match="Colour"):
        browser.submit("Sign in", Colour="red")
    with pytest.raises(NotOnPage, match="There"):
        browser.follow("Nowhere")
    with pytest.raises(NotOnPage):
        browser.submit()
    with pytest.raises(NotOnPage):
        _ = browser.page.answer


def test_redirects_keep_cookies_and_history(browser: UserAgent, site: str) -> None:
    page = browser.get(f"{site}/go?to=/there")
    assert (page.text, browser.cookies) == ("you are there", {"seen": "yes"})
    assert page.history == (f"{site}/go?to=/there", f"{site}/there")


def test_it_leaves_only_for_where_it_may_go(browser: UserAgent, site: str) -> None:
    page = browser.get(f"{site}/hand-off")
    assert (page.leaving, page.answer) == ("https://app.example/cb?code=1&state=x", {"code": "1", "state": "x"})
    assert page.text == "Going"
    assert browser.get(f"{site}/go?to=https://evil.example/?error%3Dno").answer == {"error": "no"}
    with UserAgent(site) as other, pytest.raises(NotOnPage):
        other.get("https://evil.example/")


def test_a_slow_refresh_is_left_to_the_test(browser: UserAgent, site: str) -> None:
    page = browser.get(f"{site}/hand-off?delay=5")
    assert page.leaving is None
    assert page.refresh() == (5.0, "https://app.example/cb?code=1&state=x")
