"""What a guard is, written down: where it stands, what stands there without it, and who notices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class Unfit(Exception):
    """A fragment does not stand in its file, or stands there more than once."""


@dataclass(frozen=True, slots=True)
class Removal:
    """``fragment`` stands exactly once in ``file``; ``without`` stands there when the guard is gone."""

    file: str
    fragment: str
    without: str

    def applied(self, source: str) -> str:
        """The file's text without the guard. Raises Unfit."""
        if (found := source.count(self.fragment)) != 1:
            raise Unfit(f"{self.file}: found {found} times: {self.fragment!r}")
        return source.replace(self.fragment, self.without)


@dataclass(frozen=True, slots=True)
class Guard:
    """``rows`` name rows of security.md by area and number ("A1"). Each of ``tests`` must fail without the guard.

    ``layers`` are further places that hold the same attack off, removed together with the first: each alone would
    go unnoticed, because the other still stands. ``anew``: what changes runs while the program is being made, so that
    exchanging it in one that runs would change nothing.
    """

    rows: tuple[str, ...]
    name: str
    removal: Removal
    tests: tuple[str, ...]
    layers: tuple[Removal, ...] = ()
    anew: bool = False

    @property
    def removals(self) -> tuple[Removal, ...]:
        """Everything that goes."""
        return (self.removal, *self.layers)


def removal(file: str, fragment: str, without: str) -> Removal:
    """In a file of ``idp``, or in one of ``templates/``."""
    return Removal(file if file.startswith("templates/") else f"idp/{file}", fragment, without)


def guard(
    rows: str, name: str, file: str, fragment: str, without: str, *tests: str, layers: tuple[Removal, ...] = (),
    anew: bool = False,
) -> Guard:  # fmt: skip
    """``rows`` are parted by spaces; ``tests`` are paths below ``tests/``."""
    paths = tuple(f"tests/{test}" for test in tests)
    return Guard(tuple(rows.split()), name, removal(file, fragment, without), paths, layers, anew)


def without(guard: Guard, root: Path) -> dict[str, str]:
    """The files that change below ``root``, and their text without the guard.

    Raises Unfit, SyntaxError for a text that cannot be compiled.
    """
    texts: dict[str, str] = {}
    for each in guard.removals:
        source = texts[each.file] if each.file in texts else (root / each.file).read_text()
        texts[each.file] = each.applied(source)
    for name, text in texts.items():
        if name.endswith(".py"):
            compile(text, name, "exec")
    return texts
