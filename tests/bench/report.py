"""What a run found out: for people as tables, for programs as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from .results import Row, aligned, table
from .scenario import REFRESHES
from .storage import Storage, growth


@dataclass
class Report:
    """Filled while the run goes on."""

    setting: Mapping[str, object]
    rows: list[Row] = field(default_factory=list)
    storage: dict[str, tuple[Storage, Storage]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def problems(self) -> list[str]:
        """Storage that refreshing left behind."""
        return [f"{name}: {line}" for name, (before, after) in self.storage.items() for line in growth(before, after)]

    def json(self) -> str:
        """Everything."""
        stored = {
            name: {"refreshes": REFRESHES, "before": before.plain(), "after": after.plain()}
            for name, (before, after) in self.storage.items()
        }
        rows = [row.plain() for row in self.rows]
        return json.dumps({"setting": dict(self.setting), "rows": rows, "storage": stored, "missing": self.missing,
                           "problems": self.problems()}, indent=2)  # fmt: skip

    def text(self) -> str:
        """The tables."""
        setting = "   ".join(f"{name} {value}" for name, value in self.setting.items())
        missing = [f"not measured: {what}" for what in self.missing]
        return "\n\n".join([setting, table(self.rows), self._storage_table(), *missing, *self.problems()])

    def _storage_table(self) -> str:
        lines = [["database", "", "rows of the session", "bytes of the session", "bytes of all rows", "bytes on disk"]]
        for name, pair in self.storage.items():
            for moment, seen in zip(("before", f"after {REFRESHES} refreshes"), pair, strict=True):
                lines.append([
                    name, moment, str(sum(use.rows for use in seen.session.values())), str(seen.session_bytes),
                    str(sum(use.bytes for use in seen.tables.values())), str(seen.disk),
                ])  # fmt: skip
        return aligned(lines)
