"""Handing a mail to the operator's server: TLS, passwords, deadlines, what "no" means."""

from __future__ import annotations

import ssl
import time
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from idp.mail_server import MailFailed, MailServer, parse, problems

from .certificates import a_certificate
from .mail_catcher import MailCatcher


def a_mail(**headers: str) -> EmailMessage:
    mail = EmailMessage(policy=SMTP)
    for name, value in ({"From": "idp@example.com", "To": "ada@example.com", "Subject": "Grüße"} | headers).items():
        mail[name] = value
    mail.set_content("Hello.\n.\n")
    return mail


def server_of(catcher: MailCatcher, rest: str = "", who: str = "") -> MailServer:
    return parse(catcher.url.replace("://", f"://{who}") + rest)


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's side whose certificate this machine trusts."""
    certificate = a_certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=certificate)
    monkeypatch.setattr("idp.mail_server.ssl.create_default_context", lambda: trusting)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    return server


@pytest.mark.spec("RFC 5321", "3.3")
def test_a_mail_is_handed_over() -> None:
    with MailCatcher() as catcher:
        server_of(catcher).check()
        server_of(catcher).send(a_mail())
    (mail,) = catcher.mails
    assert (mail["Subject"], mail["To"], mail.get_content().split()) == ("Grüße", "ada@example.com", ["Hello.", "."])


@pytest.mark.spec("RFC 3207", "4")
def test_tls_is_taken_up_where_it_is_offered(tls: ssl.SSLContext) -> None:
    with MailCatcher(tls=tls, offers=("STARTTLS", "AUTH PLAIN")) as catcher:
        server_of(catcher, "?starttls=required", "idp:p%40ss@").send(a_mail())
        assert [line.split(" ")[0] for line in catcher.commands[:4]] == ["ehlo", "STARTTLS", "ehlo", "AUTH"]
        catcher.commands.clear()
        server_of(catcher, "?starttls=never").send(a_mail())
        assert "STARTTLS" not in catcher.commands
    assert len(catcher.mails) == 2


@pytest.mark.spec("RFC 8314", "3.3")
def test_tls_from_the_first_byte(tls: ssl.SSLContext) -> None:
    with MailCatcher(tls=tls, implicit=True) as catcher:
        server_of(catcher).send(a_mail())
    assert len(catcher.mails) == 1


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(a_certificate(tmp_path))
    for options in ({"implicit": True}, {"offers": ("STARTTLS",)}):
        with MailCatcher(tls=context, **options) as catcher, pytest.raises(MailFailed, match="CertVerification"):  # type: ignore[arg-type]
            server_of(catcher).send(a_mail())
        assert catcher.mails == []


def test_no_password_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is on the way has only to hide the offer of TLS."""
    monkeypatch.setattr("idp.mail_server.is_loopback", lambda _host: False)
    with MailCatcher(offers=("AUTH PLAIN",)) as catcher:
        for rest, who in (("", "idp:pass@"), ("?starttls=required", "")):
            with pytest.raises(MailFailed, match="no TLS"):
                server_of(catcher, rest, who).send(a_mail())
        assert not any(line.startswith("AUTH") for line in catcher.commands)
        server_of(catcher, "?starttls=never", "idp:pass@").send(a_mail())
    assert len(catcher.mails) == 1


@pytest.mark.parametrize(
    ("word", "answer", "refused"),
    [("MAIL", "451 later", False), ("RCPT", "550 nobody of this name", True), ("RCPT", "450 later", False),
     (".", "554 no", True), (".", "452 full", False), ("AUTH", "535 who?", False), ("EHLO", "421 closing", False)],
)  # fmt: skip
def test_what_no_means(word: str, answer: str, refused: bool) -> None:
    """5yz is for ever; a wrong password is the operator's to mend, so it is tried again."""
    with MailCatcher(answers={word: answer}, offers=("AUTH PLAIN",)) as catcher:
        with pytest.raises(MailFailed) as failure:
            server_of(catcher, who="idp:s3cr3t@").send(a_mail())
        assert failure.value.refused is refused
        assert "s3cr3t" not in str(failure.value)
    assert catcher.mails == []


def test_a_silent_server_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idp.mail_server.TIMEOUT_SECONDS", 0.5)
    with MailCatcher(silent=True) as catcher:
        began = time.monotonic()
        with pytest.raises(MailFailed):
            server_of(catcher).send(a_mail())
        assert time.monotonic() - began < 10


def test_a_server_that_is_away() -> None:
    with pytest.raises(MailFailed, match="ConnectionRefusedError") as failure:
        parse("smtp://127.0.0.1:1").send(a_mail())
    assert not failure.value.refused


def test_no_header_can_be_broken() -> None:
    with pytest.raises(ValueError, match=r"linefeed|newline"):
        a_mail(Subject="New sign-in\r\nBcc: everybody@example.com")


def test_the_address_of_the_server() -> None:
    found = parse("smtp://idp%40x:p%3Aw@mail.example")
    assert (found.host, found.port, found.user, found.password) == ("mail.example", 587, "idp@x", "p:w")
    assert parse("smtps://mail.example").port == 465
    assert parse("smtp://mail.example:25?starttls=required").starttls == "required"
    assert "p:w" not in repr(found)


@pytest.mark.parametrize(
    ("url", "sender", "names"),
    [("http://x", "a@b", ["IDP_SMTP_URL"]), ("smtp://", "a@b", ["IDP_SMTP_URL"]),
     ("smtp://x:y", "a@b", ["IDP_SMTP_URL"]), ("smtp://x/y", "a@b", ["IDP_SMTP_URL"]),
     ("smtp://x?tls=no", "a@b", ["IDP_SMTP_URL"]),
     ("smtp://x?starttls=perhaps", "a@b", ["IDP_SMTP_URL"]), ("smtp://x", "", ["IDP_MAIL_FROM"]),
     ("smtp://x", "nobody", ["IDP_MAIL_FROM"]), (None, "a@b\r\nBcc: c@d", ["IDP_MAIL_FROM"]),
     (None, "", []), ("smtp://x", "Example <idp@example.com>", [])],
)  # fmt: skip
def test_wrong_settings_are_told_at_start(url: str | None, sender: str, names: list[str]) -> None:
    assert [problem.split(":")[0] for problem in problems(url, sender)] == names
