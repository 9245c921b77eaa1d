"""What a run found out: for people as tables, for README as Markdown, for programs as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from .results import aligned
from .storage import Storage, growth
from .targets import Verdict, markdown, verdicts


@dataclass
class Report:
    """Filled while the run goes on."""

    setting: Mapping[str, object]
    rates: Mapping[tuple[str, str], float] = field(default_factory=dict)
    p99_ms: Mapping[tuple[str, str], float] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)
    bytes_each: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _growth: tuple[Storage, Storage] | None = None

    @property
    def growth(self) -> tuple[Storage, Storage] | None:
        """Storage before and after a thousand refreshes."""
        return self._growth

    @growth.setter
    def growth(self, pair: tuple[Storage, Storage]) -> None:
        self._growth = pair
        self.problems += growth(*pair)

    def all_verdicts(self) -> list[Verdict]:
        """Targets of rate, then the others."""
        return [*verdicts(self.rates), *self.verdicts]

    def json(self) -> str:
        """Everything."""
        rates = [
            {"who": who, "operation": operation, "rps": round(rate, 1),
             "p99_ms": round(self.p99_ms.get((who, operation), 0), 2)}
            for (who, operation), rate in self.rates.items()
        ]  # fmt: skip
        found = [
            {"name": v.name, "target": v.target, "measured": v.measured, "met": v.met} for v in self.all_verdicts()
        ]
        stored = [seen.plain() for seen in self._growth] if self._growth else []
        return json.dumps({
            "setting": dict(self.setting), "rates": rates, "targets": found, "bytes_each": dict(self.bytes_each),
            "storage": stored, "missing": self.missing, "problems": self.problems,
        }, indent=2)  # fmt: skip

    def markdown(self) -> str:
        """The table of targets."""
        return markdown(self.all_verdicts())

    def text(self) -> str:
        """The tables."""
        setting = "   ".join(f"{name} {value}" for name, value in self.setting.items())
        rates = [["who", "operation", "req/s", "p99 ms"]]
        rates += [
            [who, operation, f"{rate:.0f}", f"{self.p99_ms.get((who, operation), 0):.1f}"]
            for (who, operation), rate in self.rates.items()
        ]
        found = [["operation", "target", "measured", "verdict"]]
        found += [[v.name, v.target, v.measured, v.word] for v in self.all_verdicts()]
        sizes = [["table", "bytes a row", "with indexes"]]
        sizes += [[name, f"{row:.0f}", f"{whole:.0f}"] for name, (row, whole) in self.bytes_each.items()]
        missing = [f"not measured: {what}" for what in self.missing]
        problems = [f"PROBLEM: {what}" for what in self.problems]
        return "\n\n".join([setting, aligned(rates), aligned(found), aligned(sizes), *missing, *problems])
