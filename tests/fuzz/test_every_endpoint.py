"""Whatever is sent to whatever address: never a 5xx, never a changed row of somebody else's (P8).

Fast by default; ``FUZZ_SECONDS=300`` throws for so long on each database.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idp.paths import MIGRATIONS
from idp.settings import Settings
from idp.storage.migrate import upgrade
from tests.conftest import DATABASES, open_engine

from .requests import (
    BASIC,
    OURS,
    SEEDS,
    SELF,
    Throw,
    encoded,
    fill,
    from_nothing,
    header_bytes,
    mutated,
    texts,
    urlencoded,
)
from .world import ISSUER, World

SECONDS = float(os.environ.get("FUZZ_SECONDS", "8"))
CHUNK = 100
MASTER_KEY = "A" * 43

pytestmark = [pytest.mark.timeout(int(SECONDS) * 3 + 240), pytest.mark.promise("P8")]


@pytest.fixture(scope="module", params=DATABASES)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A provider in this process, on each database in turn."""
    folder, url = tmp_path_factory.mktemp("fuzz"), ""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").new_database()
        engine = open_engine(url)
        upgrade(engine, MIGRATIONS)
        engine.dispose()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    world = World(_settings(folder, url))
    yield world
    world.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def _settings(folder: Path, url: str) -> Settings:
    return Settings(
        issuer=ISSUER, data_dir=folder, database_url=url, master_key=MASTER_KEY, client_registration="open",
        log_level="error",
    )  # fmt: skip


def paths_of(world: World) -> st.SearchStrategy[str]:
    """Every address of the URL map, its variables filled with names and junk; and addresses that are none."""
    rules = sorted({rule.rule for rule in world.app.url_map.iter_rules()})
    assert {"/token", "/authorize", "/account/sessions", "/register"} <= set(rules)
    parts = st.one_of(
        st.sampled_from(["{victim.device_id}", "{mallory.device_id}", "{victim.client_id}", "{mallory.client_id}"]),
        texts,
    )
    known = st.builds(_fill_rule, st.sampled_from(rules), parts)
    unknown = st.one_of(texts.map("/{}".format), st.builds("{}/{}".format, known, texts))
    return st.integers(0, 9).flatmap(lambda die: unknown if die == 0 else known)


def _fill_rule(rule: str, part: str) -> str:
    head, bracket, tail = rule.partition("<")
    return f"{head}{part}{tail.partition('>')[2]}" if bracket else rule


def throw(world: World, thrown: Throw, address: str) -> tuple[int, bytes]:
    """Send it; names are filled in now."""
    known = world.values
    body = thrown.raw if thrown.raw is not None else urlencoded(thrown.fields, known)
    if thrown.raw is not None:
        body = encoded(fill(body.decode("latin-1"), known)) if body.isascii() else body
    sent = [(name, header_bytes(text, known)) for name, text in thrown.headers]
    if thrown.content_type is not None:
        sent.insert(0, ("Content-Type", header_bytes(thrown.content_type, known)))
    return world.send(
        world.environ(
            thrown.method, encoded(fill(thrown.path, known)) or b"/", urlencoded(thrown.query, known),
            tuple(sent), b"" if thrown.method == "GET" and thrown.raw is None else body, address,
        )
    )  # fmt: skip


def variants(thrown: Throw) -> Iterator[Throw]:
    """As drawn; from Mallory's browser, past the guard of forms; and from her client."""
    yield thrown
    if thrown.path.startswith(("/account", "/log", "/consent", "/authorize")):
        guarded = (("csrf_token", "{csrf}"), *(pair for pair in thrown.fields if pair[0] != "csrf_token"))
        yield replace(thrown, headers=(*thrown.headers, *SELF, *OURS), fields=guarded)
    else:
        yield replace(thrown, headers=(*thrown.headers, *BASIC))


def check(world: World, thrown: Throw, address: str, statuses: Counter[int]) -> None:
    """One request and what must hold after it."""
    status, body = throw(world, thrown, address)
    statuses[status] += 1
    assert status < 500, (thrown, status, body[:500], *world.errors)
    if world.wrote:
        unchanged(world, thrown)


def unchanged(world: World, thrown: Throw | None = None) -> None:
    """No row of the victim's, and none of everybody's, is other than it was."""
    after = world.rows_of_the_victim()
    assert after == world.before, (thrown, [name for name in after if after[name] != world.before[name]])


def test_nothing_thrown_makes_a_5xx_or_changes_a_row_of_others(world: World) -> None:
    paths, statuses, until = paths_of(world), Counter[int](), time.monotonic() + SECONDS
    addresses = st.integers(0, 2**16 - 1).map(lambda number: f"10.0.{number >> 8}.{number & 255}")
    requests = st.integers(0, 9).flatmap(lambda die: mutated() if die < 6 else from_nothing(paths))

    @settings(max_examples=CHUNK, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(requests, addresses)
    def one(thrown: Throw, address: str) -> None:
        for variant in variants(thrown):
            check(world, variant, address, statuses)

    for seed in SEEDS:
        world.renew_mallory()
        for variant in variants(seed):
            check(world, variant, "192.0.2.9", statuses)
    while time.monotonic() < until:
        world.renew_mallory()
        one()
        unchanged(world)
    total = statuses.total()
    print(f"\nfuzz: {total} requests; " + ", ".join(f"{status}: {n}" for status, n in sorted(statuses.items())))
    assert {200, 303, 400, 401, 403, 404} <= set(statuses), "the fuzzer has lost its way in"
