"""The accent colour: operator's data, checked when we start (pages.md 80; WCAG 2.2, 1.4.3).

Why a generated style sheet: the policy allows no inline style (pages.md 66), so the one colour that
is not known when ``idp.css`` is written comes as a second, tiny sheet with a hash in its address.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

LEAST_CONTRAST = 4.5
_WHITE, _NIGHT = (255, 255, 255), (24, 27, 34)  # what idp.css puts behind accented text

Colour = tuple[int, int, int]


def contrast(one: Colour, other: Colour) -> float:
    """Contrast ratio by WCAG 2.2, from 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Colour) -> float:
    red, green, blue = (_linear(part / 255) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def parse_colour(text: str) -> Colour | None:
    """``#rrggbb``; None if it is anything else, so nothing else can reach the style sheet."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        return None
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def check_accent(color: str) -> str | None:
    """What is wrong with this accent colour and what to do, or None."""
    colour = parse_colour(color)
    if colour is None:
        return "IDP_ACCENT_COLOR must be written as #rrggbb"
    ratio = contrast(colour, _WHITE)
    if ratio < LEAST_CONTRAST:
        return f"IDP_ACCENT_COLOR has a contrast of {ratio:.1f} on white; choose a darker one (at least 4.5)"
    return None


def for_dark(colour: Colour) -> Colour:
    """The same hue, mixed with white until it can be read on the dark background."""
    for share in range(0, 101, 2):
        lighter = _mixed(colour, share / 100)
        if contrast(lighter, _NIGHT) >= LEAST_CONTRAST + 1.5:
            return lighter
    return _WHITE


def _mixed(colour: Colour, white: float) -> Colour:
    red, green, blue = (round(part + (255 - part) * white) for part in colour)
    return red, green, blue


@dataclass(frozen=True, slots=True)
class Theme:
    """The generated sheet and its fingerprint."""

    css: str
    fingerprint: str


def make_theme(color: str) -> Theme:
    """The sheet for one accent colour. Raises ValueError for one that ``check_accent`` refuses."""
    colour = parse_colour(color)
    if colour is None or (problem := check_accent(color)):
        raise ValueError(problem if colour else "IDP_ACCENT_COLOR must be written as #rrggbb")
    css = (
        f":root{{--accent:{_hex(colour)};--on-accent:#fff}}"
        f"@media (prefers-color-scheme:dark){{:root{{--accent:{_hex(for_dark(colour))};--on-accent:#0c0e13}}}}"
    )
    return Theme(css, hashlib.sha256(css.encode()).hexdigest()[:12])


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
