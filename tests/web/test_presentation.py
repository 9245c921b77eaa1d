"""Facts in words (pages.md 33 to 37)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from idp.domain.session import EndReason
from idp.web.presentation import (
    active_now,
    ended_by,
    listed,
    moment,
    read_agent,
    short_address,
    signed_in,
    waiting,
)

from .scene import CHROME, FIREFOX, NOW, SAFARI

pytestmark = pytest.mark.usefixtures("in_request")


@pytest.mark.parametrize(
    ("agent", "title", "kind"),
    [
        (FIREFOX, "Firefox on Linux", "computer"),
        (CHROME, "Chrome on macOS", "computer"),
        (SAFARI, "Safari on iOS", "phone"),
        ("", "Unknown browser", "computer"),
        ("\x00\x01", "Unknown browser", "computer"),
        ("x" * 100_000, "Unknown browser", "computer"),
        ("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/126.0.0.0 Mobile Safari/537.36",
         "Chrome on Android", "phone"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0",
         "Edge on Windows", "computer"),
    ],
)  # fmt: skip
def test_devices(agent: str, title: str, kind: str) -> None:
    assert (read_agent(agent).title, read_agent(agent).kind) == (title, kind)


@pytest.mark.parametrize(
    ("ago", "words"),
    [(timedelta(seconds=2), "1 minute ago"), (timedelta(minutes=59), "59 minutes ago"),
     (timedelta(minutes=90), "90 minutes ago"), (timedelta(hours=2), "2 hours ago"),
     (timedelta(days=6), "6 days ago"), (timedelta(days=11), "11 days ago"), (timedelta(days=40), "12 October 2026")],
)  # fmt: skip
def test_times(ago: timedelta, words: str) -> None:
    shown = moment(NOW - ago, NOW)
    assert shown.words == words
    assert shown.exact.endswith(" UTC")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "in 1 second"), (30, "in 30 seconds"), (61, "in 2 minutes"), (900, "in 15 minutes"), (7201, "in 3 hours")],
)
def test_waiting_is_never_too_short(seconds: int, words: str) -> None:
    assert waiting(seconds) == words


def test_active() -> None:
    assert active_now(NOW - timedelta(minutes=4), NOW)
    assert not active_now(NOW - timedelta(minutes=5), NOW)


@pytest.mark.parametrize(
    ("amr", "words"),
    [(("pwd",), "with a password"), (("pwd", "otp"), "with a password and a code"), (("hwk",), "with a passkey"),
     (("pwd", "pop"), "with a passkey"), (("other",), "2026")],
)  # fmt: skip
def test_ways_of_signing_in(amr: tuple[str, ...], words: str) -> None:
    assert signed_in(NOW, amr).endswith(words)


@pytest.mark.parametrize("reason", [None, *EndReason])
def test_every_ending_has_words(reason: EndReason | None) -> None:
    assert ended_by(reason).startswith(("by ", "because ", "when "))


@pytest.mark.parametrize(
    ("address", "short"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:7:1::5", "2001:db8:7::…"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("x", ""),
    ],
)
def test_addresses(address: str, short: str) -> None:
    assert short_address(address) == short


def test_lists() -> None:
    assert listed(["A", "B", "C"]) == "A, B, and C"
    assert listed([]) == ""
