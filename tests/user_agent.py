"""A scripted browser without scripts: fetches pages, fills in forms, presses buttons, follows.

It behaves like a browser where that matters to a provider: cookies by host (not by port), GET after a
303, ``Origin``, ``Referer`` and ``Sec-Fetch-*`` as a browser sends them under the page's
Referrer-Policy, forms submitted as HTML says (owner, default button, ``formaction``), and the hand-off
page's ``meta refresh`` followed at once. Unlike a browser it reads no SameSite and runs no script.

It goes only to origins it was given. A redirect, a refresh or a form that leads elsewhere is not
followed: the page it would have left from is returned, and ``page.leaving`` says where to. So a test
catches ``https://client.example/callback?code=…`` without serving it.

    browser = UserAgent("http://localhost:8000")
    page = browser.get("http://localhost:8000/authorize?…")
    page = browser.submit("Sign in", Email="ada@example.com", Password="…")
    page = browser.submit("Allow")
    code = page.answer["code"]
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import requests

from tests.html_page import Element, parse

_MOST_HOPS = 20
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"


class NotOnPage(AssertionError):
    """The test asked for something that this page does not have."""


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@dataclass(kw_only=True)
class Page:
    """What is on the screen. ``history`` lists every address on the way to it, itself included."""

    url: str
    status: int
    headers: requests.structures.CaseInsensitiveDict[str]
    body: str
    history: tuple[str, ...]
    leaving: str | None = None
    root: Element = field(init=False, repr=False)

    def __post_init__(self) -> None:
        html = "html" in self.headers.get("Content-Type", "")
        self.root = parse(self.body if html else "")

    def __repr__(self) -> str:
        return f"<Page {self.status} {self.url} {self.title!r} leaving={self.leaving}>"

    @property
    def title(self) -> str:
        return next((element.text for element in self.root.all("title")), "")

    @property
    def text(self) -> str:
        """What can be read on it, without what is in ``<head>``, ``<script>`` and ``<template>``."""
        return next((element.text for element in self.root.all("body")), self.root.text)

    @property
    def alerts(self) -> list[str]:
        return [element.text for element in self.root.all() if element.get("role") == "alert"]

    @property
    def headings(self) -> list[str]:
        return [element.text for element in self.root.all("h1", "h2", "h3")]

    @property
    def buttons(self) -> list[str]:
        return [_button_name(element) for element in self.root.all("button", "input") if _is_button(element)]

    @property
    def answer(self) -> dict[str, str]:
        """The parameters of the address we are about to leave for: an authorization response."""
        if self.leaving is None:
            raise NotOnPage(f"{self!r} leads nowhere else:\n{self.text[:1500]}")
        parts = urlsplit(self.leaving)
        return dict(parse_qsl(parts.query or parts.fragment, keep_blank_values=True))

    def json(self) -> Any:
        return json.loads(self.body)

    def links(self) -> dict[str, str]:
        """Addresses by the words of the link."""
        return {e.text: urljoin(self.url, e.get("href") or "") for e in self.root.all("a") if e.get("href")}

    def refresh(self) -> tuple[float, str] | None:
        """Seconds and address of ``<meta http-equiv=refresh>`` or of the ``Refresh`` header."""
        contents = [e.get("content") for e in self.root.all("meta") if (e.get("http-equiv") or "").lower() == "refresh"]
        for content in (*contents, self.headers.get("Refresh")):
            match = re.fullmatch(r"\s*([\d.]+)\s*;\s*url\s*=\s*['\"]?(.*?)['\"]?\s*", content or "", re.IGNORECASE)
            if match:
                return float(match[1]), urljoin(self.url, match[2])
        return None

    def field_value(self, label: str) -> str | None:
        """What stands in the field of that label now."""
        for form in self.root.all("form"):
            for control in _controls(self.root, form):
                if label in _names(self.root, control):
                    return _value(control)
        raise NotOnPage(f"no field {label!r} on {self!r}")


class UserAgent:
    """One browser profile. ``origins`` are the places it may go to."""

    def __init__(self, *origins: str, user_agent: str = CHROME, language: str = "en") -> None:
        self.origins = {origin_of(origin) for origin in origins}
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.update({
            "User-Agent": user_agent,
            "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "Accept-Language": language,
        })  # fmt: skip
        self._page: Page | None = None

    def close(self) -> None:
        self.session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def page(self) -> Page:
        if self._page is None:
            raise NotOnPage("no page has been opened yet")
        return self._page

    @property
    def cookies(self) -> dict[str, str]:
        return {cookie.name: cookie.value or "" for cookie in self.session.cookies}

    # ── what a person does ───────────────────────────────────────────────────────────────────────

    def get(self, url: str) -> Page:
        """Type an address."""
        return self._go("GET", url, None, {"Sec-Fetch-Site": "none"})

    def reload(self) -> Page:
        """Fetch the same address again."""
        return self.get(self.page.url)

    def follow(self, link: str) -> Page:
        """Press a link by its words."""
        links = self.page.links()
        if link not in links:
            raise NotOnPage(f"no link {link!r} on {self.page!r}; there are {sorted(links)}")
        return self._go("GET", links[link], None, self._from_page("GET", links[link]))

    def leave(self) -> Page:
        """Go on to where the page leads, having looked at it; its origin must be allowed by now."""
        assert self.page.leaving is not None, self.page
        return self._go("GET", self.page.leaving, None, {})

    def submit(self, button: str | None = None, /, fields: dict[str, str | bool] | None = None, **named: Any) -> Page:
        """Fill in and press. Fields go by label, else by name; True and False tick boxes.

        Without ``button`` the only form of the page is sent as the Enter key would.
        """
        form, pressed = self._find(button)
        values = {**(fields or {}), **named}
        pairs = list(self._fill(form, pressed, values))
        if values:
            raise NotOnPage(f"no field {sorted(values)} in that form on {self.page!r}")
        method = ((pressed and pressed.get("formmethod")) or form.get("method") or "get").upper()
        action = (pressed and pressed.get("formaction")) or form.get("action") or ""
        url = urljoin(self.page.url, action) if action else self.page.url
        headers = self._from_page(method, url)
        if method == "GET":
            return self._go("GET", urlsplit(url)._replace(query=urlencode(pairs), fragment="").geturl(), None, headers)
        return self._go("POST", url, pairs, headers)

    # ── forms ────────────────────────────────────────────────────────────────────────────────────

    def _find(self, button: str | None) -> tuple[Element, Element | None]:
        root = self.page.root
        forms = list(root.all("form"))
        if button is None:
            if len(forms) != 1:
                raise NotOnPage(f"{len(forms)} forms on {self.page!r}; name a button")
            return forms[0], next((c for c in _controls(root, forms[0], buttons=True) if _is_submit(c)), None)
        for form in forms:
            for control in _controls(root, form, buttons=True):
                if _is_submit(control) and _button_name(control) == button:
                    return form, control
        text = self.page.text[:1500]
        raise NotOnPage(f"no button {button!r} on {self.page!r}; there are {self.page.buttons}\n{text}")

    def _fill(self, form: Element, pressed: Element | None, values: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """The entry list of HTML section 4.10.21.4; takes from ``values`` what it used."""
        root = self.page.root
        chosen: dict[int, Any] = {}
        for exact in (True, False):  # an exact label wins over the beginning of another
            for control in _controls(root, form):
                for wanted in list(values):
                    if id(control) not in chosen and _matches(root, control, wanted, exact):
                        chosen[id(control)] = values[wanted] if _is_radio(control) else values.pop(wanted)
        for control in _controls(root, form, buttons=True):
            yield from _entries(control, chosen.get(id(control)), pressed)
        for wanted in [name for name in values if any(_matches(root, c, name, True) for c in _controls(root, form))]:
            values.pop(wanted)

    # ── the wire ─────────────────────────────────────────────────────────────────────────────────

    def _from_page(self, method: str, url: str) -> dict[str, str]:
        """Fetch section 3.1 and Fetch Metadata: what a browser tells of where it comes from."""
        here, same = origin_of(self.page.url), origin_of(self.page.url) == origin_of(url)
        policy = self.page.headers.get("Referrer-Policy", "strict-origin-when-cross-origin")
        silent = policy == "no-referrer" or (policy == "same-origin" and not same)
        headers = {"Sec-Fetch-Site": "same-origin" if same else "cross-site"}
        if method == "POST":
            headers["Origin"] = "null" if silent else here
        if not silent:
            headers["Referer"] = self.page.url if same and policy != "origin" else here + "/"
        return headers

    def _go(self, method: str, url: str, form: list[tuple[str, str]] | None, headers: dict[str, str]) -> Page:
        history: list[str] = []
        sent = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-User": "?1", **headers}
        for _ in range(_MOST_HOPS):
            if origin_of(url) not in self.origins:
                return self._stay(url, history)
            response = self.session.request(method, url, data=form, headers=sent, allow_redirects=False, timeout=30)
            history.append(url)
            self._page = _page(response, tuple(history))
            target, method, form = self._next(response, method, form)
            if target is None:
                return self._page
            url = target
        raise AssertionError(f"more than {_MOST_HOPS} hops: {history}")

    def _stay(self, url: str, history: list[str]) -> Page:
        """We may not go there: the page we come from stays, and says where it leads."""
        if self._page is None:
            raise NotOnPage(f"{url} is not among {sorted(self.origins)}")
        self._page.leaving = url
        self._page.history = tuple(history) or self._page.history
        return self._page

    def _next(
        self, response: requests.Response, method: str, form: list[tuple[str, str]] | None
    ) -> tuple[str | None, str, list[tuple[str, str]] | None]:
        if response.is_redirect:
            target = urljoin(response.url, response.headers["Location"])
            keep = response.status_code in (307, 308)
            return (target, method, form) if keep else (target, "GET", None)
        refresh = self.page.refresh()
        if refresh is not None and refresh[0] == 0:
            return refresh[1], "GET", None
        return None, method, form


def _page(response: requests.Response, history: tuple[str, ...]) -> Page:
    return Page(
        url=response.url, status=response.status_code, headers=response.headers, body=response.text, history=history
    )


# ── HTML's rules of forms ────────────────────────────────────────────────────────────────────────


def _controls(root: Element, form: Element, *, buttons: bool = False) -> Iterator[Element]:
    """Controls that belong to the form, in tree order: those inside it and those that name it."""
    inside = {id(element) for element in form.all()}
    for element in root.all("input", "select", "textarea", "button"):
        named = element.get("form")
        owned = named == form.get("id") if named is not None else id(element) in inside
        if owned and not element.has("disabled") and (buttons or not _is_button(element)):
            yield element


def _is_button(element: Element) -> bool:
    return element.tag == "button" or element.get("type") in ("submit", "image", "button", "reset")


def _is_submit(element: Element) -> bool:
    kind = element.get("type") or ("submit" if element.tag == "button" else "text")
    return kind.lower() in ("submit", "image")


def _is_radio(element: Element) -> bool:
    return element.get("type") == "radio"


def _button_name(element: Element) -> str:
    own = element.text if element.tag == "button" else element.get("value") or element.get("alt") or "Submit"
    return element.get("aria-label") or own


def _names(root: Element, control: Element) -> list[str]:
    """What a person or a program calls this field: its labels, ``aria-label``, its name."""
    labels = [
        label.text
        for label in root.all("label")
        if (label.get("for") == control.get("id") if label.get("for") else any(e is control for e in label.all()))
    ]
    return [name for name in (*labels, control.get("aria-label"), control.get("name")) if name]


def _matches(root: Element, control: Element, wanted: str, exact: bool) -> bool:
    names = _names(root, control)
    return wanted in names if exact else any(name.lower().startswith(wanted.lower()) for name in names)


def _value(control: Element) -> str:
    if control.tag == "textarea":
        return control.raw_text
    if control.tag == "select":
        options = list(control.all("option"))
        selected = next((o for o in options if o.has("selected")), options[0] if options else None)
        return "" if selected is None else selected.get("value") or selected.text
    return control.get("value") or ""


def _entries(control: Element, given: Any, pressed: Element | None) -> Iterator[tuple[str, str]]:
    name = control.get("name")
    if not name:
        return
    if _is_button(control):
        if control is pressed:
            yield name, control.get("value") or ""
    elif control.get("type") == "checkbox":
        if control.has("checked") if given is None else given:
            yield name, control.get("value") or "on"
    elif _is_radio(control):
        value = control.get("value") or "on"
        if control.has("checked") if given is None else given in (value, True):
            yield name, value
    else:
        yield name, _value(control) if given is None else str(given)
