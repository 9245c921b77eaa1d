"""A small tree of an HTML page, by the standard library's parser: enough for forms, links and text."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser

_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
_UNREAD = frozenset(("script", "style", "template", "head"))
# A start tag here closes an open element of the same group (HTML section 13.1.2.4, optional tags).
_CLOSES = {
    "li": {"li"}, "option": {"option"}, "tr": {"tr", "td", "th"}, "td": {"td", "th"}, "th": {"td", "th"},
    "dt": {"dt", "dd"}, "dd": {"dt", "dd"},
    **{tag: {"p"} for tag in ("p", "form", "div", "section", "ul", "ol", "table", "h1", "h2", "h3", "pre", "fieldset")},
}  # fmt: skip


class Element:
    """One element with its attributes and what is inside it."""

    def __init__(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tag = tag
        self.attributes = dict(reversed(attributes))  # of repeated ones the first counts
        self.inside: list[Element | str] = []

    def get(self, name: str) -> str | None:
        return self.attributes.get(name)

    def has(self, name: str) -> bool:
        return name in self.attributes

    def all(self, *tags: str) -> Iterator[Element]:
        """Every element beneath, in tree order, of these tags or of any."""
        for node in self.inside:
            if isinstance(node, Element):
                if not tags or node.tag in tags:
                    yield node
                yield from node.all(*tags)

    @property
    def raw_text(self) -> str:
        return "".join(self._strings())

    @property
    def text(self) -> str:
        """The words, with white space folded."""
        return " ".join(self.raw_text.split())

    def _strings(self) -> Iterator[str]:
        for node in self.inside:
            if isinstance(node, str):
                yield node
            elif node.tag not in _UNREAD:
                yield " "
                yield from node._strings()
                yield " "


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", [])
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        while self.open[-1].tag in _CLOSES.get(tag, ()):
            self.open.pop()
        element = Element(tag, attrs)
        self.open[-1].inside.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if any(element.tag == tag for element in self.open[1:]):
            while self.open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        self.open[-1].inside.append(data)


def parse(html: str) -> Element:
    """The page as a tree under a nameless root."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    return builder.root
