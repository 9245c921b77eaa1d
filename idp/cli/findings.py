"""What a check of ``idp doctor`` finds."""

from __future__ import annotations

from dataclasses import asdict, dataclass

GOOD, WARN, FAIL = "ok", "warn", "fail"


@dataclass(frozen=True)
class Check:
    """One finding: ok, warn or fail, with what to do about it."""

    name: str
    level: str
    text: str
    todo: str = ""

    def row(self) -> dict[str, str]:
        """For JSON."""
        return asdict(self)

    def line(self) -> str:
        """For people."""
        advice = f"\n      {'':12}-> {self.todo}" if self.todo else ""
        return f"{self.level:4}  {self.name:12}{self.text}{advice}"
