"""The devices page (pages.md 32 to 52)."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from idp.domain.outbox import MessageState, Telling
from idp.domain.session import EndReason, OtherDevices, WholeDevice, WholeUser

from .scene import NOW, TOKEN, USER, Scene

PHONE = UUID(int=2)
FORM = {"csrf_token": TOKEN}


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.populate()
    scene.sign_in()
    return scene


def names(text: str) -> list[str]:
    buttons = re.findall(r"<button[^>]*>(.*?)</button>", text, re.S)
    return [" ".join(re.sub("<[^>]*>", "", button).split()) for button in buttons]


def test_each_device_in_words(client: FlaskClient) -> None:
    text = client.get("/account/sessions").text
    places = [text.index(title) for title in ("Firefox on Linux", "Safari on iOS", "Work Mac")]
    assert places == sorted(places)
    for words in ("This device", "Active now", "2 hours ago", "Signed in 18 November 2026 with a password",
                  "Used by <bdi>Photos and Wiki</bdi>", 'datetime="2026-11-21T14:45:00+00:00"',
                  'title="21 Nov 2026, 14:45 UTC"', "Signed out in the last 28 days",
                  "by you, from the list of devices"):  # fmt: skip
        assert words in text


def telling(name: str | None, state: MessageState, attempts: int = 1) -> Telling:
    """What became of telling an app of the one sign-in that is over."""
    return Telling(
        session_id=UUID(int=109), client_id=name or "gone", client_name=name, state=state, attempts=attempts,
        created_at=NOW,
    )  # fmt: skip


def test_which_apps_know_that_it_is_over(client: FlaskClient, scene: Scene) -> None:
    """pages.md 44: apps that were told are named, and so are those that were not."""
    scene.told = {
        UUID(int=109): [
            telling("Wiki", MessageState.DELIVERED), telling("<b>Mail", MessageState.WAITING, 3),
            telling("Photos", MessageState.DELIVERED), telling("New", MessageState.WAITING, 0),
            telling(None, MessageState.GAVE_UP),
        ],
        UUID(int=1): [telling("Of another sign-in", MessageState.DELIVERED)],
    }  # fmt: skip
    text = client.get("/account/sessions").text
    for words in ("Told: Photos and Wiki<", "Not reached yet, trying again: &lt;b&gt;Mail<", "Being told: New<",
                  "Could not be reached: an app that is gone<"):  # fmt: skip
        assert words in text
    assert "Of another" not in text


def test_every_button_says_what_it_ends(client: FlaskClient) -> None:
    assert names(client.get("/account/sessions").text) == [
        "Sign out", "Sign out of this device", "Sign out Safari on iOS", "Sign out Work Mac",
        "Sign out of the 2 other devices", "Sign out everywhere, here too",
    ]  # fmt: skip


def test_mass_actions_are_hidden_where_there_is_nothing_to_end(client: FlaskClient, scene: Scene) -> None:
    scene.devices = scene.devices[:1]
    assert names(client.get("/account/sessions").text) == ["Sign out", "Sign out of this device"]


def test_one_device_is_ended_at_once(client: FlaskClient, scene: Scene) -> None:
    answer = client.post(f"/account/sessions/{PHONE}/end", data=FORM)
    assert (answer.status_code, answer.location) == (303, f"/account/sessions?ended={PHONE}")
    assert scene.done == [("end", WholeDevice(USER.id, PHONE), EndReason.ACCOUNT_PAGE)]


def test_a_device_of_somebody_else_does_not_exist(client: FlaskClient, scene: Scene) -> None:
    assert client.post(f"/account/sessions/{UUID(int=77)}/end", data=FORM).status_code == 404
    assert not scene.done


def test_a_device_that_has_ended_meanwhile_is_no_error(client: FlaskClient, scene: Scene) -> None:
    answer = client.post(f"/account/sessions/{UUID(int=9)}/end", data=FORM)
    assert answer.location == f"/account/sessions?ended={UUID(int=9)}"
    assert scene.done == [("settle", WholeDevice(USER.id, UUID(int=9)))], "told no sooner than the first who asked"


def test_this_device_is_signed_out_the_ordinary_way(client: FlaskClient, scene: Scene) -> None:
    assert client.post(f"/account/sessions/{UUID(int=1)}/end", data=FORM).location == "/account/sign-out"
    assert not scene.done


@pytest.mark.parametrize("path", [f"{PHONE}/end", "others/end", "everywhere/end"])
def test_an_old_proof_is_renewed_first_and_nothing_is_lost(client: FlaskClient, scene: Scene, path: str) -> None:
    scene.proof_fresh = False
    answer = client.post(f"/account/sessions/{path}", data=FORM)
    assert answer.location.startswith("/account/prove?to=end-")
    assert not scene.done
    page = client.get(answer.location).text
    assert "enter your password" in page
    back = client.post(answer.location, data={**FORM, "password": "right"})
    assert (back.status_code, back.location) == (303, f"/account/sessions/{path}")
    assert ("begin", None) in scene.done
    scene.proof_fresh = True
    assert client.get(back.location).status_code == 200


def test_mass_actions_ask_and_list_what_will_end(client: FlaskClient, scene: Scene) -> None:
    text = client.get("/account/sessions/others/end").text
    assert "Safari on iOS" in text
    assert "Work Mac" in text
    assert "Firefox on Linux" not in text
    assert text.index("Keep signed in") < text.index("Sign out of the 2 other devices")
    assert not scene.done
    client.post("/account/sessions/others/end", data=FORM)
    assert scene.done == [("end", OtherDevices(USER.id, UUID(int=1)), EndReason.ACCOUNT_PAGE)]


def test_everywhere_means_here_too(client: FlaskClient, scene: Scene) -> None:
    assert "This device" in client.get("/account/sessions/everywhere/end").text
    answer = client.post("/account/sessions/everywhere/end", data=FORM)
    assert answer.location == "/signed-out?where=everywhere"
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert scene.browser.forgotten == 1
    assert scene.done == [("end", WholeUser(USER.id), EndReason.ACCOUNT_PAGE)]


def test_what_was_done_is_said_only_if_it_is_true(client: FlaskClient, scene: Scene) -> None:
    said = client.get(f"/account/sessions?ended={UUID(int=9)}").text
    assert "Signed out of Chrome on macOS." in said
    assert "Apps may need up to 15 minutes to notice" in said
    assert '<h1 tabindex="-1" autofocus>' in said
    for lie in (PHONE, "others", "nonsense", "<b>"):
        assert 'class="done"' not in client.get("/account/sessions", query_string={"ended": str(lie)}).text
    scene.devices = scene.devices[:1]
    assert "Signed out of your other devices." in client.get("/account/sessions?ended=others").text


def test_the_page_refreshes_itself_for_the_price_of_nothing(client: FlaskClient, scene: Scene) -> None:
    first = client.get("/account/sessions")
    tag = first.headers["ETag"]
    again = client.get("/account/sessions", headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["Cache-Control"] == "no-store"
    scene.devices.pop()
    assert client.get("/account/sessions", headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("path", ["/account", "/account/sessions", "/account/apps", "/account/sessions/others/end"])
def test_nobody_sees_anything_without_signing_in(client: FlaskClient, scene: Scene, path: str) -> None:
    scene.browser.current_value = None
    answer = client.get(path)
    assert answer.status_code == 303
    assert answer.location.startswith("/login")
