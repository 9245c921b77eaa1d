"""Whatever is sent to whatever address: never a 5xx, never a changed row of somebody else's (P8).

Fast by default; ``FUZZ_SECONDS=1200`` throws for so long on each database.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask import redirect
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idp.domain.session import EndReason, OneClientSession
from idp.errors import TokenRejected
from idp.oauth.response_modes import ResponseModes
from idp.oauth.rfc7009_revocation import RevocationEndpoint
from idp.oauth.rfc7592_configuration import ConfigurationEndpoint
from idp.oauth.rfc7662_introspection import Introspection
from idp.services.polling import Polling
from idp.services.tokens import Tokens

from .conftest import settings_of
from .promises import Promises
from .requests import from_nothing, mutated, texts
from .seeds import SEEDS
from .wire import BASIC, OURS, SELF, Throw
from .world import World, a_world

SECONDS = float(os.environ.get("FUZZ_SECONDS", "8"))
CHUNK = 100
_PAGES = ("/account", "/log", "/consent", "/authorize", "/device/", "/signed-out")

pytestmark = [pytest.mark.timeout(int(SECONDS) * 3 + 240), pytest.mark.promise("P8")]


def paths_of(world: World) -> st.SearchStrategy[str]:
    """Every address of the URL map, its variables filled with names and junk; and addresses that are none."""
    rules = sorted({rule.rule for rule in world.app.url_map.iter_rules()})
    assert {"/token", "/authorize", "/account/sessions", "/register"} <= set(rules)
    parts = st.one_of(
        st.sampled_from([
            "{victim.device_id}", "{mallory.device_id}", "{victim.client_id}", "{mallory.client_id}",
            "{mallory.request_id}",
        ]),
        texts,
    )  # fmt: skip
    known = st.builds(_fill_rule, st.sampled_from(rules), parts)
    unknown = st.one_of(texts.map("/{}".format), st.builds("{}/{}".format, known, texts))
    return st.integers(0, 9).flatmap(lambda die: unknown if die == 0 else known)


def _fill_rule(rule: str, part: str) -> str:
    head, bracket, tail = rule.partition("<")
    return f"{head}{part}{tail.partition('>')[2]}" if bracket else rule


def variants(thrown: Throw) -> Iterator[Throw]:
    """As drawn; from Mallory's browser, past the guard of forms; and from her client."""
    yield thrown
    if thrown.path.startswith(_PAGES) or thrown.path == "/device":
        guarded = (("csrf_token", "{csrf}"), *(pair for pair in thrown.fields if pair[0] != "csrf_token"))
        yield replace(thrown, headers=(*thrown.headers, *SELF, *OURS), fields=guarded)
    else:
        yield replace(thrown, headers=(*thrown.headers, *BASIC))


def check(world: World, promises: Promises, thrown: Throw, address: str, statuses: Counter[int]) -> None:
    """One request and what must hold after it."""
    answered = world.throw(thrown, address)
    statuses[answered.status] += 1
    promises.hold(thrown, answered)
    if world.wrote:
        promises.unchanged(thrown)


def throw_seeds(world: World, statuses: Counter[int], path: str = "") -> None:
    """Every valid request as it is; only those whose address begins with ``path``."""
    promises = Promises(world)
    for seed in (seed for seed in SEEDS if seed.path.startswith(path)):
        for variant in variants(seed):
            world.freshen()
            check(world, promises, variant, "192.0.2.9", statuses)


def test_nothing_thrown_makes_a_5xx_or_changes_a_row_of_others(world: World) -> None:
    paths, statuses, promises = paths_of(world), Counter[int](), Promises(world)
    addresses = st.integers(0, 2**16 - 1).map(lambda number: f"10.0.{number >> 8}.{number & 255}")
    requests = st.integers(0, 9).flatmap(lambda die: mutated() if die < 7 else from_nothing(paths))

    @settings(max_examples=CHUNK, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(requests, addresses)
    def one(thrown: Throw, address: str) -> None:
        for variant in variants(thrown):
            check(world, promises, variant, address, statuses)

    throw_seeds(world, statuses)
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        world.renew_mallory()
        one()
        promises.unchanged()
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


def anybody_polls_with_any_code(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Polling.poll

    def poll(self: Any, code: str, client: Any, kind: Any) -> Any:
        found = self._stores.polled_requests.by_code(hashlib.sha256(code.encode()).digest())
        return real(self, code, client if found is None else self._stores.clients.get(found.client_id), kind)

    monkeypatch.setattr(Polling, "poll", poll)


def answers_leave_for_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ResponseModes, "send", lambda *_args, **_options: redirect("https://evil.example/"))


PLANTED = {
    anybody_configures_any_client: "/register", revoking_asks_not_whose_token_it_is: "/revoke",
    introspection_breaks: "/introspect", anybody_polls_with_any_code: "/token",
    answers_leave_for_anywhere: "/authorize",
}  # fmt: skip


@pytest.mark.parametrize(("plant", "path"), PLANTED.items(), ids=lambda each: getattr(each, "__name__", ""))
def test_a_planted_bug_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], path: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with a_world(settings_of(tmp_path, "")) as world:
        throw_seeds(world, Counter(), path)
        plant(monkeypatch)
        with pytest.raises(AssertionError):
            throw_seeds(world, Counter(), path)
