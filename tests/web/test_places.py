"""Where people can be sent (security.md section F, open redirect)."""

from __future__ import annotations

from uuid import UUID

import pytest

from idp.settings import Settings
from idp.web.places import HOME, Destination, local, read_destination, read_uuid

from .scene import INTERACTION, TOKEN, Scene

DEVICE = "00000000-0000-0000-0000-000000000002"


@pytest.mark.parametrize(
    "args",
    [{}, {"to": ""}, {"to": "//evil.example"}, {"to": "https://evil.example"}, {"to": "/account"}, {"to": "end-device"},
     {"to": "end-device", "device": "../../evil"}, {"to": "end-device", "device": DEVICE.replace("-", "")},
     {"to": "\t//evil"}],
)  # fmt: skip
def test_what_is_not_ours_leads_home(args: dict[str, str]) -> None:
    assert read_destination(args) == HOME


@pytest.mark.parametrize(
    ("destination", "path"),
    [(Destination("account"), "/account"), (Destination("end-others"), "/account/sessions/others/end"),
     (Destination("end-device", UUID(DEVICE)), f"/account/sessions/{DEVICE}/end")],
)  # fmt: skip
def test_names_lead_to_paths_and_back(destination: Destination, path: str) -> None:
    assert destination.path == path
    assert read_destination(destination.query) == destination


def test_uuids_have_one_spelling() -> None:
    assert read_uuid(DEVICE) == UUID(DEVICE)
    assert read_uuid("{" + DEVICE + "}") is None
    assert read_uuid("é") is None


def test_everything_stands_below_the_issuers_path() -> None:
    assert local("/tenant", "/login", {"to": "a b"}) == "/tenant/login?to=a+b"
    scene = Scene(settings=Settings(issuer="https://example.com/id"))
    client = scene.app().test_client()
    text = client.get("/id/login").text
    assert 'action="/id/login"' in text
    assert 'href="/id/login/new"' in text
    assert 'href="/id/static/idp.' in text
    assert 'href="/id/theme.css?' in text
    form = {"csrf_token": TOKEN, "email": "a@example.com", "password": "x"}
    answer = client.post(f"/id/login?interaction={INTERACTION}", data=form)
    assert answer.location == f"/id/authorize/resume?interaction={INTERACTION}"
    assert client.get("/id/account/sessions").location == "/id/login"
    assert client.get("/id/account/apps").location == "/id/login?to=apps"
