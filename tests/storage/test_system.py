"""Clock, chance, vault and passwords."""

from __future__ import annotations

import base64
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from idp.domain.master_key import MasterKey, MasterKeys
from idp.errors import ConfigurationError, Unavailable
from idp.storage.passwords import ArgonPasswords
from idp.storage.recently import Recently
from idp.storage.system import SystemClock, SystemRandomness
from idp.storage.vault import AesVault

from ..builders import NOW, a_user

OLD, NEW = MasterKey(b"\x01" * 32), MasterKey(b"\x02" * 32)


def test_the_clock_is_aware() -> None:
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)


def test_chance_does_not_repeat() -> None:
    randomness = SystemRandomness()
    tokens = {randomness.token() for _ in range(100)}
    assert len(tokens) == 100
    assert {len(token) for token in tokens} == {43}
    assert randomness.uuid().version == 4
    assert randomness.uuid() != randomness.uuid()


@pytest.mark.promise("P7")
@pytest.mark.spec("RFC 6749", "10.10")
def test_a_token_has_256_bits_of_chance() -> None:
    raw = [base64.urlsafe_b64decode(SystemRandomness().token() + "=") for _ in range(100)]
    assert {len(one) for one in raw} == {32}
    assert all(len({one[place] for one in raw}) > 20 for place in range(32)), "no byte of it stays as it is"


def test_sealed_and_opened() -> None:
    vault = AesVault(MasterKeys([OLD]))
    sealed = vault.seal(b"private", "key a")
    assert b"private" not in sealed
    assert vault.open(sealed, "key a") == b"private"
    assert vault.seal(b"private", "key a") != sealed


@pytest.mark.promise("P7")
def test_a_sealed_value_opens_where_it_belongs_only() -> None:
    vault = AesVault(MasterKeys([OLD]))
    sealed = vault.seal(b"private", "key a")
    for damaged, context in ((sealed, "key b"), (sealed[:-1] + b"\x00", "key a"), (sealed[:10], "key a")):
        with pytest.raises(ConfigurationError):
            vault.open(damaged, context)


def test_an_older_master_key_still_opens() -> None:
    sealed = AesVault(MasterKeys([OLD])).seal(b"private", "key a")
    assert AesVault(MasterKeys([NEW, OLD])).open(sealed, "key a") == b"private"
    with pytest.raises(ConfigurationError, match=OLD.key_id.hex()):
        AesVault(MasterKeys([NEW])).open(sealed, "key a")


def test_passwords() -> None:
    passwords = ArgonPasswords()
    stored = passwords.hash("correct horse")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.verify(stored, "correct horse")
    assert not passwords.verify(stored, "Correct horse")
    assert not passwords.verify("no hash at all", "correct horse")
    assert not passwords.outdated(stored)
    assert passwords.outdated(stored.replace("t=2", "t=1"))
    assert passwords.outdated("no hash at all")


@pytest.mark.parametrize("password", ["pässwörd 🐎", "\ud800 lone", "nul\0nul", "x" * 1024])
def test_any_text_is_a_password(password: str) -> None:
    passwords = ArgonPasswords()
    assert passwords.verify(passwords.hash(password), password)


def test_an_overlong_password_is_wrong() -> None:
    passwords = ArgonPasswords()
    with pytest.raises(ValueError, match="1024"):
        passwords.hash("x" * 1025)
    assert not passwords.verify(passwords.hash("x" * 1024), "x" * 1025)


@pytest.mark.spec("ASVS 5.0", "6.3.8")
def test_nobody_costs_as_much_as_somebody() -> None:
    passwords = ArgonPasswords()
    stored = passwords.hash("correct horse")

    def fastest(password_hash: str | None) -> float:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            passwords.verify(password_hash, "wrong")
            times.append(time.perf_counter() - start)
        return min(times)

    somebody, nobody = fastest(stored), fastest(None)
    assert 0.5 < nobody / somebody < 2


def test_a_flood_of_hashes_is_refused() -> None:
    """Security.md section 6, trap 11: the rest are told to come back."""
    passwords = ArgonPasswords(places=1, patience=0.01)
    refused: list[int] = []

    def guess() -> None:
        try:
            passwords.verify(None, "guess")
        except Unavailable as error:
            refused.append(error.retry_after)

    threads = [threading.Thread(target=guess) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused
    assert set(refused) == {1}
    assert passwords.verify(None, "afterwards there is room") is False


def test_recently_is_bounded_and_forgets() -> None:
    recently = Recently(most=2)
    a, b, c = (a_user().id for _ in range(3))
    assert recently.first(a, NOW)
    assert not recently.first(a, NOW + timedelta(seconds=59))
    assert recently.first(a, NOW + timedelta(seconds=60))
    assert recently.first(a, NOW)  # the clock was set back
    assert recently.first(b, NOW)
    assert recently.first(c, NOW)
    assert recently.first(a, NOW)  # had to make room
