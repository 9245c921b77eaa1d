"""Signing keys: announced, active, retired, gone (design.md 4.4)."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from idp.errors import ConfigurationError, Conflict, Unavailable

from ..provider import Provider, header_of, running

DAY = 86400


def states(provider: Provider) -> dict[str, str]:
    return {key.kid: str(key.state) for key in provider.services.keys.list()}


def published(provider: Provider) -> set[str]:
    return {key["kid"] for key in json.loads(provider.services.keys.jwks().body)["keys"]}


def rotate(provider: Provider, force: bool = False) -> str:
    with provider.stores.work():
        return provider.services.keys.rotate(force=force).kid


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


@pytest.mark.promise("P7")
def test_a_private_key_is_sealed_to_its_own_name(alone: Provider) -> None:
    """So that rows cannot be exchanged by whoever can write to the database."""
    one, two = alone.services.keys.list()
    assert alone.stores.vault.open(one.private_sealed, f"signing key {one.kid}")
    with pytest.raises(ConfigurationError):
        alone.stores.vault.open(one.private_sealed, f"signing key {two.kid}")
