"""The suite's browser: no scripts, plain form fields, and it keeps the form that it would post elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from tests.user_agent import NotOnPage, Page, UserAgent


@dataclass(frozen=True)
class Arrived:
    """What came to the relying party: how (``query``, ``fragment`` or ``form_post``), where, and with what."""

    mode: str
    uri: str
    parameters: dict[str, str]


class Browser(UserAgent):
    """One profile that goes to the provider alone. ``arrived`` is what the relying party was last brought."""

    def __init__(self, issuer: str) -> None:
        super().__init__(issuer)
        self.posted: list[tuple[str, str]] | None = None
        self._pressed = False

    @property
    def left(self) -> bool:
        """Have we been sent to the relying party?"""
        return self._page is not None and self.page.leaving is not None

    def _go(self, method: str, url: str, form: list[tuple[str, str]] | None, headers: dict[str, str]) -> Page:
        self.posted, self._pressed = form if method == "POST" else None, False
        return super()._go(method, url, form, headers)

    def arrive(self) -> Arrived:
        """Go to the relying party; of ``form_post`` the button is pressed that a script would press."""
        if not self.left and "data-press" in self.page.body:
            self.submit()
            self._pressed = True
        if self._pressed:
            return Arrived("form_post", self._target(), dict(self.posted or []))
        if not self.left:
            raise NotOnPage(f"{self.page!r} leads nowhere:\n{self.page.text[:1500]}")
        parts = urlsplit(self._target())
        mode, text = ("fragment", parts.fragment) if parts.fragment else ("query", parts.query)
        return Arrived(mode, self._target(), dict(parse_qsl(text, keep_blank_values=True)))

    def _target(self) -> str:
        assert self.page.leaving is not None
        return self.page.leaving
