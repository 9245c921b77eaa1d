"""Error pages (pages.md 65)."""

from __future__ import annotations

import pytest
from flask import abort

from idp.errors import Conflict, InputRefused, NotFound, ProofRequired, SignInRefused, Throttled, Unavailable

from .scene import Scene


class NothingWorks:
    """A browser that fails when asked: no session, no database."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"an error page asked for {name}")


def visit(error: Exception | int) -> object:
    scene = Scene()
    app = scene.app()
    app.config["PROPAGATE_EXCEPTIONS"] = False

    def fail() -> str:
        scene.browser.__class__ = NothingWorks  # type: ignore[assignment]
        if isinstance(error, int):
            abort(error)
        raise error

    app.add_url_rule("/fails", "fails", fail)
    return app.test_client().get("/fails")


@pytest.mark.parametrize(
    ("error", "status"),
    [(NotFound(), 404), (Conflict(), 409), (InputRefused({}), 422), (SignInRefused(), 422), (ProofRequired(), 403),
     (Throttled(5), 429), (Unavailable("x"), 503), (RuntimeError("secret"), 500), (400, 400), (405, 405), (410, 410),
     (413, 413), (415, 415), (421, 421), (501, 501)],
)  # fmt: skip
def test_each_error_has_its_page_without_database_or_session(error: Exception | int, status: int) -> None:
    answer = visit(error)
    assert answer.status_code == status  # type: ignore[attr-defined]
    text = answer.text  # type: ignore[attr-defined]
    assert "<h1>" in text
    assert "Example ID" in text
    assert "secret" not in text
    assert answer.headers["Cache-Control"] == "no-store"  # type: ignore[attr-defined]


@pytest.mark.parametrize("error", [Throttled(90), Unavailable("x", 90)])
def test_when_to_come_back(error: Exception) -> None:
    answer = visit(error)
    assert answer.headers["Retry-After"] == "90"  # type: ignore[attr-defined]
    assert "Try again in 2 minutes." in answer.text  # type: ignore[attr-defined]


def test_the_wrong_method_names_the_right_ones() -> None:
    answer = Scene().app().test_client().delete("/login")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_the_way_back_from_an_outdated_page_stays_here() -> None:
    client = Scene().app().test_client()
    answer = client.post("/login?to=apps", data={})
    assert 'href="/login?to=apps"' in answer.text
    assert "evil" not in client.post("//evil.example/login").text.split("<main")[1]
