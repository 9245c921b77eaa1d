"""The syntax of ``scope`` (RFC 6749 section 3.3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.domain.scope import parse_scope


@pytest.mark.spec("RFC 6749", "3.3")
@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("", ()), (" ", ()), ("openid", ("openid",)), ("openid email openid", ("openid", "email")),
        ("a  b", ("a", "b")), ("a:b/c", ("a:b/c",)), ("a\tb", None), ("a\nb", None), ("a\0b", None), ('a"b', None),
        ("a\\b", None), ("é", None), ("a\u00a0b", None), ("\ud800", None), ("*", ("*",)),
    ],
)  # fmt: skip
def test_words_between_spaces(text: str, scope: tuple[str, ...] | None) -> None:
    assert parse_scope(text) == scope


@given(st.text(max_size=40))
def test_never_raises_and_is_stable(text: str) -> None:
    found = parse_scope(text)
    assert found is None or parse_scope(" ".join(found)) == found
