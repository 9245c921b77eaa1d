"""The master key and what is derived from it."""

from __future__ import annotations

import pytest

from idp.domain.master_key import MasterKey, MasterKeys, hkdf

ONE, TWO = MasterKey(b"\x01" * 32), MasterKey(b"\x02" * 32)


@pytest.mark.spec("RFC 5869", "A.3")
def test_hkdf_gives_the_published_vector() -> None:
    expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    assert hkdf(b"\x0b" * 22, b"", 42).hex() == expected


def test_every_use_and_every_key_has_a_key_of_its_own() -> None:
    derived = {key.derive(use) for key in (ONE, TWO) for use in ("refresh token", "form token", "vault")}
    assert len(derived) == 6


@pytest.mark.promise("P7")
def test_a_key_never_shows_itself() -> None:
    for text in (repr(ONE), str(ONE), f"{ONE}"):
        assert "\\x01" not in text
        assert "01010101" not in text


def test_the_first_is_in_force_and_older_ones_are_found_by_name() -> None:
    keys = MasterKeys([TWO, ONE])
    assert keys.current is TWO
    assert keys.find(ONE.key_id) is ONE
    assert keys.find(b"????") is None
    assert keys.derive(ONE.key_id, "x") == ONE.derive("x")
    assert keys.derive(b"????", "x") is None
    with pytest.raises(ValueError, match="at least one"):
        MasterKeys([])
