"""Signing keys: announced, active, retired, gone (design.md 4.4)."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event

import pytest

from idp import jose
from idp.domain.key import SigningKey
from idp.errors import ConfigurationError, Conflict, NotFound, Unavailable

from ..provider import Provider, header_of, running

DAY = 86400


def states(provider: Provider, alg: str = "RS256") -> dict[str, str]:
    return {key.kid: str(key.state) for key in provider.services.keys.list() if key.alg == alg}


def published(provider: Provider, alg: str = "RS256") -> set[str]:
    return {key["kid"] for key in json.loads(provider.services.keys.jwks().body)["keys"] if key["alg"] == alg}


def rotate(provider: Provider, alg: str = "RS256", force: bool = False) -> str:
    with provider.stores.work():
        return provider.services.keys.rotate(alg, force=force).kid


def test_the_first_start_makes_one_active_and_one_announced_key_once(alone: Provider) -> None:
    before = states(alone)
    assert sorted(before.values()) == ["active", "announced"]
    alone.services.keys.ensure()
    assert states(alone) == before


def test_a_key_is_published_long_before_it_signs(alone: Provider) -> None:
    """interop.md 3."""
    with running(alone.settings.database_url) as fresh:
        with fresh.stores.work():
            fresh.services.keys.rotate(force=True)  # announces another, just now
        with pytest.raises(Conflict):
            rotate(fresh)
        announced = next(kid for kid, state in states(fresh).items() if state == "announced")
        assert announced in published(fresh)
        fresh.clock.move(fresh.settings.jwks_max_age)
        assert rotate(fresh) == announced


def test_a_rotation_moves_each_key_one_step(alone: Provider) -> None:
    old = states(alone)
    announced = next(kid for kid, state in old.items() if state == "announced")
    active = next(kid for kid, state in old.items() if state == "active")
    assert rotate(alone, force=True) == announced
    new = states(alone)
    assert (new[announced], new[active]) == ("active", "retired")
    assert len(new) == 3
    app, ada = alone.register(), alone.sign_in()
    tokens = alone.tokens(app, ada)
    assert {header_of(tokens[name])["kid"] for name in ("access_token", "id_token")} == {announced}
    assert published(alone) == set(new)


def test_a_retired_key_stays_until_its_last_token_has_expired(alone: Provider) -> None:
    app, ada = alone.register(), alone.sign_in()
    token = alone.tokens(app, ada)["access_token"]
    rotate(alone, force=True)
    with alone.clock.later(890):
        alone.services.keys.rotate_if_due()
        assert alone.active(app, token)
    with alone.clock.later(961):
        alone.services.keys.rotate_if_due()
        assert sorted(states(alone).values()) == ["active", "announced"]
        assert header_of(token)["kid"] not in states(alone)


@pytest.mark.parametrize("state", ["active", "announced"])
def test_a_key_that_was_lost_is_taken_away_at_once(alone: Provider, state: str) -> None:
    app, ada = alone.register(), alone.sign_in()
    token = alone.tokens(app, ada)["access_token"]
    lost = next(kid for kid, found in states(alone).items() if found == state)
    with alone.stores.work():
        alone.services.keys.remove(lost)
    assert sorted(states(alone).values()) == ["active", "announced"]
    assert lost not in published(alone)
    assert alone.active(app, token) is (state == "announced")
    assert alone.active(app, alone.tokens(app, ada)["access_token"])
    with pytest.raises(NotFound), alone.stores.work():
        alone.services.keys.remove(lost)


def test_rotation_by_age(alone: Provider) -> None:
    before = states(alone)
    assert not alone.services.keys.rotate_if_due()
    with alone.clock.later(90 * DAY + 1):
        assert alone.services.keys.rotate_if_due()
        assert not alone.services.keys.rotate_if_due()
    after = states(alone)
    assert {after[kid] for kid in before} == {"active", "retired"}


def test_a_rotation_that_fails_changes_nothing(alone: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    def stops(*_: object) -> None:
        raise RuntimeError("stopped")

    monkeypatch.setattr(type(alone.stores.events), "append", stops)
    with alone.nothing_changes(), pytest.raises(RuntimeError):
        rotate(alone, force=True)
    assert states(alone)[alone.services.keys.signer().kid] == "active"


@pytest.mark.promise("P5")
def test_the_key_set_outlives_a_database_that_is_away(alone: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """reliability.md F-21."""
    before = alone.services.keys.jwks()

    def away(*_: object) -> None:
        raise Unavailable("the database does not answer")

    monkeypatch.setattr(type(alone.stores.signing_keys), "all", away)
    alone.services.keys._snapshot = replace(alone.services.keys._snapshot, read_at=0.0)  # type: ignore[type-var]
    assert alone.services.keys.jwks() == before
    assert alone.get("/.well-known/jwks.json").status_code == 200


@pytest.mark.fault("F-34")
def test_who_meets_a_new_key_while_somebody_looks_does_not_call_it_unknown(
    alone: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two threads of one worker; another worker has just announced the key, and signed with it."""
    keys, all_keys, reading, go = alone.services.keys, alone.stores.signing_keys.all, Event(), Event()

    def slowly() -> Sequence[SigningKey]:
        found = all_keys()
        if not reading.is_set():
            reading.set()
            assert go.wait(60)
        return found

    keys.jwks()
    time.sleep(0.15)
    monkeypatch.setattr(alone.stores.signing_keys, "all", slowly)
    with ThreadPoolExecutor(2) as pool, running(alone.settings.database_url) as there:
        pool.submit(keys.find, "nobody's", "RS256")
        assert reading.wait(60)
        kid = [rotate(there, force=True) for _ in range(2)][1]
        found = pool.submit(keys.find, kid, "RS256")
        time.sleep(0.15)
        go.set()
        key = found.result()
    assert key is not None
    assert key.kid == kid


@pytest.mark.promise("P7")
def test_a_private_key_is_sealed_to_its_own_name(alone: Provider) -> None:
    """So that rows cannot be exchanged by whoever can write to the database."""
    one, two, *_others = alone.services.keys.list()
    assert alone.stores.vault.open(one.private_sealed, f"signing key {one.kid}")
    with pytest.raises(ConfigurationError):
        alone.stores.vault.open(one.private_sealed, f"signing key {two.kid}")


# ── several algorithms ────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec("RFC 7518", "3.1")
@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
def test_each_algorithm_signs_with_a_published_key_of_its_own(alone: Provider, alg: str) -> None:
    keys = alone.services.keys
    token = jose.sign({"iss": "x", "exp": 2**33}, keys.signer(alg), typ="JWT")
    assert header_of(token)["alg"] == alg
    assert header_of(token)["kid"] in published(alone, alg)
    assert jose.verify(token, keys.find, typ=("JWT",), issuer="x", audience=None, require=("iss",))
    assert sorted(states(alone, alg).values()) == ["active", "announced"]


def test_a_key_is_never_found_for_another_algorithm(alone: Provider) -> None:
    """RFC 8725 section 3.1: the key says the algorithm, the token does not."""
    keys = alone.services.keys
    assert keys.find(keys.signer("ES256").kid, "EdDSA") is None
    assert keys.find(keys.signer("RS256").kid, "PS256") is None


def test_each_algorithm_rotates_by_itself_or_all_together(alone: Provider) -> None:
    before = {alg: alone.services.keys.signer(alg).kid for alg in alone.services.keys.algs}
    rotate(alone, "ES256", force=True)
    assert alone.services.keys.signer("RS256").kid == before["RS256"]
    assert alone.services.keys.signer("ES256").kid != before["ES256"]
    with alone.stores.work():
        rotated = alone.services.keys.rotate_all(force=True)
    assert {key.alg for key in rotated} == {"RS256", "ES256", "EdDSA"}
    assert alone.services.keys.signer("EdDSA").kid != before["EdDSA"]


def test_an_algorithm_joins_with_the_setting_and_keeps_signing_without_it(database: str) -> None:
    with running(database, signing_algs="ps256".upper()) as more:
        assert more.settings.signing_algs == ("RS256", "PS256")
        made = more.services.keys.signer("PS256").kid
        with more.clock.later(90 * DAY + 1):
            assert more.services.keys.rotate_if_due()
    with running(database, signing_algs="RS256") as fewer:
        assert fewer.services.keys.algs == ("RS256",)
        assert fewer.services.keys.signer("PS256").kid != made, "rotated, and still there for clients that chose it"
        announced = next(kid for kid, state in states(fewer, "PS256").items() if state == "announced")
        with fewer.stores.work():
            fewer.services.keys.remove(announced)
        with fewer.clock.later(200 * DAY):
            assert fewer.services.keys.rotate_if_due(), "the lost heir has another in its place"
        with pytest.raises(NotFound):
            rotate(fewer, "HS256", force=True)


def test_an_algorithm_without_a_key_is_unavailable(alone: Provider) -> None:
    with pytest.raises(Unavailable):
        alone.services.keys.signer("PS256")
