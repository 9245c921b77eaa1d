"""Reads a history and says what in it must never happen (reliability.md sections 2 and 6).

An end is a register that is written once, so a linear pass decides: a reading begun after the earliest
acknowledgement must say dead (I1); once dead, always dead (I2); dead only if somebody asked for it before
the reading was answered (I3, and I7 for whatever else was acknowledged: an account, a registration, a
consent). Refresh tokens and codes are counted (I4, I6). What the clients know of a family is compared with
what storage says at the end.

Only an acknowledgement that was seen counts as one; an operation whose answer was lost may have happened at
any time from its start on, or never.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from .history import Operation, Outcome


class Rule(StrEnum):
    """What was broken."""

    ACCEPTED = "I1: alive after its end had been acknowledged"
    RESURRECTED = "I2: alive after it had been seen dead"
    DENIED = "I3, I7: dead or gone, and nobody had asked for it"
    FORKED = "I4: two successors of one refresh token"
    ANCESTOR = "I4: an ancestor beyond the parent was accepted"
    DISAGREES = "I4: storage and client disagree on a refresh family"
    TWICE = "I6: a code was redeemed twice"
    BROKEN = "P5: a 5xx that is not 503 with Retry-After"
    LATE = "an answer later than allowed"


@dataclass(frozen=True, slots=True)
class Violation:
    """The rule, the operation that broke it, and the other end of the contradiction, if there is one."""

    rule: Rule
    operation: Operation
    against: Operation | None = None

    def __str__(self) -> str:
        lines = [self.rule.value, f"    {_told(self.operation)}"]
        return "\n".join(lines + ([f"    {_told(self.against)}"] if self.against else []))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Seconds. ``settle``: while an ending is not acknowledged, for how long a hot copy that refuses writes may
    still show as live what was seen dead (reliability.md I2); 0 where there is no hot copy."""

    answer: float = 5.0
    grace: float = 30.0
    settle: float = 0.0


def check(history: Iterable[Operation], bounds: Bounds | None = None) -> list[Violation]:
    """Every violation, in the order of the rules."""
    operations, limits = sorted(history, key=lambda operation: operation.invoke), bounds or Bounds()
    rules: tuple[Callable[[Sequence[Operation], Bounds], Iterator[Violation]], ...] = (
        _lives, _successors, _ancestors, _families, _codes, _answers,
    )  # fmt: skip
    return [violation for rule in rules for violation in rule(operations, limits)]


# ── I1, I2, I3 ────────────────────────────────────────────────────────────────────────────────────


class _Earliest:
    """By subject, the operation with the smallest time."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[float, Operation]] = {}

    def put(self, subject: str, time: float, operation: Operation) -> None:
        known = self._first.get(subject)
        if known is None or time < known[0]:
            self._first[subject] = (time, operation)

    def of(self, subjects: Iterable[str]) -> tuple[float, Operation] | None:
        found = [self._first[subject] for subject in subjects if subject in self._first]
        return min(found, key=lambda pair: pair[0], default=None)


def _lives(history: Sequence[Operation], bounds: Bounds) -> Iterator[Violation]:
    asked, acknowledged, seen_dead = _Earliest(), _Earliest(), _Earliest()
    late = _late_retries(history, bounds.grace)
    for operation in history:
        if (operation.asks_end and operation.outcome is not Outcome.FAIL) or id(operation) in late:
            _each(asked, operation.subjects, operation.invoke, operation)
        if operation.asks_end and operation.outcome is Outcome.OK:
            _each(acknowledged, operation.subjects, operation.complete + operation.bound, operation)
        if operation.alive is False:
            seen_dead.put(operation.subjects[0], operation.complete, operation)
    for operation in history:
        if operation.alive is True:
            yield from _accepted(operation, acknowledged, seen_dead, bounds)
        elif operation.alive is False:
            yield from _denied(operation, asked)


def _each(earliest: _Earliest, subjects: Iterable[str], time: float, operation: Operation) -> None:
    for subject in subjects:
        earliest.put(subject, time, operation)


def _accepted(
    read: Operation, acknowledged: _Earliest, seen_dead: _Earliest, bounds: Bounds
) -> Iterator[Violation]:  # fmt: skip
    end = acknowledged.of(read.subjects)
    if end is not None and read.invoke > end[0] + read.bound:
        yield Violation(Rule.ACCEPTED, read, end[1])
        return
    dead = seen_dead.of(read.subjects[:1])
    if dead is not None and read.invoke > dead[0] + read.bound + bounds.settle:
        yield Violation(Rule.RESURRECTED, read, dead[1])


def _denied(read: Operation, asked: _Earliest) -> Iterator[Violation]:
    attempt = asked.of(read.subjects)
    if attempt is None or attempt[0] > read.complete:
        yield Violation(Rule.DENIED, read, attempt[1] if attempt else None)


def _late_retries(history: Sequence[Operation], grace: float) -> set[int]:
    """Uses of a refresh token answered so long after its first use that they are a reuse, which ends the session."""
    first: dict[tuple[str, int], float] = {}
    late = set()
    for operation in history:
        if operation.family and operation.counter >= 0 and not _audit(operation):
            began = first.setdefault((operation.family, operation.counter), operation.invoke)
            if operation.complete - began >= grace:
                late.add(id(operation))
    return late


# ── I4, I6 ────────────────────────────────────────────────────────────────────────────────────────


def _successors(history: Sequence[Operation], _bounds: Bounds) -> Iterator[Violation]:
    given: dict[tuple[str, int], Operation] = {}
    for operation in history:
        if operation.family and operation.given:
            known = given.setdefault((operation.family, operation.counter), operation)
            if known.given != operation.given:
                yield Violation(Rule.FORKED, operation, known)


def _ancestors(history: Sequence[Operation], _bounds: Bounds) -> Iterator[Violation]:
    """A token is an ancestor beyond the parent once a use of its successor has succeeded."""
    rotated = _Earliest()
    for operation in history:
        if operation.given:
            rotated.put(f"{operation.family}#{operation.counter}", operation.complete, operation)
    for operation in history:
        if operation.given:
            later = rotated.of([f"{operation.family}#{operation.counter + 1}"])
            if later is not None and operation.invoke > later[0]:
                yield Violation(Rule.ANCESTOR, operation, later[1])


def _audit(operation: Operation) -> bool:
    return operation.what == "audit"


def _families(history: Sequence[Operation], _bounds: Bounds) -> Iterator[Violation]:
    """Storage's counter is the newest that a client was given, or one more if an answer was lost on the way."""
    known: dict[str, int] = defaultdict(int)
    possible: dict[str, int] = defaultdict(int)
    for operation in history:
        if operation.family and not _audit(operation):
            if operation.given:
                known[operation.family] = max(known[operation.family], operation.counter + 1)
            if operation.outcome is not Outcome.FAIL:
                possible[operation.family] = max(possible[operation.family], operation.counter + 1)
    for operation in history:
        if _audit(operation):
            low = known[operation.family]
            if not low <= operation.counter <= max(low, possible[operation.family]):
                yield Violation(Rule.DISAGREES, operation)


def _codes(history: Sequence[Operation], _bounds: Bounds) -> Iterator[Violation]:
    redeemed: dict[str, Operation] = {}
    for operation in history:
        if operation.code and operation.outcome is Outcome.OK:
            if operation.code in redeemed:
                yield Violation(Rule.TWICE, operation, redeemed[operation.code])
            redeemed.setdefault(operation.code, operation)


# ── answers ───────────────────────────────────────────────────────────────────────────────────────


def _answers(history: Sequence[Operation], bounds: Bounds) -> Iterator[Violation]:
    for operation in history:
        if operation.status >= 500 and not (operation.status == 503 and operation.retry_after):
            yield Violation(Rule.BROKEN, operation)
        if operation.complete - operation.invoke > bounds.answer:
            yield Violation(Rule.LATE, operation)


# ── telling ───────────────────────────────────────────────────────────────────────────────────────


def figures(history: Sequence[Operation]) -> dict[str, Counter[str]]:
    """What a report prints: operations, endings and readings by kind and outcome."""
    return {
        "operations": Counter(f"{operation.what} {operation.outcome}" for operation in history),
        "endings": Counter(operation.what for operation in history if operation.asks_end and operation.outcome == "ok"),
        "readings": Counter({True: "alive", False: "dead"}[o.alive] for o in history if o.alive is not None),
        "statuses": Counter(str(operation.status or "no answer") for operation in history),
    }


def _told(operation: Operation) -> str:
    """One line for a person."""
    said = {True: " alive", False: " dead", None: ""}[operation.alive]
    more = " ".join(filter(None, [operation.family and f"{operation.family}#{operation.counter}", operation.note]))
    return (
        f"{operation.invoke:.3f}–{operation.complete:.3f} {operation.what} at {operation.at or '?'}: "
        f"{operation.outcome}{said} {operation.status or ''} {' '.join(operation.subjects)} {more}"
    )
