"""A small SMTP server of the tests' own (RFC 5321), on a loopback port, that answers as it is told.

``with MailCatcher() as catcher:`` and give the provider ``catcher.url``. Mails that were taken are in
``mails``, parsed; commands in ``commands``, in order.
"""

from __future__ import annotations

import contextlib
import io
import socketserver
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from types import TracebackType
from typing import Any, Self

PATIENCE_SECONDS = 60.0


@dataclass
class MailCatcher:
    """``answers`` overrides the answer to a command's first word; ``silent`` accepts and says nothing."""

    answers: dict[str, str] = field(default_factory=dict)
    offers: tuple[str, ...] = ("SMTPUTF8",)
    tls: ssl.SSLContext | None = None
    implicit: bool = False
    silent: bool = False
    mails: list[EmailMessage] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        catcher = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                conversation = _Conversation(catcher, self.request)
                with contextlib.suppress(OSError, ValueError):  # we may be left in the middle
                    conversation.begin()
                    conversation.hold()
                conversation.close()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """For IDP_SMTP_URL."""
        return f"smtp{'s' if self.implicit else ''}://127.0.0.1:{self._server.server_address[1]}"

    def wait(self, enough: Callable[[], bool]) -> None:
        """Until it is so. Fails after a minute."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not enough():
            assert time.monotonic() < end, self.commands
            time.sleep(0.02)


class _Conversation:
    def __init__(self, catcher: MailCatcher, connection: Any) -> None:
        self.catcher = catcher
        self.connection = connection
        self.lines: Any = io.BytesIO()

    def begin(self) -> None:
        """With TLS, if that comes first."""
        if self.catcher.implicit:
            self._wrap()
        self.lines = self.connection.makefile("rb")

    def close(self) -> None:
        """A socket that TLS has wrapped is ours to close."""
        self.lines.close()
        self.connection.close()

    def hold(self) -> None:
        """Until it quits or leaves."""
        if self.catcher.silent:
            self.catcher.over.wait(60)
            return
        self._say("220 catcher")
        while line := self.lines.readline():
            command = line.decode().strip()
            self.catcher.commands.append(command)
            if not self._answer(command.split(" ")[0].upper()):
                return

    def _answer(self, word: str) -> bool:
        given = self.catcher.answers.get(word)
        if given is not None:
            self._say(given)
        elif word == "EHLO":
            names = ["catcher", *self.catcher.offers]
            for place, name in enumerate(names):
                self._say(f"250{'-' if place < len(names) - 1 else ' '}{name}")
        elif word == "STARTTLS":
            self._say("220 go on")
            self.lines.close()
            self._wrap()
            self.lines = self.connection.makefile("rb")
        elif word == "AUTH":
            self._say("235 known")
        elif word == "DATA":
            self._say("354 go on")
            self._take()
        else:
            self._say("221 bye" if word == "QUIT" else "250 fine")
        return word != "QUIT"

    def _take(self) -> None:
        content = b""
        while (line := self.lines.readline()) not in (b".\r\n", b""):
            content += line[1:] if line.startswith(b"..") else line
        answer = self.catcher.answers.get(".", "250 taken")
        if answer.startswith("250"):
            self.catcher.mails.append(message_from_bytes(content, policy=default))
        self._say(answer)

    def _wrap(self) -> None:
        assert self.catcher.tls
        self.connection = self.catcher.tls.wrap_socket(self.connection, server_side=True)

    def _say(self, text: str) -> None:
        self.connection.sendall(text.encode() + b"\r\n")
