"""Load on a stage, injections one after the other, and the verdict over what everybody saw."""

from __future__ import annotations

import random
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from . import checker, history
from .history import Operation, Outcome, Recorder
from .injections import Injection, fitting
from .load import Spec
from .stage import GRACE_SECONDS, PASSWORD, Stage

PROCESSES = 2
PEOPLE = 12
RECOVERY_SECONDS = 60.0


@dataclass
class Verdict:
    """Figures and violations of one run."""

    name: str
    seed: int
    seconds: float
    operations: list[Operation]
    violations: list[checker.Violation]
    injections: Counter[str]
    slowest_recovery: float
    troubles: list[str]

    @property
    def clean(self) -> bool:
        return not self.violations and not self.troubles

    def __str__(self) -> str:
        found = checker.figures(self.operations)
        endings = sum(found["endings"].values())
        summary = (
            f"{self.name}: {len(self.operations)} operations, {endings} endings acknowledged, "
            f"{sum(self.injections.values())} injections in {self.seconds:.0f} s (seed {self.seed}); "
            f"slowest recovery {self.slowest_recovery:.1f} s; violations: {len(self.violations)}"
        )
        lines = [
            summary,
            *(f"    {name:12} " + ", ".join(f"{k}: {v}" for k, v in sorted(c.items())) for name, c in found.items()),
            "    injections   " + ", ".join(f"{name}: {count}" for name, count in sorted(self.injections.items())),
            *self.troubles,
            *(str(violation) for violation in self.violations[:20]),
        ]
        return "\n".join(lines)


@dataclass
class Director:
    """One run over one stage."""

    stage: Stage
    seed: int
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    injected: Counter[str] = field(default_factory=Counter)
    slowest_recovery: float = 0.0
    troubles: list[str] = field(default_factory=list)

    @property
    def files(self) -> list[Path]:
        return sorted(self.stage.folder.glob("history-*.jsonl"))

    @contextmanager
    def load(self, processes: int = PROCESSES) -> Iterator[None]:
        """Clients act meanwhile; afterwards what storage says of their refresh families is added."""
        apps = self.stage.apps()
        for number in range(processes):
            self._start(number, apps)
        try:
            self._await_clients()
            yield
        finally:
            self._stop()
            self._audit()

    def inject(self, injection: Injection, chance: random.Random) -> None:
        """One injection, told; and how long until every worker answers again."""
        began = time.monotonic()
        print(f"{began:12.1f}  {injection.name}", flush=True)
        injection.act(self.stage, chance)
        self.injected[injection.name] += 1
        healed = time.monotonic()
        self._recovered()
        self.slowest_recovery = max(self.slowest_recovery, time.monotonic() - healed)

    def at_random(self, seconds: float) -> None:
        """Injections until the time is up; the last is mended first."""
        chance, until = random.Random(self.seed), time.monotonic() + seconds
        injections = fitting(self.stage)
        weights = [injection.weight for injection in injections]
        time.sleep(min(5.0, seconds / 4))
        while time.monotonic() < until:
            self.inject(chance.choices(injections, weights)[0], chance)
            time.sleep(chance.uniform(0.5, 3))

    def verdict(self, name: str, seconds: float, bounds: checker.Bounds | None = None) -> Verdict:
        """Read everything and judge."""
        operations = list(history.load(self.files))
        settle = self.stage.operator.stores.tombstones.settle_seconds
        limits = bounds or checker.Bounds(grace=GRACE_SECONDS, settle=settle)
        violations = checker.check(operations, limits)
        if "Traceback" in (log := self.stage.logs()):
            self.troubles.append("a worker logged a traceback:\n" + log[log.index("Traceback") - 500 :][:3000])
        return Verdict(
            name, self.seed, seconds, operations, violations, self.injected, self.slowest_recovery, self.troubles
        )  # fmt: skip

    # ── inside ───────────────────────────────────────────────────────────────────────────────────

    def _start(self, number: int, apps: Sequence[dict[str, object]]) -> None:
        emails = self.stage.people(PEOPLE, f"person{number}-")
        out = self.stage.folder / f"history-{number}.jsonl"
        spec = Spec(
            self.stage.issuer, self.stage.addresses, self.stage.settings, list(apps), emails, PASSWORD, self.seed,
            str(out), number,
        )  # fmt: skip
        path = spec.save(self.stage.folder / f"load-{number}.json")
        with (self.stage.folder / f"load-{number}.log").open("ab") as log:
            self.processes.append(
                subprocess.Popen([sys.executable, "-m", "tests.faults.load", str(path)], stdout=log, stderr=log)
            )

    def _await_clients(self) -> None:
        """Until each process has seen something."""
        until = time.monotonic() + 600
        while len(self.files) < len(self.processes) or not all(path.stat().st_size for path in self.files):
            if time.monotonic() > until or any(process.poll() is not None for process in self.processes):
                raise RuntimeError(f"the load does not start: see the logs in {self.stage.folder}")
            time.sleep(0.1)

    def _stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for number, process in enumerate(self.processes):
            try:
                process.wait(120)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.returncode:
                log = (self.stage.folder / f"load-{number}.log").read_text()[-3000:]
                self.troubles.append(f"load process {number} ended with {process.returncode}:\n{log}")

    def _audit(self) -> None:
        """What storage says of each refresh family that a client knows."""
        families = {operation.family for operation in history.load(self.files) if operation.family}
        recorder = Recorder(self.stage.folder / "history-audit.jsonl")
        for family, counter in self.stage.counters(families).items():
            moment = history.now()
            recorder.add(Operation(
                what="audit", invoke=moment, complete=moment, outcome=Outcome.OK, family=family, counter=counter,
                at="storage",
            ))  # fmt: skip
        recorder.close()

    def _recovered(self) -> None:
        until = time.monotonic() + RECOVERY_SECONDS
        for worker in self.stage.workers:
            while not _ready(worker.port):
                if time.monotonic() > until:
                    self.troubles.append(f"{worker.name} does not recover within {RECOVERY_SECONDS:.0f} s")
                    worker.provider.crash()
                    worker.provider.start()
                    return
                time.sleep(0.05)


def _ready(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
        return bool(answer.status == 200)
    return False
