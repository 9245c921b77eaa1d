"""What people read in our mails (pages.md 82 to 85), and what a name in them cannot do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest
import structlog

from idp.courier import Courier
from idp.domain.client import ClientOrigin
from idp.domain.outbox import MessageState, OutboxMessage, Search
from idp.domain.session import EndReason, OneClientSession, WholeUser
from idp.web.mails import Mails

from ..builders import a_message
from ..mail_catcher import MailCatcher
from ..provider import Browser, Provider, alone, claims_of, database, running, seeded

__all__ = ["alone", "database", "seeded"]

DEVICES = "https://id.example/account/sessions"


@pytest.fixture
def catcher() -> Iterator[MailCatcher]:
    with MailCatcher() as made:
        yield made


@pytest.fixture
def idp(database: str, catcher: MailCatcher) -> Iterator[Provider]:
    with running(database, smtp_url=catcher.url, mail_from="Example <idp@example.com>") as made:
        yield made


def deliver(idp: Provider) -> None:
    Courier(idp.flask.extensions["idp"].deliveries, 4).drain(threading.Event())


def mails(idp: Provider) -> list[OutboxMessage]:
    return list(idp.stores.outbox.list(Search(kind="mail"), 100))


def put(idp: Provider, browser: Browser, **payload: str) -> OutboxMessage:
    """A mail to whoever sits there."""
    assert browser.user
    message = a_message(payload={"user_id": str(browser.user.id), **payload})
    idp.stores.outbox.put([message])
    return message


def parts(catcher: MailCatcher) -> tuple[str, str]:
    """Text and page of the one mail, without soft line breaks."""
    (mail,) = catcher.mails
    text, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert page is not None
    return text.get_content(), page.get_content()


@pytest.mark.spec("ASVS", "6.3.5")
def test_a_new_device(idp: Provider, catcher: MailCatcher) -> None:
    idp.clock.move(3600)
    ada = idp.sign_in()
    deliver(idp)
    (mail,) = catcher.mails
    (message,) = mails(idp)
    assert mail["Subject"] == "New sign-in: Chrome on Linux"
    assert (mail["To"], mail["From"]) == ("ada@example.com", "Example <idp@example.com>")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"] == f"<{message.id}@id.example>"
    for part in parts(catcher):
        for words in (
            "Hello Ada Lovelace",
            "Chrome on Linux",
            "192.0.2.1",
            " UTC",
            "If this was you, do nothing.",
            DEVICES,
        ):
            assert words in part, words
    page = parts(catcher)[1]
    assert "<img" not in page
    assert "<script" not in page
    assert [part for part in page.split('"') if part.startswith("http")] == [DEVICES]
    assert message.state is MessageState.DELIVERED
    assert message.session_id == (ada.session and ada.session.id)


@pytest.mark.parametrize("reason", [EndReason.REFRESH_REUSE, EndReason.CODE_REUSE])
def test_a_copy_was_used(idp: Provider, catcher: MailCatcher, reason: EndReason) -> None:
    ada = idp.sign_in()
    sid = claims_of(idp.tokens(idp.register("Wiki"), ada)["id_token"])["sid"]
    deliver(idp)
    catcher.mails.clear()
    with idp.stores.work():
        idp.services.sessions.end_session(OneClientSession(UUID(sid)), reason, by="system")
    deliver(idp)
    assert catcher.mails[0]["Subject"] == "We signed you out of Wiki"
    for part in parts(catcher):
        assert "because a copy of its sign-in" in part
        assert "Browser: Chrome on Linux" in part
        assert DEVICES in part
        assert sid not in part


def test_a_password_was_reset(idp: Provider, catcher: MailCatcher) -> None:
    """Also where no app held anything."""
    ada = idp.sign_in()
    deliver(idp)
    catcher.mails.clear()
    assert ada.user
    with idp.stores.work():
        idp.services.sessions.end_session(WholeUser(ada.user.id), EndReason.PASSWORD_RESET, by="operator")
    deliver(idp)
    assert catcher.mails[0]["Subject"] == "Your password was reset"
    assert all("you were signed out on every device" in part for part in parts(catcher))


@pytest.mark.spec("CVE-2024-41953", "")
def test_a_name_is_text_whatever_is_in_it(idp: Provider, catcher: MailCatcher) -> None:
    mallory = idp.person("mallory@example.com", name="<b>Mallory</b>\r\nBcc: everybody@example.com")
    app = idp.register("<script>alert(1)</script>{{ 7 * 7 }}")
    put(idp, idp.sign_in(mallory), template="session_ended", reason="code_reuse", client_id=app.id)
    deliver(idp)
    mail = next(mail for mail in catcher.mails if "signed you out" in mail["Subject"])
    assert mail["Subject"] == "We signed you out of <script>alert(1)</script>{{ 7 * 7 }}"
    assert mail["Bcc"] is None
    body = mail.get_body(("html",))
    assert body is not None
    page = body.get_content()
    assert "<script" not in page
    assert "Hello mallory@example.com," in page
    assert {line for line in catcher.commands if line.startswith("rcpt")} == {"rcpt TO:<mallory@example.com>"}


def written(idp: Provider, message: OutboxMessage) -> str:
    body = Mails(idp.flask, idp.settings, idp.stores, None).write(message).get_body(("plain",))
    assert body is not None
    return str(body.get_content())


@pytest.mark.spec("CVE-2024-41953", "")
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Dr. Ada O’Hara-Łöwe 2nd", True),
        ("Pay at evil.example", False),
        ("Pay at evil。example", False),  # becomes a dot in some mail programs
        ("https:evil", False),
        ("Call 0900 12-34", False),
        ("x" * 60, False),
    ],
)
def test_strangers_do_not_choose_our_words(alone: Provider, name: str, shown: bool) -> None:
    eve = alone.sign_in(alone.person("eve@example.com", name=name))
    app = alone.register(name, origin=ClientOrigin.DYNAMIC)
    text = written(alone, put(alone, eve, template="session_ended", reason="code_reuse", client_id=app.id))
    assert (f"Hello {name}," in text) is shown
    assert (f"signed you out of {name}," in text) is shown
    assert ("Hello eve@example.com," in text) is not shown
    assert ("signed you out of an app," in text) is not shown


@pytest.mark.spec("CVE-2024-41953", "")
def test_to_an_address_nobody_verified_goes_no_name(alone: Provider) -> None:
    bob = alone.person("bob@example.com", name="Bob")
    alone.stores.users.save(replace(bob, email_verified=False))
    app = alone.register("Games", origin=ClientOrigin.DYNAMIC)
    at = alone.sign_in(bob)
    text = written(alone, put(alone, at, template="session_ended", reason="code_reuse", client_id=app.id))
    assert text.startswith("Hello,")
    assert "Bob" not in text
    assert "Games" not in text


@pytest.mark.parametrize(("verified", "most"), [(True, 5), (False, 1)])
def test_only_so_many_mails_about_new_devices(alone: Provider, verified: bool, most: int) -> None:
    """However often somebody signs in with an address that may not be theirs."""
    bob = alone.person("bob@example.com")
    alone.stores.users.save(replace(bob, email_verified=verified))
    alone.clock.move(3600)
    bob = alone.person("bob@example.com")
    for _ in range(8):
        alone.sign_in(bob)
    assert len(mails(alone)) == most
    alone.clock.move(3601)
    alone.sign_in(bob)
    assert len(mails(alone)) == most + int(verified), "an hour is not a day"


@pytest.mark.parametrize(("verified", "most"), [(True, 3), (False, 1)])
def test_warnings_are_for_those_who_are_there(alone: Provider, verified: bool, most: int) -> None:
    """Somebody can misuse codes of their own as often as they like."""
    bob = alone.person("bob@example.com")
    alone.stores.users.save(replace(bob, email_verified=verified))
    at, app = alone.sign_in(bob), alone.register()
    for _ in range(3):
        sid = claims_of(alone.tokens(app, at)["id_token"])["sid"]
        with alone.stores.work():
            alone.services.sessions.end_session(OneClientSession(UUID(sid)), EndReason.CODE_REUSE, by="system")
    assert len([mail for mail in mails(alone) if mail.payload["template"] == "session_ended"]) == most


def test_an_address_beyond_ascii(idp: Provider, catcher: MailCatcher) -> None:
    """RFC 6531, where the server knows it."""
    put(idp, idp.sign_in(idp.person("ädä@example.com")), template="session_ended", reason="password_reset")
    deliver(idp)
    assert [mail["To"] for mail in catcher.mails if "reset" in mail["Subject"]] == ["ädä@example.com"]


def test_there_must_be_somebody_to_write_to(idp: Provider, catcher: MailCatcher) -> None:
    bob = idp.sign_in(idp.person("bob@example.com"))
    gone, unknown = put(idp, bob, template="new_device"), put(idp, idp.sign_in(), template="newsletter")
    assert bob.user
    with idp.stores.work():
        idp.services.accounts.delete(bob.user, by="operator")
    deliver(idp)
    left = {message.id: message.last_error for message in mails(idp) if message.state is MessageState.GAVE_UP}
    assert left[gone.id] == "there is nobody to write to"
    assert left[unknown.id] == "no template newsletter"
    assert "bob@example.com" not in {mail["To"] for mail in catcher.mails}


# ── a mail server that is not well (F-44) ─────────────────────────────────────────────────────────


def test_a_mail_waits_for_its_server_and_nobody_else_does(database: str) -> None:
    catcher = MailCatcher(answers={"MAIL": "451 later"})
    with catcher, running(database, smtp_url=catcher.url, mail_from="idp@example.com") as idp:
        idp.clock.move(3600)
        idp.sign_in()
        deliver(idp)
        (message,) = mails(idp)
        assert (message.state, message.last_error) == (MessageState.WAITING, "451 later")
        catcher.answers.clear()
        idp.clock.move(60)
        deliver(idp)
        (message,) = mails(idp)
        assert message.state is MessageState.DELIVERED
        assert catcher.mails[0]["Message-ID"] == f"<{message.id}@id.example>"


def test_without_a_server_mails_are_closed_and_the_log_says_so_once(alone: Provider) -> None:
    alone.clock.move(3600)
    for _ in range(3):
        alone.sign_in()
    with structlog.testing.capture_logs() as logged:
        deliver(alone)
    found = mails(alone)
    assert {(message.state, message.last_error, message.attempts) for message in found} == {
        (MessageState.GAVE_UP, "no mail server is configured", 1)
    }
    assert len(found) == 3
    assert [entry["event"] for entry in logged].count("mail cannot be sent") == 1


def test_a_mail_holds_no_secret(idp: Provider) -> None:
    """P7: ids go into the outbox, and no id of a session into a mail."""
    idp.clock.move(3600)
    ada = idp.sign_in()
    (message,) = mails(idp)
    mail = Mails(idp.flask, idp.settings, idp.stores, None).write(message).as_string()
    assert ada.session
    assert str(ada.session.id) not in mail
    assert set(message.payload) == {"template", "user_id", "session_id"}


@pytest.mark.parametrize("verified", [True, False])
def test_a_device_was_connected(idp: Provider, verified: bool) -> None:
    ada = idp.sign_in()
    assert ada.user
    if not verified:
        idp.stores.users.save(replace(ada.user, email_verified=False))
    message = put(idp, ada, template="device_connected", client_id=idp.register("TV").id)
    mail = Mails(idp.flask, idp.settings, idp.stores, None).write(message)
    assert mail["Subject"] == "TV is connected to your account"
    text = mail.get_body(("plain",))
    assert text is not None
    assert "with a code that was shown on another device" in text.get_content()
    assert ("Hello Ada" in text.get_content()) is verified
    assert DEVICES in text.get_content()
