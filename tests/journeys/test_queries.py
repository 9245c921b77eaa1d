"""How many statements a page costs (pages.md 88 wishes for three), however many devices a person has."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import event

from idp.app import create_app
from idp.settings import load
from idp.storage.database import db
from tests.user_agent import UserAgent

from .browsers import OUTPUT
from .gallery import Gallery

# One more than a page usually asks where somebody is signed in: activity is noted once a minute.
MOST = {
    "sign-in": 3, "create-account": 0, "chooser": 6, "consent": 7, "consent-more": 7, "consent-unchecked": 7,
    "expired": 2, "finished": 4, "account": 2, "profile": 2, "devices": 7, "devices-done": 7, "confirm-end": 6,
    "confirm-end-others": 6, "confirm-everywhere": 6, "prove": 2, "apps": 7, "no-apps": 6, "confirm-remove": 7,
    "sign-out": 3, "signed-out": 0, "signed-out-everywhere": 0, "not-found": 0, "error-of-an-app": 1,
}  # fmt: skip


@dataclass
class Counted:
    """The provider once more, in this process and over the same database, with its statements written down."""

    app: Flask
    issuer: str
    statements: list[str] = field(default_factory=list)

    def visit(self, url: str, who: UserAgent | None) -> list[str]:
        """The statements of the page at that address, not of the redirects that led to it."""
        client = self.app.test_client()
        for name, value in (who.cookies if who else {}).items():
            client.set_cookie(name, value, domain=urlsplit(self.issuer).hostname or "")
        address = url.removeprefix(self.issuer)
        while address:
            self.statements.clear()
            answer = client.get(address, base_url=self.issuer)
            assert answer.status_code < 500
            address = answer.headers.get("Location", "")
        return [text for text in self.statements if not text.startswith(("PRAGMA", "BEGIN", "COMMIT"))]


@contextmanager
def _counting(gallery: Gallery) -> Iterator[Counted]:
    app = create_app(load(issuer=gallery.places.issuer, data_dir=gallery.places.data_dir))
    counted = Counted(app, gallery.places.issuer)

    def trace(connection: sqlite3.Connection, *_: object) -> None:
        connection.set_trace_callback(counted.statements.append)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "checkout", trace)
    yield counted
    engine.dispose()


@pytest.fixture(scope="module")
def counted(gallery: Gallery) -> Iterator[Counted]:
    with _counting(gallery) as running:
        yield running


def test_pages_ask_no_more_than_they_did(gallery: Gallery, counted: Counted) -> None:
    """A ratchet: lower a number when a page asks less."""
    costs = {
        name: len(counted.visit(stop.url, stop.who)) for name, stop in gallery.stops.items() if stop.step is None
    }  # fmt: skip
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "queries.txt").write_text("".join(f"{name:24} {cost:2}\n" for name, cost in sorted(costs.items())))
    assert {name: cost for name, cost in costs.items() if cost > MOST[name]} == {}


@pytest.mark.parametrize("path", ["/account/sessions", "/account/apps"])
def test_a_page_does_not_ask_more_of_who_has_more(path: str, gallery: Gallery, counted: Counted) -> None:
    """Maria has many devices and two apps; Omar has one device, and no app whose name and scopes to look up."""
    url = gallery.places.issuer + path
    counted.visit(url, gallery.here), counted.visit(url, gallery.omars)  # activity is noted by now
    assert len(counted.visit(url, gallery.here)) <= len(counted.visit(url, gallery.omars)) + 2
