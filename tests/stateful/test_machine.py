"""The machine finds nothing in the provider, and finds what is planted (reliability.md section 6)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from idp.domain.master_key import MasterKey, MasterKeys
from idp.domain.refresh import Verdict, classify
from idp.paths import MIGRATIONS
from idp.services import build
from idp.services.codes import Codes
from idp.settings import Settings
from idp.storage.codes import SqlCodes
from idp.storage.endings import Endings
from idp.storage.stores import build_stores
from tests.conftest import open_engine

from .machine import Clock, Sessions, World

EXAMPLES = int(os.environ.get("STATEFUL_EXAMPLES", "40"))
pytestmark = [pytest.mark.timeout(240 + EXAMPLES * 3)]


@pytest.fixture
def machine(tmp_path: Path, sqlite_template: Path) -> Iterator[type[Sessions]]:
    """The machine over a database of its own."""
    path = tmp_path / "idp.sqlite"
    shutil.copy(sqlite_template, path)
    engine = open_engine(f"sqlite:///{path}")
    clock, keys = Clock(), MasterKeys([MasterKey(b"\x01" * 32)])
    stores = build_stores(engine, keys, MIGRATIONS, clock=clock)
    world = World(clock, stores, build(stores, Settings(data_dir=tmp_path, issuer="https://id.example"), keys))
    yield type("Machine", (Sessions,), {"world": world})
    engine.dispose()


def run(machine: type[Sessions], examples: int, **more: Any) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=50, deadline=None, database=None,
            suppress_health_check=list(HealthCheck), **more,
        ),
    )  # fmt: skip


@pytest.mark.promise("P1")
@pytest.mark.promise("P3")
@pytest.mark.promise("P4")
def test_no_order_of_events_breaks_an_invariant(machine: type[Sessions]) -> None:
    run(machine, EXAMPLES)


# ── negative control: a checker that never failed is not believed ─────────────────────────────────


def reuse_counts_as_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    def lenient(*arguments: Any, **named: Any) -> Verdict:
        verdict = classify(*arguments, **named)
        return Verdict.RETRY if verdict is Verdict.REUSE else verdict

    monkeypatch.setattr("idp.services.refresh.classify", lenient)


def signing_out_forgets_the_apps(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(self: Endings, statement: Any, values: dict[str, Any]) -> tuple[()]:
        return ()

    monkeypatch.setattr(Endings, "_end", nothing)


def codes_work_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SqlCodes, "claim", lambda *_: True)
    monkeypatch.setattr(Codes, "refuse_used", lambda *_: None)


def grace_raises_the_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    def deaf(*arguments: Any, live: bool, **named: Any) -> Verdict:
        return classify(*arguments, live=True, **named)

    monkeypatch.setattr("idp.services.refresh.classify", deaf)


@pytest.mark.parametrize(
    "plant",
    [reuse_counts_as_retry, signing_out_forgets_the_apps, codes_work_twice, grace_raises_the_dead],
    ids=lambda plant: plant.__name__,
)
def test_a_planted_bug_is_found(
    machine: type[Sessions], monkeypatch: pytest.MonkeyPatch, plant: Callable[[pytest.MonkeyPatch], None]
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        run(machine, 300, phases=[Phase.generate], derandomize=True, report_multiple_bugs=False)
