"""What ``idp doctor`` looks at: files, then the database and what is in it."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from .. import mail_server
from ..domain.key import KeyState, SigningKey
from ..domain.outbox import Backlog
from ..errors import ConfigurationError, IdpError, Unavailable
from ..settings import Settings
from ..storage.redis_health import findings
from ..storage.redis_url import servers
from ..storage.system import SystemClock
from . import database
from .findings import FAIL, GOOD, WARN, Check
from .runtime import Runtime, application
from .server_checks import server_checks

if TYPE_CHECKING:
    from ..domain.ports import Vault

CLOCK_TOLERANCE = timedelta(seconds=1)
OVERDUE = timedelta(minutes=10)


# ── files ─────────────────────────────────────────────────────────────────────────────────────────


def file_checks(settings: Settings) -> Iterator[Check]:
    """The master key, the data directory, an embedded database's files."""
    yield _master_key(settings)
    yield _data_dir(settings)
    if database.embedded(settings) and not database.absent(settings):
        yield _database_files(settings)


def mail_check(settings: Settings) -> Check:
    """Is there a mail server, and would it take a mail of ours?"""
    if settings.smtp_url is None:
        return Check("mail", WARN, "no mail server is configured: people are not told of new devices",
                     "set IDP_SMTP_URL and IDP_MAIL_FROM")  # fmt: skip
    server = mail_server.parse(settings.smtp_url.get_secret_value())
    try:
        server.check()
    except mail_server.MailFailed as failure:
        return Check("mail", FAIL, f"{server.host}: {failure}", "start it, or correct IDP_SMTP_URL")
    return Check("mail", GOOD, f"{server.host} takes mails")


def _master_key(settings: Settings) -> Check:
    name = f"key {settings.master_keys().current.key_id.hex()}"
    if settings.master_key is not None:
        return Check("master key", GOOD, f"{name} from IDP_MASTER_KEY")
    path = settings.master_key_file or settings.data_dir / "master.key"
    if _open_to_others(path):
        return Check("master key", WARN, f"{path} can be read by other users", f"chmod 600 {path}")
    return Check("master key", GOOD, f"{name} from {path}")


def _open_to_others(path: Path) -> bool:
    """Container secrets are mounted readable for all, inside a container that has no others."""
    return not path.is_relative_to("/run/secrets") and bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def _data_dir(settings: Settings) -> Check:
    path = settings.data_dir.absolute()
    if not database.embedded(settings):
        return Check("data dir", GOOD, "not needed with this database")
    if not path.is_dir():
        return Check("data dir", WARN, f"{path} does not exist yet", "nothing: `idp serve` makes it")
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return Check("data dir", WARN, f"{path} is open to other users", f"chmod 700 {path}")
    return Check("data dir", GOOD, str(path))


def _database_files(settings: Settings) -> Check:
    """The files themselves: the directory may be one that others may enter."""
    main = database.file(settings)
    files = [path for path in (main, Path(f"{main}-wal"), Path(f"{main}-shm")) if path.exists()]
    if found := [str(path) for path in files if _open_to_others(path)]:
        return Check("db files", WARN, f"{', '.join(found)}: open to other users", f"chmod 600 {' '.join(found)}")
    return Check("db files", GOOD, f"{main}, for nobody else")


# ── redis ─────────────────────────────────────────────────────────────────────────────────────────


def redis_checks(settings: Settings) -> Iterator[Check]:
    """Reachability, and what the hot copy assumes of it."""
    if settings.redis_url is None:
        yield Check("redis", GOOD, "none: every look-up reads the database")
        return
    found = servers(settings.redis_url.get_secret_value(), settings.redis_replicas, lambda _opened: None)
    for finding in findings(found, lambda: SystemClock().now().timestamp()):
        level = FAIL if finding.fatal else WARN if finding.todo else GOOD
        yield Check("redis", level, f"{finding.server}: {finding.text}", finding.todo)


# ── the database and what is in it ────────────────────────────────────────────────────────────────


def database_checks(settings: Settings) -> Iterator[Check]:
    """Reachability, migrations, clock, keys; what a failure makes impossible is left out."""
    try:
        if database.absent(settings):
            yield Check("database", WARN, "there is none yet", "nothing: `idp serve` makes it")
            return
        pending = database.pending(settings)
    except Unavailable as error:
        yield Check("database", FAIL, str(error), "start it, or correct IDP_DATABASE_URL")
        return
    yield Check("database", GOOD, f"{database.kind(settings)} answers")
    yield _clock(settings)
    yield from server_checks(settings)
    yield _migrations(settings, pending)
    if not pending:
        yield from _content_checks(settings)


def _content_checks(settings: Settings) -> Iterator[Check]:
    try:
        with application(settings) as extension:
            yield _outbox(extension.deliveries.backlog(), extension.stores.clock.now())
    except IdpError as error:
        yield Check("outbox", FAIL, str(error), "see the log")
    yield from _key_checks(settings)


def _outbox(backlog: Sequence[Backlog], now: datetime) -> Check:
    """A retry moves when a message is due: one that is long overdue is one that nobody takes up."""
    waiting = sum(item.waiting for item in backlog)
    late = [item for item in backlog if now - item.oldest_due > OVERDUE]
    if late:
        kinds = ", ".join(item.kind for item in late)
        return Check(
            "outbox", WARN, f"{waiting} waiting; overdue: {kinds}", "set IDP_HOUSEKEEPING=true, or run `idp worker`"
        )
    return Check("outbox", GOOD, f"{waiting} waiting")


def _migrations(settings: Settings, pending: list[str]) -> Check:
    if not pending:
        return Check("migrations", GOOD, "all applied")
    level = WARN if database.embedded(settings) else FAIL
    return Check("migrations", level, f"pending: {', '.join(pending)}", "idp db upgrade")


def _clock(settings: Settings) -> Check:
    apart = database.clock_difference(settings)
    if abs(apart) > CLOCK_TOLERANCE:
        seconds = f"{apart.total_seconds():+.1f} s"
        return Check("clock", FAIL, f"the database's clock is {seconds} from ours", "run NTP on both machines")
    return Check("clock", GOOD, "within one second of the database's")


def _key_checks(settings: Settings) -> Iterator[Check]:
    try:
        with application(settings) as extension:
            runtime = Runtime(settings, extension.services, extension.stores)
            keys = runtime.services.keys.list()
            yield _states(keys, settings.signing_algs)
            yield _readable(keys, runtime.stores.vault)
            yield _age(runtime, keys)
    except ConfigurationError as error:
        yield Check("keys", FAIL, str(error), "configure the master key that sealed them, after the new one")
    except IdpError as error:
        yield Check("keys", FAIL, str(error), "see the log")


def _states(keys: Sequence[SigningKey], algs: Sequence[str]) -> Check:
    there = {(key.alg, key.state) for key in keys}
    wanted = [(alg, state) for alg in algs for state in (KeyState.ACTIVE, KeyState.ANNOUNCED)]
    if missing := [f"no {state} {alg} key" for alg, state in wanted if (alg, state) not in there]:
        return Check("keys", FAIL, ", ".join(missing), "start `idp serve` once")
    return Check("keys", GOOD, f"{len(keys)}, of each algorithm one signs and one is announced")


def _readable(keys: Sequence[SigningKey], vault: Vault) -> Check:
    """Every key that may still sign must open under a configured master key."""
    for key in keys:
        if key.state is not KeyState.RETIRED:
            vault.open(key.private_sealed, f"signing key {key.kid}")
    return Check("key seals", GOOD, "the master key opens them")


def _age(runtime: Runtime, keys: Sequence[SigningKey]) -> Check:
    now, limit = runtime.stores.clock.now(), timedelta(seconds=runtime.settings.key_rotation)
    active = [key.activated_at or key.created_at for key in keys if key.state is KeyState.ACTIVE]
    if active and now - min(active) > limit + timedelta(days=1):
        return Check("key age", WARN, "rotation is late", "set IDP_HOUSEKEEPING=true, or run `idp key rotate`")
    return Check("key age", GOOD, f"rotated every {limit.days} days")
