"""Whatever is sent to whatever address: never a 5xx, never a changed row of somebody else's (P8).

Fast by default; ``FUZZ_SECONDS=300`` throws for so long on each database.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idp.domain.session import EndReason, OneClientSession
from idp.errors import TokenRejected
from idp.oauth.rfc7009_revocation import RevocationEndpoint
from idp.oauth.rfc7592_configuration import ConfigurationEndpoint
from idp.oauth.rfc7662_introspection import Introspection
from idp.paths import MIGRATIONS
from idp.services.tokens import Tokens
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
    with a_world(folder, url) as world:
        yield world


@contextmanager
def a_world(folder: Path, url: str) -> Iterator[World]:
    """Made and closed; logging is put back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    world = World(_settings(folder, url))
    try:
        yield world
    finally:
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


def throw_seeds(world: World, statuses: Counter[int]) -> None:
    """Every valid request as it is."""
    for seed in SEEDS:
        world.renew_mallory()
        for variant in variants(seed):
            check(world, variant, "192.0.2.9", statuses)


def test_nothing_thrown_makes_a_5xx_or_changes_a_row_of_others(world: World) -> None:
    paths, statuses, until = paths_of(world), Counter[int](), time.monotonic() + SECONDS
    addresses = st.integers(0, 2**16 - 1).map(lambda number: f"10.0.{number >> 8}.{number & 255}")
    requests = st.integers(0, 9).flatmap(lambda die: mutated() if die < 6 else from_nothing(paths))

    @settings(max_examples=CHUNK, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(requests, addresses)
    def one(thrown: Throw, address: str) -> None:
        for variant in variants(thrown):
            check(world, variant, address, statuses)

    throw_seeds(world, statuses)
    while time.monotonic() < until:
        world.renew_mallory()
        one()
        unchanged(world)
    total = statuses.total()
    print(f"\nfuzz: {total} requests; " + ", ".join(f"{status}: {n}" for status, n in sorted(statuses.items())))
    assert {200, 303, 400, 401, 403, 404} <= set(statuses), "the fuzzer has lost its way in"


# ── negative control ──────────────────────────────────────────────────────────────────────────────


def anybody_configures_any_client(monkeypatch: pytest.MonkeyPatch) -> None:
    def own(self: Any, client_id: str) -> Any:
        return self._clients.find(client_id), "token"

    monkeypatch.setattr(ConfigurationEndpoint, "_own", own)


def revoking_asks_not_whose_token_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def end_sid(self: Any, sid: UUID, _client: Any) -> None:
        self._sessions.end_session(OneClientSession(sid), EndReason.TOKEN_REVOKED, by="anybody")

    def access_token(self: Any, client: Any, text: str) -> None:
        with suppress(TokenRejected):
            self._tokens.end_sid(self._access_tokens.read(text).sid, client)

    monkeypatch.setattr(Tokens, "end_sid", end_sid)
    monkeypatch.setattr(RevocationEndpoint, "_access_token", access_token)


def introspection_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Introspection, "introspect", lambda *_: 1 // 0)


@pytest.mark.parametrize(
    "plant",
    [anybody_configures_any_client, revoking_asks_not_whose_token_it_is, introspection_breaks],
    ids=lambda plant: plant.__name__,
)
def test_a_planted_bug_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with a_world(tmp_path, "") as world:
        throw_seeds(world, Counter())
        plant(monkeypatch)
        with pytest.raises(AssertionError):
            throw_seeds(world, Counter())
