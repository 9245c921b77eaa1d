"""Languages (pages.md 72 to 74)."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import flask_babel
import pytest

from idp.web.languages import negotiate

from .test_markup import PAGES


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (["fr", "de-CH"], "de"),
        (["DE"], "de"),
        (["pt_BR"], "pt-BR"),
        (["zz", "en-GB"], "en"),
        (["<script>"], "en"),
        ([], "en"),
    ],
)
def test_negotiation(wanted: list[str], chosen: str) -> None:
    assert negotiate(wanted, ("en", "de", "pt-BR")) == chosen


class Pseudo:
    """A language in which every translated sentence is marked."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, one: str, many: str, count: int) -> str:
        return self.gettext(one if count == 1 else many)

    ugettext, ungettext = gettext, ngettext


class Plain(HTMLParser):
    """Collects words that no translation has passed."""

    def __init__(self) -> None:
        super().__init__()
        self.depth, self.plain, self.inside = 0, [], []  # type: ignore[var-annotated]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside.append(tag)
        for name, value in attrs:
            if name in ("aria-label", "data-show", "data-hide", "data-what", "data-ended", "data-changed"):
                assert "⟦" in (value or ""), (name, value)

    def handle_endtag(self, tag: str) -> None:
        while self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.depth == 0 and "bdi" not in self.inside and "time" not in self.inside:
            text = re.sub(r"⟦[^⟦⟧]*⟧", "", re.sub(r"⟦[^⟦⟧]*⟧", "", data))
            self.plain += re.findall(r"[A-Za-z]{3,}", text.split("⟦")[0].split("⟧")[-1])
        self.depth += data.count("⟦") - data.count("⟧")


# Names, hosts, agents and the words of Babel's own catalogue, which no catalogue of ours translates.
DATA = {
    "Example", "Photos", "Maria", "Wiki", "Deluxe", "photos", "wiki", "example", "com", "id", "Firefox", "Chrome",
    "Safari", "iOS", "macOS", "Linux", "Work", "Mac", "Mozilla", "Macintosh", "Intel", "iPhone", "CPU", "AppleWebKit",
    "KHTML", "like", "Gecko", "Version", "Mobile", "November", "Nov", "October", "UTC", "and", "hours", "days", "ago",
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in PAGES if name != "protocol error"])
def test_every_sentence_passes_through_translation(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flask_babel.Domain, "get_translations", lambda _self: Pseudo())
    parser = Plain()
    parser.feed(PAGES[name]().text)
    assert [word for word in parser.plain if word not in DATA] == []
