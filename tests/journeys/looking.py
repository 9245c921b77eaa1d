"""What is asked of every page, looked at in a browser (pages.md section 4)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from .browsers import Watch

AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]
MOST_BYTES, MOST_REQUESTS = 50_000, 6  # pages.md 86
_NAMELESS = re.compile(r"^\s*- '?(?:button|link|textbox|checkbox|radio|combobox)(?:\s*\[[^]]*\])*'?:?$", re.MULTILINE)
_INLINE = """() => [
    ...[...document.querySelectorAll("*")].flatMap((element) => element.getAttributeNames()
        .filter((name) => name === "style" || name.startsWith("on")).map((name) => `${element.tagName} ${name}`)),
    ...[...document.querySelectorAll("style, script:not([src])")].map((element) => element.tagName),
]"""
_SIDEWAYS = """() => [document.scrollingElement.scrollWidth, document.documentElement.clientWidth]"""
_SMALL = """() => [...document.querySelectorAll("button, .button, input:not([type=hidden]), summary, nav a")]
    .filter((element) => element.checkVisibility())
    .map((element) => [element, (element.closest("label") ?? element).getBoundingClientRect()])
    .filter(([element, box]) => box.width && (box.width < 24 || box.height < 24))
    .map(([element, box]) => `${element.outerHTML.slice(0, 80)} ${box.width} × ${box.height}`)"""

# A flex or grid box drops the space between its text and an element beside it: "Go back toNotebook".
_RUN_TOGETHER = """() => {
    const beside = (node) => node?.nodeType === 1 && getComputedStyle(node).position !== "absolute";
    const loses = (node) => node.nodeType === 3 && (
        (/\\S\\s+$/.test(node.data) && beside(node.nextSibling)) ||
        (/^\\s+\\S/.test(node.data) && beside(node.previousSibling)));
    return [...document.querySelectorAll("body *")]
        .filter((element) => /flex|grid/.test(getComputedStyle(element).display))
        .filter((element) => element.checkVisibility() && getComputedStyle(element).columnGap === "normal")
        .filter((element) => [...element.childNodes].some(loses)).map((element) => element.outerHTML.slice(0, 120));
}"""


@dataclass(frozen=True)
class Look:
    """How somebody looks at a page."""

    theme: str
    width: int

    def apply(self, page: Page) -> None:
        """Turn the page that is shown; nothing is loaded anew."""
        page.set_viewport_size({"width": self.width, "height": 800})
        page.emulate_media(
            color_scheme="light" if self.theme == "forced" else self.theme,  # type: ignore[arg-type]
            forced_colors="active" if self.theme == "forced" else "none",
        )


def faults(page: Page, watch: Watch, issuer: str, heading: str) -> list[str]:
    """What is wrong with the page whatever it looks like. Ask before anything is injected into it."""
    headings = [h1.inner_text() for h1 in page.locator("h1").all()]
    found = list(watch.complaints)
    if len(headings) != 1 or not headings[0].startswith(heading):
        found.append(f"h1: {headings}, not [{heading!r}]")
    if not re.fullmatch(r"(Error: )?.{3,} · idp", title := page.evaluate("() => document.title")):
        found.append(f"title: {title!r}")
    if page.locator("html").get_attribute("lang") != "en":
        found.append("no lang")
    found += [f"request to {url}" for url in watch.fetched if not url.startswith(issuer + "/")]
    found += [f"words run together: {element}" for element in page.evaluate(_RUN_TOGETHER)]
    found += [f"inline: {inline}" for inline in page.evaluate(_INLINE)]
    found += [f"without a name: {control}" for control in _NAMELESS.findall(page.locator("body").aria_snapshot())]
    return found


def ill_fitting(page: Page) -> list[str]:
    """Sideways scroll (WCAG 1.4.10) and targets that are too small (2.5.8) at this width."""
    wide, room = page.evaluate(_SIDEWAYS)
    found = [f"scrolls sideways: {wide} px of content in {room} px"] if wide > room else []
    return found + [f"small target: {target}" for target in page.evaluate(_SMALL)]


def inaccessible(page: Page) -> list[str]:
    """Violations of WCAG 2.2 AA that axe finds."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    options = json.dumps({"runOnly": {"type": "tag", "values": AA}, "resultTypes": ["violations"]})
    result: dict[str, Any] = page.evaluate(f"() => axe.run({options})")
    return [
        f"{violation['id']}: {node['html']} {node['failureSummary']}"
        for violation in result["violations"]
        for node in violation["nodes"]
    ]
