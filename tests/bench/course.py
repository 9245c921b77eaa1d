"""The course of a run: start everybody, measure operation by operation, then storage, look-ups and memory."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Engine, create_engine

from idp.domain.master_key import MasterKeys
from idp.oauth.rfc9068_access_token import AccessTokens
from idp.paths import MIGRATIONS
from idp.services import build
from idp.services.codes import Grant
from idp.settings import load as load_settings
from idp.storage.database import engine_options
from idp.storage.stores import build_stores
from tests.postgres import PostgresServer
from tests.redis_server import RedisServer

from . import contenders, crowd, generators, loads, look_up, storage
from .children import BenchFailed, Server, bare_functions, provider
from .crowd import Crowd
from .databases import DURABLE, migrate, opened
from .report import Report
from .requests import Chains
from .rounds import Rounds
from .seed import API, APP, SCOPE_OF_PEOPLE, Scene, seed
from .targets import (
    BARE,
    CREDENTIALS,
    DISCOVERY,
    DJANGO,
    EXCHANGE,
    IDP,
    INTROSPECTION,
    JWKS,
    LARGE,
    LEAN_REFRESH,
    LONG_STATIC,
    NODE,
    ONE_GET,
    ONE_SIGNATURE,
    ONE_UPDATE,
    REFRESH,
    STATIC,
    USERINFO,
    at_most,
)

SESSIONS, LEAN, CODES = 10_000, 4_000, 15_000
REFRESHES = 1000
BUFFERS = "2GB"  # as for a database of a million sessions, which is as large; the small one has the same
_BESIDE = {
    JWKS: STATIC, DISCOVERY: LONG_STATIC, INTROSPECTION: ONE_GET, CREDENTIALS: ONE_SIGNATURE, REFRESH: ONE_UPDATE,
    LEAN_REFRESH: ONE_UPDATE,
}  # fmt: skip
_OPERATIONS = (JWKS, DISCOVERY, INTROSPECTION, USERINFO, CREDENTIALS, REFRESH, LEAN_REFRESH, EXCHANGE)


class Course:
    """One run. Whatever is started is ended with ``stack``."""

    def __init__(
        self, options: argparse.Namespace, folder: Path, report: Report, stack: ExitStack, say: Callable[[str], None]
    ) -> None:  # fmt: skip
        self._options = options
        self._folder = folder
        self._report = report
        self._stack = stack
        self._say = say
        self._rounds = Rounds(folder, options.connections, options.seconds, say)

    def run(self) -> None:
        """Everything, in order. What has been measured is in the report, also when something stops the rest."""
        report, enter = self._report, self._stack.enter_context
        report.rates, report.p99_ms = self._rounds.rates, self._rounds.p99_ms
        postgres = enter(PostgresServer(**DURABLE, shared_buffers=BUFFERS, max_wal_size="4GB"))
        redis, url = enter(RedisServer()), postgres.new_database()
        migrate(url)
        engine = enter(opened(url))
        self._say(f"{SESSIONS} live sessions, {CODES} codes")
        people = Crowd(4, SESSIONS + 3, APP, SCOPE_OF_PEOPLE)
        people.fill(engine)
        self._storage(engine)
        scene = seed(engine, CODES)
        lean = Crowd(SESSIONS + 4, SESSIONS + LEAN + 3, scene.app[0], SCOPE_OF_PEOPLE[-1:])
        lean.fill(engine)
        own = {"IDP_DATABASE_URL": url, "IDP_REDIS_URL": redis.url, "IDP_MASTER_KEY": self._options.master_key}
        server = enter(provider(self._folder, self._options.workers, self._options.threads, **own))
        maker = _Maker(url, server.port, self._options.master_key)
        ours = loads.of_provider(
            server.port,
            scene,
            _shuffled(people.refresh_tokens(maker.keys)),
            _shuffled(lean.refresh_tokens(maker.keys)),
            maker.access(people, range(people.first, people.last + 1)),
        )
        others = {BARE: self._bare(postgres, redis), **self._peers(postgres)}
        for operation in _OPERATIONS:
            self._measure(operation, ours, others)
        self._after(engine, server, scene, people, maker, url, redis)
        if self._options.large:
            self._at_large(engine, scene, ours, others[BARE], maker)

    # ── measure ──────────────────────────────────────────────────────────────────────────────────

    def _measure(self, operation: str, ours: dict[str, loads.Load], others: dict[str, dict[str, loads.Load]]) -> None:
        asked = {IDP: (operation, ours[operation])}
        for name, known in others.items():
            called = _BESIDE.get(operation, "") if name == BARE else operation
            if called in known:
                asked[name] = (called, known[called])
        self._rounds.measure(operation, asked, IDP)
        self._report.problems[:] = self._rounds.problems

    def _bare(self, postgres: PostgresServer, redis: RedisServer) -> dict[str, loads.Load]:
        database = postgres.new_database().rpartition("/")[2]
        postgres.execute("CREATE TABLE bare (id int PRIMARY KEY, counter int) WITH (fillfactor = 80)", database)
        postgres.execute("INSERT INTO bare SELECT i, 0 FROM generate_series(0, 9999) i", database)
        redis.cli("SET", "bare", '{"active":true}')
        settings = {
            "BARE_REDIS": redis.url, "BARE_POSTGRES": f"postgresql://idp@127.0.0.1:{postgres.port}/{database}",
        }  # fmt: skip
        server = self._stack.enter_context(
            bare_functions(self._folder, self._options.workers, self._options.threads, **settings)
        )
        return loads.of_bare(server.port)

    def _peers(self, postgres: PostgresServer) -> dict[str, dict[str, loads.Load]]:
        """Those that can be had."""
        if self._options.no_peers:
            self._report.missing.append("the peers, as told")
            return {}
        workers, threads = self._options.workers, self._options.threads
        found: dict[str, dict[str, loads.Load]] = {}
        for name, start, asked in (
            (NODE, lambda: contenders.node_peer(self._folder, workers), loads.of_node),
            (DJANGO, lambda: contenders.django_peer(self._folder, postgres, workers, threads), loads.of_django),
        ):
            self._say(f"starting {name}")
            try:
                found[name] = asked(self._stack.enter_context(start()))
            except contenders.FAILURES as error:
                self._report.missing.append(f"{name}: {str(error)[:300]}")
        return found

    # ── what is no rate ──────────────────────────────────────────────────────────────────────────

    def _storage(self, engine: Engine) -> None:
        with engine.connect() as connection:
            each = crowd.bytes_each(connection, SESSIONS)
        self._report.bytes_each = each
        held = sum(each[table][1] for table in ("client_sessions", "refresh_families"))
        whole = sum(total for _row, total in each.values())
        report = self._report.verdicts
        report.append(
            at_most("PostgreSQL, what one app holds of a sign-in (client session, family)", 700, "bytes", held)
        )
        report.append(at_most("PostgreSQL, a sign-in itself (session)", 700, "bytes", each["sessions"][1]))
        report.append(at_most("PostgreSQL, all four: device, session, client session, family", 700, "bytes", whole))

    def _after(
        self, engine: Engine, server: Server, scene: Scene, people: Crowd, maker: _Maker, url: str, redis: RedisServer
    ) -> None:  # fmt: skip
        verdicts = self._report.verdicts
        with engine.connect() as connection:
            share = crowd.hot_share(connection) * 100
        verdicts.append(at_most("refresh updates that are not HOT", 5, "%", 100 - share))
        verdicts.append(at_most("memory of the workers and their parent, PSS", 180, "MB", server.pss_mb()))
        sids = [crowd.named("c", number) for number in range(people.first, people.first + 2000)]
        for name, where in (("", None), (", Redis before it", redis.url)):
            found = look_up.p99_ms(url, where, maker.keys, sids)
            verdicts.append(at_most(f"session look-up, p99{name}", 2, "ms", found))
        lease = look_up.bytes_a_lease(redis, url, maker.keys, sids)
        verdicts.append(at_most("Redis, a live lease", 250, "bytes", lease))
        self._say(f"{REFRESHES} refreshes of one session")
        self._report.growth = self._refresh_often(engine, server.port, scene, people, maker)

    def _refresh_often(
        self, engine: Engine, port: int, scene: Scene, people: Crowd, maker: _Maker
    ) -> tuple[storage.Storage, storage.Storage]:  # fmt: skip
        """Storage before and after. The chain has been used once before, as every chain soon has."""
        alone = Crowd(people.last + LEAN + 1, people.last + LEAN + 4, scene.app[0], SCOPE_OF_PEOPLE)
        alone.fill(engine)
        chain = Chains([next(iter(alone.refresh_tokens(maker.keys)))], scene.app, port)
        sid = crowd.named("c", alone.first)
        self._refused(generators.by_sockets(chain, port, 1, 60, 1))
        before = storage.measure(engine, sid)
        self._refused(generators.by_sockets(chain, port, 1, 120, REFRESHES))
        return before, storage.measure(engine, sid)

    def _refused(self, found: Any) -> None:
        if found.failures or not found.requests:
            raise BenchFailed(f"refresh: {found.failures} of {found.requests} answers not 2xx: {found.sample}")

    def _at_large(
        self, engine: Engine, scene: Scene, ours: dict[str, loads.Load], bare: dict[str, loads.Load], maker: _Maker
    ) -> None:  # fmt: skip
        """A million more, of which a few thousand, spread over all of them, are asked for."""
        first = 100_000
        last = first + self._options.large - 1
        self._say(f"{self._options.large} sessions more")
        many = Crowd(first, last, scene.app[0], SCOPE_OF_PEOPLE)
        many.fill(engine)
        step = max(1, self._options.large // SESSIONS)
        spread = range(first, last + 1, step)
        asked = {
            INTROSPECTION: ours[INTROSPECTION].of(maker.access(many, spread)),
            REFRESH: ours[REFRESH].of(_shuffled(many.refresh_tokens(maker.keys, step))),
        }
        for operation, load in asked.items():
            beside = _BESIDE[operation]
            both = {IDP: (operation + LARGE, load), BARE: (beside + LARGE, bare[beside])}
            self._rounds.measure(operation + LARGE, both, IDP)
        self._report.problems[:] = self._rounds.problems


def _shuffled(tokens: Iterable[str]) -> list[str]:
    """In no order, the same in every run: neighbours in a table are no neighbours in time."""
    found = list(tokens)
    Random(1).shuffle(found)
    return found


class _Maker:
    """Makes access tokens as the provider would, with its keys."""

    def __init__(self, url: str, port: int, master_key: str) -> None:
        issuer = f"http://127.0.0.1:{port}"
        settings = load_settings(issuer=issuer, database_url=url, master_key=master_key)
        self.keys: MasterKeys = settings.master_keys()
        engine = create_engine(url, **engine_options(url))
        self._stores = build_stores(engine, self.keys, MIGRATIONS)
        self._tokens = AccessTokens(
            issuer, 3600, build(self._stores, settings, self.keys).keys, self._stores.randomness, self._stores.clock
        )
        self._issuer = issuer

    def access(self, people: Crowd, numbers: Iterable[int]) -> list[str]:
        """One for each of these sessions, for userinfo and the API."""
        now = self._stores.clock.now()
        return [self._tokens.make(self._grant(people, number, now), now) for number in numbers]

    def _grant(self, people: Crowd, number: int, now: datetime) -> Grant:
        user_id = crowd.named("u", number - number % 4)
        return Grant(
            client_id=people.app, scope=people.scope, resources=(), audience=(self._issuer, API), user_id=user_id,
            subject=str(user_id), sid=crowd.named("c", number), auth_time=now, acr="aal1", amr=("pwd",),
        )  # fmt: skip
