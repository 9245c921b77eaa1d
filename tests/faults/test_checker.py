"""The checker, checked: each violation by hand, then what hypothesis makes of it.

A checker that has never failed is not believed (reliability.md section 6): every rule has a history that
breaks it and one beside it, as close as can be, that does not. The generated histories are made by letting
each operation take effect at one moment between its start and its end, so they are linearizable by
construction: none may be accused; and whatever is injected into them must be found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .checker import Bounds, Rule, check, figures
from .history import Operation, Outcome

OK, FAIL, INFO = Outcome.OK, Outcome.FAIL, Outcome.INFO
SID = ("sid:1", "session:1", "user:1")


def op(what: str, invoke: float, complete: float, outcome: Outcome = OK, **members: Any) -> Operation:
    return Operation(what=what, invoke=invoke, complete=complete, outcome=outcome, **{"subjects": SID} | members)


def read(invoke: float, complete: float, alive: bool, **members: Any) -> Operation:
    return op("introspect", invoke, complete, alive=alive, **members)


def end(invoke: float, complete: float, outcome: Outcome = OK, **members: Any) -> Operation:
    return op("revoke", invoke, complete, outcome, asks_end=True, **members)


def use(counter: int, invoke: float, complete: float, outcome: Outcome = OK, **members: Any) -> Operation:
    successor = {"given": f"token {counter + 1}"} if outcome is OK else {}
    return op("refresh", invoke, complete, outcome, counter=counter, **{"family": "f"} | successor | members)


def audit(counter: int) -> Operation:
    return op("audit", 90, 91, family="f", counter=counter)


def redeem(code: str, invoke: float, outcome: Outcome = OK) -> Operation:
    return op("redeem", invoke, invoke + 1, outcome, code=code, subjects=())


BROKEN = {
    "alive after the acknowledgement": (Rule.ACCEPTED, [end(1, 2), read(2.1, 3, True)]),
    "alive after the end of what it hangs on": (
        Rule.ACCEPTED, [end(1, 2, subjects=("user:1",)), read(2.1, 3, True)]
    ),
    "alive after a restart between": (
        Rule.ACCEPTED, [end(1, 2), op("worker killed", 3, 4, subjects=()), read(50, 51, True)]
    ),
    "refreshed after the acknowledgement": (Rule.ACCEPTED, [end(1, 2), use(0, 2.1, 3, alive=True)]),
    "later than the bound that was announced": (Rule.ACCEPTED, [end(1, 2, bound=1), read(3.1, 4, True)]),
    "an API in stream mode, later than its own bound": (Rule.ACCEPTED, [end(1, 2), read(2.3, 2.4, True, bound=0.25)]),
    "a second ending later changes nothing": (Rule.ACCEPTED, [end(1, 2), end(8, 9), read(5, 6, True)]),
    "dead, then alive": (Rule.RESURRECTED, [end(1, 2, INFO), read(3, 4, False), read(4.1, 5, True)]),
    "dead, then alive in stream mode for too long": (
        Rule.RESURRECTED, [end(1, 2, INFO), read(3, 4, False), read(4.3, 5, True, bound=0.25)]
    ),
    "dead unasked": (Rule.DENIED, [read(1, 2, False)]),
    "dead before anybody asked": (Rule.DENIED, [read(1, 2, False), end(3, 4)]),
    "dead after a refused ending": (Rule.DENIED, [end(1, 2, FAIL), read(3, 4, False)]),
    "dead after the end of something else": (Rule.DENIED, [end(1, 2, subjects=("sid:2",)), read(3, 4, False)]),
    "an honest client loses its session": (Rule.DENIED, [use(0, 1, 2, INFO), use(0, 3, 4, FAIL, alive=False)]),
    "an acknowledged registration lost": (Rule.DENIED, [read(1, 2, False, subjects=("client:1",))]),
    "two successors": (Rule.FORKED, [use(0, 1, 2), use(0, 3, 4, given="another")]),
    "a grandparent rotates": (Rule.ANCESTOR, [use(0, 1, 2), use(1, 3, 4), use(0, 5, 6)]),
    "a rotation lost": (Rule.DISAGREES, [use(0, 1, 2), use(1, 3, 4), audit(1)]),
    "a rotation that nobody asked for": (Rule.DISAGREES, [use(0, 1, 2), audit(2)]),
    "a code twice": (Rule.TWICE, [redeem("c", 1), redeem("c", 3)]),
    "a 500": (Rule.BROKEN, [op("authorize", 1, 2, INFO, status=500, retry_after=True)]),
    "a 503 without Retry-After": (Rule.BROKEN, [op("authorize", 1, 2, INFO, status=503)]),
    "a 502": (Rule.BROKEN, [op("authorize", 1, 2, INFO, status=502)]),
    "late": (Rule.LATE, [op("authorize", 1, 6.1, status=200)]),
    "no answer at all": (Rule.LATE, [op("authorize", 1, 9, INFO)]),
}  # fmt: skip

SOUND = {
    "alive in a reading that began before the acknowledgement": [end(1, 3), read(2.9, 7, True)],
    "alive after an ending that nobody acknowledged": [end(1, 2, INFO), read(3, 4, True)],
    "alive after a refused ending": [end(1, 2, FAIL), read(3, 4, True)],
    "alive after the end of something else": [end(1, 2, subjects=("sid:2",)), read(3, 4, True)],
    "within the bound that was announced": [end(1, 2, bound=1), read(2.9, 4, True)],
    "an API in stream mode within its own bound": [end(1, 2), read(2.2, 2.3, True, bound=0.25)],
    "dead while the ending runs": [end(1, 5), read(2, 3, False)],
    "dead after an ending that nobody acknowledged": [end(1, 2, INFO), read(30, 31, False)],
    "dead beside alive": [end(1, 6), read(2, 5, False), read(3, 4, True)],
    "a dead session says nothing of another on it": [
        end(1, 2, INFO, subjects=("sid:1",)), read(3, 4, False), read(5, 6, True, subjects=("sid:2", "session:1"))
    ],
    "the same successor again": [use(0, 1, 2), use(0, 3, 4)],
    "a refusal after a lost answer, when grace has passed": [
        use(0, 1, 2, INFO), use(0, 31, 33, FAIL, alive=False), read(40, 41, False)
    ],
    "a parent retried beside its successor's use": [use(0, 1, 4), use(1, 5, 8), use(0, 7, 9)],
    "storage one ahead after a lost answer": [use(0, 1, 2), use(1, 3, 4, INFO), audit(2)],
    "storage as the client after a lost request": [use(0, 1, 2), use(1, 3, 4, INFO), audit(1)],
    "a family never used": [audit(0)],
    "a code once": [redeem("c", 1), redeem("c", 3, FAIL), redeem("d", 4)],
    "a documented 503": [op("authorize", 1, 2, INFO, status=503, retry_after=True)],
    "no answer, soon": [op("authorize", 1, 2, INFO)],
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_each_violation_is_found(name: str) -> None:
    rule, history = BROKEN[name]
    assert [violation.rule for violation in check(history)] == [rule]


@pytest.mark.parametrize("name", SOUND)
def test_what_is_allowed_is_not_accused(name: str) -> None:
    assert check(SOUND[name]) == []


def test_every_rule_has_a_history_that_breaks_it() -> None:
    assert {rule for rule, _history in BROKEN.values()} == set(Rule)


def test_the_order_of_the_files_does_not_matter() -> None:
    for _rule, history in BROKEN.values():
        assert [v.rule for v in check(history[::-1])] == [v.rule for v in check(history)]


def test_a_hot_copy_may_settle_only_what_is_not_acknowledged() -> None:
    """reliability.md I2: the exception is bounded, and there is none once the ending is acknowledged."""
    resurrection = [end(1, 2, INFO), read(3, 4, False), read(6, 6.1, True)]
    assert check(resurrection, Bounds(settle=2.75)) == []
    later = [*resurrection[:2], read(6.8, 7, True)]
    assert [violation.rule for violation in check(later, Bounds(settle=2.75))] == [Rule.RESURRECTED]
    acknowledged = [end(1, 4.5), *resurrection[1:]]
    assert [violation.rule for violation in check(acknowledged, Bounds(settle=2.75))] == [Rule.ACCEPTED]


def test_a_violation_names_both_ends_of_the_contradiction() -> None:
    text = str(check([end(1, 2, at="worker 0"), read(3, 4, True, at="worker 1")])[0])
    assert "worker 0" in text
    assert "worker 1" in text
    assert "sid:1" in text


def test_the_figures_count() -> None:
    found = figures([end(1, 2, status=200), end(3, 4, INFO), read(5, 6, False)])
    assert found["endings"] == {"revoke": 1}
    assert found["readings"] == {"dead": 1}
    assert found["operations"]["revoke info"] == 1


# ── generated histories ───────────────────────────────────────────────────────────────────────────

HORIZON = 100.0
times = st.floats(0, HORIZON, allow_nan=False)
spans = st.floats(0, 4, allow_nan=False)


@dataclass(frozen=True)
class Interval:
    """An operation takes effect once, at ``point``."""

    invoke: float
    complete: float
    point: float


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    start, length, share = draw(times), draw(spans), draw(st.floats(0, 1))
    return Interval(start, start + length, start + length * share)


@st.composite
def lives(draw: st.DrawFn, number: int) -> list[Operation]:
    """One client session on a Session: endings of either, of which some are lost or never happen; and readings."""
    subjects = (f"sid:{number}", f"session:{number // 2}")
    ended, history = float("inf"), []
    for interval in draw(st.lists(intervals(), max_size=3)):
        outcome, happens = draw(st.sampled_from([(OK, True), (INFO, True), (INFO, False), (FAIL, False)]))
        ended = min(ended, interval.point) if happens else ended
        history.append(end(interval.invoke, interval.complete, outcome, subjects=subjects[:1]))
    readings = draw(st.lists(intervals(), max_size=8))
    return history + [read(one.invoke, one.complete, one.point < ended, subjects=subjects) for one in readings]


@st.composite
def chains(draw: st.DrawFn, number: int) -> list[Operation]:
    """One family: an honest client that repeats a use whose answer was lost, and then what storage says."""
    family, history, counter, time = f"family {number}", [], 0, 0.0
    for _ in range(draw(st.integers(0, 6))):
        for lost in [*draw(st.lists(st.just(True), max_size=2)), False]:
            began, time = time, time + draw(st.floats(0.01, 2))
            outcome = INFO if lost else OK
            history.append(use(counter, began, time, outcome, family=family, subjects=(family,)))
        history[-1] = replace(history[-1], given=f"{family} {counter + 1}")
        counter += 1
    if draw(st.booleans()):
        history.append(use(counter, time, time + 1, INFO, family=family, subjects=(family,)))
        counter += draw(st.integers(0, 1))
    return [*history, replace(audit(counter), family=family)]


@st.composite
def histories(draw: st.DrawFn) -> list[Operation]:
    """Everything mixed: what no checker may accuse."""
    count = draw(st.integers(1, 4))
    parts = [draw(lives(number)) for number in range(count)] + [draw(chains(number)) for number in range(count)]
    codes = [redeem(f"code {number}", number, draw(st.sampled_from([OK, FAIL, INFO]))) for number in range(count)]
    mixed: list[Operation] = draw(st.permutations([operation for part in [*parts, codes] for operation in part]))
    return mixed


INJECTED: dict[Rule, Sequence[Operation]] = {
    rule: [replace(operation, subjects=tuple(f"x {s}" for s in operation.subjects)) for operation in history]
    for rule, history in BROKEN.values()
}


@settings(max_examples=100, deadline=None)
@given(history=histories())
def test_no_linearizable_history_is_accused(history: list[Operation]) -> None:
    assert check(history) == []


@settings(max_examples=100, deadline=None)
@given(history=histories(), rule=st.sampled_from(Rule), at=st.floats(0, 1))
def test_whatever_is_injected_is_found(history: list[Operation], rule: Rule, at: float) -> None:
    place = int(len(history) * at)
    injected = [*history[:place], *INJECTED[rule], *history[place:]]
    assert [violation.rule for violation in check(injected)] == [rule]


@settings(max_examples=100, deadline=None)
@given(history=histories(), chosen=st.integers(0, 1000))
def test_a_reading_turned_round_after_an_acknowledgement_is_found(history: list[Operation], chosen: int) -> None:
    """The lie is told about a thing of the history itself, in the middle of everything else that was said of it."""
    acknowledged = [o for o in history if o.asks_end and o.outcome is OK]
    if not acknowledged:
        return
    over = acknowledged[chosen % len(acknowledged)]
    lie = read(over.complete + 0.001, over.complete + 1, True, subjects=over.subjects)
    assert {violation.rule for violation in check([*history, lie])} == {Rule.ACCEPTED}


def test_a_long_history_is_read_in_linear_time() -> None:
    """Twice as long takes about twice as long; a quadratic checker would not get through at all."""
    history = [
        read(i * 0.001, i * 0.001 + 0.5, True, subjects=(f"sid:{i % 5000}", f"session:{i % 500}"))
        for i in range(60_000)
    ]
    assert check(history) == []
