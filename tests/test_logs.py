"""Logs are JSON lines without secrets, whoever writes them (P7)."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import pytest
import structlog
from flask import Flask, Response

from idp import logs
from idp.logs import HIDDEN, RequestLog, configure, redact, request_log
from idp.settings import Settings

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
REFRESH = "rt_" + "A" * 60


class Terminal(io.StringIO):
    """Says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    out = io.StringIO()
    configure("debug", out)
    yield out
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line(stream: io.StringIO) -> None:
    structlog.stdlib.get_logger("idp.x").info("session ended", reason="idle\nforged line", count=2)
    [line] = lines(stream)
    assert line["event"] == "session ended"
    assert (line["reason"], line["count"], line["level"], line["logger"]) == ("idle\nforged line", 2, "info", "idp.x")
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize(
    "name",
    ["password", "client_secret", "access_token", "code", "cookie", "Set-Cookie", "Authorization", "client_assertion",
     "code_verifier", "new_password", "master_key", "id_token_hint"],
)  # fmt: skip
@pytest.mark.promise("P7")
def test_secrets_are_hidden_by_name(stream: io.StringIO, name: str) -> None:
    log = structlog.stdlib.get_logger("idp.x")
    log.info("flat", **{name: "s3cr3t"})
    log.info("deep", form=[{"inner": {name: "s3cr3t"}}])
    logging.getLogger("some.library").warning("extra", extra={name: "s3cr3t"})
    assert "s3cr3t" not in stream.getvalue()
    assert stream.getvalue().count(HIDDEN) == 3


@pytest.mark.parametrize("secret", [JWT, REFRESH])
@pytest.mark.promise("P7")
def test_tokens_are_hidden_wherever_they_stand(stream: io.StringIO, secret: str) -> None:
    log = structlog.stdlib.get_logger("idp.x")
    log.info(secret, note=secret, raw=secret.encode())
    logging.getLogger("some.library").error("token %s", secret)
    try:
        raise ValueError(secret)
    except ValueError:
        log.exception("failed")
    assert secret not in stream.getvalue()
    assert "ValueError" in stream.getvalue()


def test_what_identifies_but_does_not_open_stays(stream: io.StringIO) -> None:
    structlog.stdlib.get_logger("idp.x").info("x", client_id="app", sid="5f8b", status_code=200)
    assert (lines(stream)[0]["client_id"], lines(stream)[0]["status_code"]) == ("app", 200)


@pytest.mark.parametrize("library", ["authlib.oauth2.rfc6749.grants.base", "sqlalchemy.engine.Engine", "urllib3.x"])
def test_libraries_that_print_secrets_are_held_at_warning(stream: io.StringIO, library: str) -> None:
    logging.getLogger(library).debug("Issue token %r", {"value": "live"})
    logging.getLogger(library).info("SELECT ...")
    assert stream.getvalue() == ""
    logging.getLogger(library).warning("look")
    assert lines(stream)[0]["event"] == "look"


@pytest.mark.usefixtures("stream")
def test_a_terminal_gets_words_without_controls_or_secrets() -> None:
    out = Terminal()
    configure("info", out)
    structlog.stdlib.get_logger("idp.x").info("hello\x1b[2J\nforged", name="\x1b[2J\nforged", password="s3cr3t")
    text = out.getvalue()
    assert "\x1b[2J" not in text
    assert "\nforged" not in text
    assert "s3cr3t" not in text
    assert not text.startswith("{")


# ── requests ──────────────────────────────────────────────────────────────────────────────────────


def make_app(**settings: Any) -> Flask:
    app = Flask(__name__)
    numbers = iter(range(10))
    request_log(app, RequestLog(Settings(**settings), lambda: f"id-{next(numbers)}-" + "x" * 40))

    @app.get("/callback")
    def callback() -> Response:
        structlog.stdlib.get_logger("idp.x").info("inside")
        return Response("ok", 201)

    return app


@pytest.mark.promise("P7")
def test_a_request_is_one_line_without_its_query(stream: io.StringIO) -> None:
    client = make_app().test_client()
    response = client.get("/callback?code=s3cr3t&state=s3cr3t", headers={"Authorization": "Bearer s3cr3t"})
    inside, line = lines(stream)
    assert "s3cr3t" not in stream.getvalue()
    assert (line["event"], line["method"], line["path"], line["status"]) == ("request", "GET", "/callback", 201)
    assert line["address"] == "127.0.0.1"
    assert line["ms"] >= 0
    assert line["request_id"] == inside["request_id"] == response.headers["X-Request-ID"]


def test_every_request_has_its_own_id(stream: io.StringIO) -> None:
    client = make_app().test_client()
    assert len({client.get("/callback").headers["X-Request-ID"] for _ in range(3)}) == 3


@pytest.mark.parametrize(("proxies", "taken"), [((), False), (("127.0.0.1",), True)])
def test_an_id_is_taken_from_a_proxy_alone(stream: io.StringIO, proxies: tuple[str, ...], taken: bool) -> None:
    client = make_app(trusted_proxies=proxies).test_client()
    sent = client.get("/callback", headers={"X-Request-ID": "from-proxy-1"}).headers["X-Request-ID"]
    assert (sent == "from-proxy-1") is taken


def test_an_id_that_is_no_id_is_ignored(stream: io.StringIO) -> None:
    client = make_app(trusted_proxies=("127.0.0.1",)).test_client()
    sent = client.get("/callback", headers={"X-Request-ID": "a b{}" * 9}).headers["X-Request-ID"]
    assert sent.startswith("id-")


@pytest.mark.parametrize("alone", [True, False])
def test_a_path_cannot_forge_a_line(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, alone: bool) -> None:
    """Also where the line is put together by hand, which it is while no other handler listens."""
    if alone:
        monkeypatch.setattr(logging.getLogger(), "handlers", [logs._json_handler])
    make_app().test_client().get("/x%0a%7b%22event%22%3a%22forged%22%7d")
    assert stream.getvalue().count("\n") == 1
    assert [line["event"] for line in lines(stream)] == ["request"]


def test_redaction_takes_linear_time() -> None:
    """A path of 57 kB of half-tokens held the interpreter for seconds (ReDoS)."""
    for evil in ("eyJ" * 19000, "/" + "eyJabcdefghij." * 4000, "ab_" * 19000, "Bearer " * 8000, "://" * 19000):
        short, long = (_seconds(evil[: len(evil) // 4]), _seconds(evil))
        assert long < max(40 * short, 0.5), evil[:20]


def _seconds(text: str) -> float:
    began = perf_counter()
    redact(None, "info", {"event": "request", "path": text})  # type: ignore[arg-type]
    return perf_counter() - began
