"""Refresh tokens: how they are spelt, who made them, and what one is that rotates nothing."""

from __future__ import annotations

import base64
from datetime import timedelta
from itertools import product
from uuid import uuid4

import pytest

from idp.domain.master_key import MasterKey, MasterKeys
from idp.domain.refresh import MAX_COUNTER, RefreshFamily, Verdict, classify, format_token, is_genuine, parse_token

from ..builders import NOW, a_client, a_client_session, a_device, a_refresh_family, a_session, a_user

KEYS = MasterKeys([MasterKey(b"\x01" * 32), MasterKey(b"\x02" * 32)])
FAMILY = uuid4()


def token(counter: int = 7, client: str = "app") -> str:
    return format_token(KEYS, KEYS.current.key_id, FAMILY, counter, client)


def family(**members: object) -> RefreshFamily:
    session = a_session(a_device(a_user()))
    return a_refresh_family(a_client_session(session, a_client(client_id="app")), **members)


# ── spelling ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.promise("P3")
@pytest.mark.parametrize("counter", [0, 1, 1000, MAX_COUNTER])
def test_a_token_is_recomputed_byte_for_byte(counter: int) -> None:
    text = token(counter)
    assert text == token(counter)
    found = parse_token(text)
    assert found is not None
    assert (found.family_id, found.counter) == (FAMILY, counter)
    assert is_genuine(KEYS, found, "app")


@pytest.mark.promise("P3")
def test_every_altered_character_makes_it_junk_or_a_forgery() -> None:
    text = token()
    for place in range(3, len(text)):
        for other in ("A", "_", "=", "é", " ", "\0"):
            altered = text[:place] + other + text[place + 1 :]
            if altered != text:
                found = parse_token(altered)
                assert found is None or not is_genuine(KEYS, found, "app"), altered


@pytest.mark.parametrize(
    "text",
    ["", "rt_", token()[:-1], token() + "A", token()[3:], token().upper(), token().swapcase(), " " + token(),
     token() + "\n", token() + "=", token().replace("rt_", "at_"), "rt_" + "A" * 75 + "B", "rt_" + "é" * 75],
    ids=[f"junk {number}" for number in range(13)],  # the family of every run is another
)  # fmt: skip
def test_junk_is_not_a_token(text: str) -> None:
    found = parse_token(text)
    assert found is None or not is_genuine(KEYS, found, "app")


def test_one_token_has_one_spelling() -> None:
    """Base64 ignores unused bits of the last character; we do not (security.md section 6, trap 4)."""
    text = token()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    body = text[3:]
    raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    same = [
        body[:-1] + last
        for last in alphabet
        if base64.urlsafe_b64decode(body[:-1] + last + "=" * (-len(body) % 4)) == raw
    ]
    assert [spelling for spelling in same if parse_token("rt_" + spelling)] == [body]


def test_a_token_is_its_clients_alone() -> None:
    found = parse_token(token(client="app"))
    assert found is not None
    assert not is_genuine(KEYS, found, "other")
    assert not is_genuine(KEYS, found, "")


def test_what_an_older_master_key_made_is_known_while_it_is_configured() -> None:
    old = format_token(KEYS, MasterKey(b"\x02" * 32).key_id, FAMILY, 1, "app")
    found = parse_token(old)
    assert found is not None
    assert is_genuine(KEYS, found, "app")
    assert not is_genuine(MasterKeys([MasterKey(b"\x01" * 32)]), found, "app")


# ── what it is ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.promise("P3")
@pytest.mark.spec("RFC 9700", "4.14.2")
@pytest.mark.parametrize(
    ("presented", "age", "grace", "verdict"),
    [
        (4, 0, 30, Verdict.RETRY),
        (4, 29.9, 30, Verdict.RETRY),
        (4, 30, 30, Verdict.REUSE),
        (4, 0, 0, Verdict.REUSE),
        (3, 0, 30, Verdict.REUSE),
        (0, 0, 30, Verdict.REUSE),
        (3, 0, 0, Verdict.REUSE),
        (5, 0, 30, Verdict.DEAD),
        (6, 0, 30, Verdict.DEAD),
        (MAX_COUNTER, 0, 300, Verdict.DEAD),
    ],
)
def test_by_counter_and_grace(presented: int, age: float, grace: int, verdict: Verdict) -> None:
    chain = family(counter=5, rotated_at=NOW - timedelta(seconds=age))
    assert classify(chain, live=True, presented=presented, client_id="app", now=NOW, grace=grace) is verdict


@pytest.mark.promise("P1")
def test_the_dead_stay_dead_also_within_grace() -> None:
    chain = family(counter=5, rotated_at=NOW)
    for presented, grace in product((0, 3, 4, 5, 6), (0, 30, 300)):
        assert classify(chain, live=False, presented=presented, client_id="app", now=NOW, grace=grace) is Verdict.DEAD
        assert classify(chain, live=True, presented=presented, client_id="b", now=NOW, grace=grace) is Verdict.DEAD
        assert classify(None, live=False, presented=presented, client_id="app", now=NOW, grace=grace) is Verdict.DEAD
