"""What counts as one place and one account where guesses are counted."""

from __future__ import annotations

from uuid import uuid4

import pytest

from idp.domain.throttle import client_secret_brakes, network_of, password_brakes


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("", "unknown"),
        ("unix:", "unknown"),
    ],
)
def test_one_subscriber_is_one_place(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize("spelling", ["ADA@example.com", " ada@example.com ", "\uff41da@example.com"])
def test_one_account_has_one_counter_however_its_address_is_spelt(spelling: str) -> None:
    """CVE-2025-24806, CVE-2026-47203."""
    assert password_brakes(spelling, "192.0.2.1", None) == password_brakes("ada@example.com", "192.0.2.1", None)


def test_a_known_device_has_a_lane_of_its_own() -> None:
    """So that strangers who exhaust the other counters lock nobody out (ASVS 6.1.1)."""
    device = uuid4()
    known = password_brakes("ada@example.com", "192.0.2.1", device)
    strangers = password_brakes("ada@example.com", "192.0.2.1", None)
    assert not {brake.key for brake in known} & {brake.key for brake in strangers}
    assert len(strangers) > len(known)


def test_parts_of_a_counters_name_cannot_run_into_each_other() -> None:
    assert client_secret_brakes("a", "192.0.2.1")[0].key != client_secret_brakes("a\0", "192.0.2.1")[0].key
    assert client_secret_brakes("\ud800", "192.0.2.1")
