"""The operator's mail server (RFC 5321), and nothing of what is written.

``smtp://user:password@host:port`` or ``smtps://`` (TLS from the first byte, RFC 8314). On ``smtp`` TLS is
taken up where it is offered (RFC 3207), with the server's certificate checked; ``?starttls=required``
refuses to go on without, ``?starttls=never`` does not look. Whoever has a password there needs TLS in any
case unless the server is on this machine: an attacker on the way would only have to hide the offer.

A mail has ten seconds in all, whatever the server does.
"""

from __future__ import annotations

import contextlib
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from .domain.redirect_uris import is_loopback

TIMEOUT_SECONDS = 10.0
_STARTTLS = ("auto", "required", "never")
_ADDRESS = re.compile(r"[^@\s<>\"]+@[^@\s<>\"]+")


class MailFailed(Exception):
    """The mail was not taken. ``refused``: it never will be, as it is."""

    def __init__(self, why: str, *, refused: bool = False) -> None:
        super().__init__(why)
        self.refused = refused


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mails go. ``starttls`` is one of ``auto``, ``required``, ``never``."""

    host: str
    port: int
    implicit_tls: bool
    starttls: str = "auto"
    user: str = ""
    password: str = field(default="", repr=False)

    def send(self, message: EmailMessage) -> None:
        """Hand one mail over. Raises MailFailed unless the server has taken it."""
        with self._conversation() as smtp:
            smtp.send_message(message)

    def check(self) -> None:
        """Would it take a mail of ours? Raises MailFailed if not."""
        with self._conversation() as smtp:
            smtp.noop()

    @contextmanager
    def _conversation(self) -> Iterator[smtplib.SMTP]:
        try:
            with _TimedTls(self) if self.implicit_tls else _Timed(self) as smtp:
                self._open(smtp)
                yield smtp
        except smtplib.SMTPAuthenticationError as error:
            raise MailFailed(f"the mail server does not know us: {error.smtp_code}") from None
        except smtplib.SMTPRecipientsRefused as error:
            raise _answered(*next(iter(error.recipients.values()))) from None
        except smtplib.SMTPResponseException as error:
            raise _answered(error.smtp_code, error.smtp_error) from None
        except smtplib.SMTPNotSupportedError as error:
            raise MailFailed(str(error), refused=True) from None
        except (smtplib.SMTPException, OSError) as error:
            raise MailFailed(f"the mail server: {type(error).__name__}") from None

    def _open(self, smtp: smtplib.SMTP) -> None:
        smtp.ehlo_or_helo_if_needed()
        private = self.implicit_tls
        if not private and self.starttls != "never" and smtp.has_extn("starttls"):
            smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo_or_helo_if_needed()
            private = True
        if not private and (self.starttls == "required" or (self.user and not self._trusted_way)):
            raise MailFailed("the mail server offers no TLS")
        if self.user and not smtp.has_extn("auth"):
            raise MailFailed("the mail server asks for no password")
        if self.user:
            smtp.login(self.user, self.password)

    @property
    def _trusted_way(self) -> bool:
        return is_loopback(self.host) or self.starttls == "never"


class _Timed(smtplib.SMTP):
    """A conversation that a timer ends: a socket's own time-out is for one read."""

    def __init__(self, server: MailServer, **options: Any) -> None:
        self.timer = threading.Timer(TIMEOUT_SECONDS, self._shut)
        self.timer.daemon = True
        self.timer.start()
        try:
            super().__init__(server.host, server.port, timeout=TIMEOUT_SECONDS, **options)
        except BaseException:
            self.timer.cancel()
            raise

    def close(self) -> None:
        """However the conversation ended."""
        self.timer.cancel()
        super().close()

    def _shut(self) -> None:
        found = getattr(self, "sock", None)
        if found is not None:
            with contextlib.suppress(OSError):
                found.shutdown(socket.SHUT_RDWR)


class _TimedTls(_Timed, smtplib.SMTP_SSL):
    def __init__(self, server: MailServer) -> None:
        super().__init__(server, context=ssl.create_default_context())


def _answered(code: int, text: bytes | str) -> MailFailed:
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return MailFailed(f"{code} {words}", refused=code >= 500)


def parse(url: str) -> MailServer:
    """Raises ValueError with a sentence that does not repeat the URL, which may have a password in it."""
    parts = urlsplit(url)
    options = parse_qs(parts.query)
    starttls = options.pop("starttls", ["auto"])[-1]
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path.strip("/"):
        raise ValueError("use smtp://user:password@host:port or smtps://user:password@host:port")
    if options or starttls not in _STARTTLS or parts.fragment:
        raise ValueError(f"after '?' only starttls={'|'.join(_STARTTLS)} is known")
    implicit = parts.scheme == "smtps"
    return MailServer(
        host=parts.hostname, port=parts.port or (465 if implicit else 587), implicit_tls=implicit,
        starttls=starttls, user=unquote(parts.username or ""), password=unquote(parts.password or ""),
    )  # fmt: skip


def problems(url: str | None, sender: str) -> list[str]:
    """What is wrong with IDP_SMTP_URL and IDP_MAIL_FROM, each with what to do."""
    found = []
    if url is not None:
        try:
            parse(url)
        except ValueError as error:
            found.append(f"IDP_SMTP_URL: {error}")
    _name, address = parseaddr(sender)
    fine = sender.isprintable() and _ADDRESS.fullmatch(address)
    if (url is not None or sender) and not fine:
        found.append("IDP_MAIL_FROM: name one sender, like idp@example.com or Example <idp@example.com>")
    return found
