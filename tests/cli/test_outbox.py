"""``idp outbox``: what waits, what could not be brought, and trying it again."""

from __future__ import annotations

import socket

import pytest

from tests.cli.conftest import PASSWORD, Idp

URI = "http://127.0.0.1:9/out"


@pytest.fixture
def noticed(idp: Idp) -> str:
    """The id of Ada's one message: nobody is there to be told that she was signed out."""
    from idp.cli.runtime import opened
    from tests.builders import a_message

    idp("user", "create", "ada@example.com", "--password-stdin", stdin=f"{PASSWORD}\n")
    with opened() as runtime:
        ada = runtime.services.accounts.find("ada@example.com")
        payload = {"client_id": "photos", "sub": str(ada.id), "sid": "s", "uri": URI}
        message = a_message(kind="backchannel_logout", client_id="photos", user_id=ada.id, payload=payload)
        runtime.stores.outbox.put([message])
    return str(message.id)


def test_the_list(idp: Idp, noticed: str) -> None:
    for search in ((), ("--client", "photos"), ("--user", "ada@example.com"), ("--state", "waiting"),
                   ("--kind", "backchannel_logout")):  # fmt: skip
        (row,) = idp("outbox", "list", "--json", *search).json()
        assert (row["id"], row["state"], row["attempts"]) == (noticed, "waiting", 0)
    for search in (("--client", "wiki"), ("--state", "gave-up"), ("--kind", "mail"), ("--sid", noticed)):
        assert idp("outbox", "list", "--json", *search).json() == []
    table = idp("outbox", "list").out
    assert noticed in table
    assert "waiting" in table
    assert idp("outbox", "list", "--user", "nobody@example.com").code == 1


def test_the_worker_does_what_is_due_and_ends(idp: Idp, noticed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDP_FETCH_PRIVATE_NETWORKS", "1")
    assert idp("worker", "--once").code == 0
    (row,) = idp("outbox", "list", "--json").json()
    assert (row["state"], row["attempts"], row["last_error"]) == ("waiting", 1, "ConnectionRefusedError")


def test_what_was_given_up_is_tried_again(idp: Idp, noticed: str) -> None:
    """Without the operator's switch the guard refuses loopback: three times, then given up."""
    for _ in range(3):
        assert idp("worker", "--once").code == 0
        assert idp("outbox", "retry", noticed, "--json").json() == {"retried": 1}
    assert idp("outbox", "retry", "--all", "--json").json() == {"retried": 0}, "nothing was given up"
    (row,) = idp("outbox", "list", "--json").json()
    assert (row["state"], row["attempts"], row["last_error"]) == ("waiting", 0, "not https")


def test_retry_must_be_told_which(idp: Idp, noticed: str) -> None:
    ran = idp("outbox", "retry")
    assert ran.code == 1
    assert "say which" in ran.err
    assert idp("outbox", "retry", "00000000-0000-4000-8000-000000000000").code == 1
    assert idp("outbox", "retry", "--client", "photos").out == "Due now: 1.\n"
    assert idp("outbox", "retry", "not an id").code == 2


def test_a_client_says_where_it_is_told(idp: Idp) -> None:
    created = idp(
        "client", "create", "Photos", "--redirect-uri", "https://photos.example/cb", "--json",
        "--backchannel-logout-uri", "https://photos.example/out", "--backchannel-logout-session-required", "yes",
    )  # fmt: skip
    client = created.json()
    assert client["backchannel_logout_uri"] == "https://photos.example/out"
    assert client["backchannel_logout_session_required"] is True
    name = client["client_id"]
    assert idp("client", "update", name, "--backchannel-logout-uri", "https://photos.example/out#x").code == 1
    changed = idp("client", "update", name, "--backchannel-logout-uri", "", "--json").json()
    assert "backchannel_logout_uri" not in changed


def test_doctor_tells_what_nobody_takes_up(idp: Idp, noticed: str) -> None:
    """It has been due since the builders' time."""
    checks = {check["name"]: check for check in idp("doctor", "--json").json()["checks"]}
    assert checks["outbox"]["level"] == "warn"
    assert "idp worker" in checks["outbox"]["todo"]


def test_doctor_tells_of_a_mail_server_that_is_away(idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("IDP_SMTP_URL", f"smtp://127.0.0.1:{nobody.getsockname()[1]}")
        monkeypatch.setenv("IDP_MAIL_FROM", "idp@example.com")
        ran = idp("doctor", "--json")
    checks = {check["name"]: check for check in ran.json()["checks"]}
    assert (ran.code, checks["mail"]["level"]) == (1, "fail")
