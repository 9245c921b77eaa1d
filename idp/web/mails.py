"""What we write to people by mail (pages.md 82 to 85): made when it is sent, from ids.

Text and HTML say the same; no image, no tracking, no link that acts by itself. Links are made from the
issuer alone. Names that apps and browsers give themselves are escaped in HTML and stand on one line in
text; no header can be broken, for ``EmailMessage`` refuses line ends in them.

Why not every name is written: words that a stranger chose would go out under our signature. So what
mail programs might make a link of, or a number to call, is left out; to an address that nobody verified,
and which may be a stranger's, goes no name at all (CVE-2024-41953).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from flask import Flask

from ..domain.client import ClientOrigin
from ..domain.outbox import OutboxMessage
from ..domain.ports import Stores
from ..domain.session import EndReason
from ..domain.user import User
from ..mail_server import MailFailed, MailServer
from ..services.deliveries import DeliveryFailed, Undeliverable
from ..settings import Settings
from .app_face import clean_name
from .presentation import exactly, read_agent

log = structlog.get_logger(__name__)

NO_SERVER = "no mail server is configured"
_KNOWN = ("new_device", "session_ended", "device_connected", "approval_wanted")
_HARMFUL = re.compile(r"[:/\\@]|[.\u3002](?=\w)|(?:\d\W*){5}")
_LONGEST_NAME = 50


@dataclass
class Mails:
    """Writes and sends one mail. Without a server every mail is closed at once, and the log says so once."""

    app: Flask
    settings: Settings
    stores: Stores
    server: MailServer | None
    told: bool = False

    def send(self, message: OutboxMessage) -> None:
        """Returns once the server has taken it; raises DeliveryFailed otherwise."""
        if self.server is None:
            self._tell()
            raise Undeliverable(NO_SERVER)
        try:
            self.server.send(self.write(message))
        except MailFailed as failure:
            raise DeliveryFailed(str(failure), refused=failure.refused) from None

    def write(self, message: OutboxMessage) -> EmailMessage:
        """The mail. Raises Undeliverable if there is nobody to write to."""
        name, user = str(message.payload.get("template")), self._person(message)
        if name not in _KNOWN:
            raise Undeliverable(f"no template {name}")
        with self.app.app_context():
            facts = self._facts(message, user)
            subject, text, page = (self._render(name, part, facts) for part in ("subject.txt", "body.txt", "body.html"))
        mail = EmailMessage(policy=SMTP)
        for header, value in self._headers(message, user, subject).items():
            mail[header] = value
        mail.set_content(text)
        mail.add_alternative(page, subtype="html")
        return mail

    # ── inside ───────────────────────────────────────────────────────────────────────────────────

    def _tell(self) -> None:
        if not self.told:
            log.warning("mail cannot be sent", why=NO_SERVER, todo="set IDP_SMTP_URL and IDP_MAIL_FROM")
        self.told = True

    def _person(self, message: OutboxMessage) -> User:
        user = self.stores.users.get(UUID(str(message.payload["user_id"])))
        if user is None or user.deleted_at is not None:
            raise Undeliverable("there is nobody to write to")
        return user

    def _headers(self, message: OutboxMessage, user: User, subject: str) -> dict[str, object]:
        """RFC 3834 section 5 for ``Auto-Submitted``; the same ``Message-ID`` in every repetition."""
        host = urlsplit(self.settings.issuer).hostname
        name, _, domain = user.email.rpartition("@")
        return {
            "Subject": " ".join(subject.split()),
            "From": self.settings.mail_from,
            "To": Address(username=name, domain=domain),
            "Date": format_datetime(message.created_at),
            "Message-ID": f"<{message.id}@{host}>",
            "Auto-Submitted": "auto-generated",
        }

    def _render(self, name: str, part: str, facts: Mapping[str, object]) -> str:
        return self.app.jinja_env.get_template(f"mail/{name}/{part}").render(facts)

    def _facts(self, message: OutboxMessage, user: User) -> dict[str, object]:
        told = message.payload
        name = str(user.claims.get("name") or "")
        return {
            "person": (_harmless(name) or user.email) if user.email_verified else None,
            "app_name": self._app_name(told.get("client_id"), user),
            "reset": told.get("reason") == EndReason.PASSWORD_RESET,
            "requests_url": self.settings.url("/account/requests"),
            "devices_url": self.settings.url("/account/sessions"),
            **self._where(message),
        }

    def _app_name(self, client_id: object, user: User) -> str | None:
        """An operator vouches for the names of clients of theirs; others may be called anything."""
        client = self.stores.clients.get(str(client_id)) if client_id else None
        if client is None:
            return None
        if client.origin is ClientOrigin.OPERATOR:
            return clean_name(client.client_name)
        return _harmless(client.client_name) if user.email_verified else None

    def _where(self, message: OutboxMessage) -> dict[str, object]:
        """The browser, and from which address it signed in, as far as they are still known."""
        session_id = message.payload.get("session_id") or self._session_of(message.payload.get("sid"))
        session = self.stores.sessions.get(UUID(str(session_id))) if session_id else None
        if session is None:
            return {"browser": None, "address": None, "when": exactly(message.created_at)}
        return {
            "browser": _harmless(read_agent(session.user_agent).title),
            "address": session.address or None,
            "when": exactly(_moment(message, session.created_at)),
        }

    def _session_of(self, sid: object) -> UUID | None:
        held = self.stores.client_sessions.get(UUID(str(sid))) if sid else None
        return held.session_id if held is not None else None


def _harmless(name: str) -> str | None:
    """A short name in which nothing can be clicked or called, whatever its letters look like; else None."""
    shown = clean_name(name)
    plain = unicodedata.normalize("NFKC", shown)
    return shown if 0 < len(plain) <= _LONGEST_NAME and not _HARMFUL.search(plain) else None


def _moment(message: OutboxMessage, signed_in: datetime) -> datetime:
    return signed_in if message.payload.get("template") == "new_device" else message.created_at
