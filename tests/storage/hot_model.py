"""The protocol of ``idp.storage.hot_copy`` as it is built, small enough that every order of events can be tried.

Who takes part: two workers who answer requests, one after the other and for ever (look up, read the record,
fill; or hear of an end there and mark it); whoever ends the session and whoever repeats that (note the time,
commit, mark, ask for receipts, and while there is none count from when the commit was first known); a primary
with a replica that follows when it likes; and faults. Anybody may stand still at any point while time passes.

Why no horizon: of times only differences matter, and those only up to the largest bound of the protocol. So
a clock is a set of ages that stop growing when they are old, the states are finite, and all are visited.

Units: a lease lives ``LEASE`` ticks, a fill may come ``FILL`` ticks after its look-up; the skew is what rounding
to ticks costs. A breaker that is open at a reader is a reader who stands still; at the one who ends it must
change nothing, which ``Rules.mark_always`` is about.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

LEASE, FILL = 1, 1
SETTLE = FILL + LEASE
TOMBSTONE = SETTLE + 1
FOR_EVER = 99


@dataclass(frozen=True)
class Rules:
    """The ingredients; each can be left out."""

    leases_end: bool = True  # a lease lives LEASE, not for ever
    fill_deadline: bool = True  # no fill later than FILL after its look-up
    generation: bool = True  # no fill if the server has lost its data since
    tombstone_guards: bool = True  # no fill over a tombstone
    ticket_first: bool = True  # the record is read after the look-up that gives the ticket, not before
    commit_first: bool = True  # the mark is written after the commit, not before
    mark_always: bool = True  # no breaker keeps a mark away; without one nothing is acknowledged at once
    receipts: bool = True  # the replica must confirm
    remembered: bool = True  # a replica that is gone from the view for a while must confirm all the same
    settle: bool = True  # without a receipt SETTLE is waited for
    from_known: bool = True  # counted from when the commit was known, not from the time noted in the row
    own_reading: bool = True  # nobody is given the reading of somebody who began earlier
    natural_end: bool = True  # a lease says until when the session lives by itself


class Node(NamedTuple):
    """What a server holds for the sid: nothing, ``a`` or ``x``, for how long; and its generation, 0 for none."""

    held: str = ""
    left: int = 0
    generation: int = 0


class Reader(NamedTuple):
    """``at``: idle, ticket, live (read, not filled), ended (read, not marked). ``old``: asks the former primary."""

    at: str = "idle"
    age: int = 0
    generation: int = 0
    old: bool = False


class State(NamedTuple):
    primary: Node = Node()
    replica: Node = Node()
    former: Node | None = None  # a primary that was replaced and can still be reached by some
    readers: tuple[Reader, Reader] = (Reader(), Reader())
    ender: str = "open"  # open, noted, committed, marked, torn, unconfirmed, acknowledged
    noted: int = 0
    known: int = -1
    committed: bool = False
    marked_early: bool = False
    faults: int = 0
    generations: int = 0
    over: int = -1  # ticks until the session ends by itself; -1 never


Step = tuple[str, State]
EMPTY = Node()


class Wrong(Exception):
    """Somebody who began after the acknowledgement was told "live"."""


class Model:
    """Explores; ``faults`` are the kinds that may happen, ``most`` how many of them in one run."""

    def __init__(self, rules: Rules, faults: tuple[str, ...] = (), most: int = 1, over: int = -1) -> None:
        self._rules = rules
        self._faults = faults
        self._start = State(faults=most if faults else 0, over=over)

    def run(self) -> tuple[int, list[str] | None]:
        """How many states there are, and the shortest way to a wrong answer, if there is one."""
        came: dict[State, tuple[State, str] | None] = {self._start: None}
        waiting = deque([self._start])
        while waiting:
            state = waiting.popleft()
            for label, following in self._steps(state):
                if following is None:
                    return len(came), [*_way(came, state), label]
                if following not in came:
                    came[following] = (state, label)
                    waiting.append(following)
        return len(came), None

    def _steps(self, state: State) -> Iterator[tuple[str, State | None]]:
        yield "time passes", self._tick(state)
        if state.replica != state.primary and state.former is None:
            yield "the replica catches up", state._replace(replica=state.primary)
        if state.former is not None:
            yield "the former primary follows", state._replace(former=None, replica=state.primary)
        for number in (0, 1):
            if number == 0 or state.readers[0] != state.readers[1]:
                yield from self._reader(state, number)
        yield from self._ender(state)
        if state.faults:
            yield from self._fault(state)

    # ── time ─────────────────────────────────────────────────────────────────────────────────────

    def _tick(self, state: State) -> State:
        readers = tuple(
            one._replace(age=min(one.age + 1, FILL + 1)) if one.at in ("ticket", "live") else one
            for one in state.readers
        )
        return _sorted(
            state._replace(
                primary=_older(state.primary), replica=_older(state.replica),
                former=None if state.former is None else _older(state.former), readers=readers,
                noted=0 if self._rules.from_known else min(state.noted + 1, SETTLE + 1),
                known=state.known if state.known < 0 else min(state.known + 1, SETTLE + 1),
                over=max(state.over - 1, 0) if state.over >= 0 else -1,
            )
        )  # fmt: skip

    # ── those who answer requests ────────────────────────────────────────────────────────────────

    def _reader(self, state: State, number: int) -> Iterator[tuple[str, State | None]]:
        one, name = state.readers[number], "AB"[number]
        if one.at == "idle":
            yield from self._look_up(state, number, name, old=False)
            if state.former is not None:
                yield from self._look_up(state, number, name, old=True)
        elif one.at == "ticket":
            dead = state.committed or state.over == 0
            yield (
                f"{name} reads the record: {'dead' if dead else 'live'}",
                _with(state, number, one._replace(at=("ended" if state.committed else "idle") if dead else "live")),
            )
        elif one.at == "live":
            yield from self._answer(state, number, name)
        elif one.at == "ended":
            yield f"{name} marks what it read", _with(_mark(state), number, Reader())
            yield f"{name} answers: dead", _with(state, number, Reader())

    def _look_up(self, state: State, number: int, name: str, *, old: bool) -> Iterator[tuple[str, State | None]]:
        node = state.former if old else state.primary
        assert node is not None
        if node.held == "a":
            if state.ender == "acknowledged":
                yield f"{name}, who began after it, reads a lease: live", None
            if state.over == 0 and not self._rules.natural_end:
                yield f"{name} reads a lease of what is over by itself: live", None
            return
        if node.held == "x":
            return
        if not node.generation:
            node = node._replace(generation=state.generations + 1)
            state = state._replace(generations=state.generations + 1)
            state = state._replace(former=node) if old else state._replace(primary=node)
        ticket = Reader("ticket", 0, node.generation, old)
        if self._rules.ticket_first:
            yield f"{name} looks up: a miss", _with(state, number, ticket)
        else:  # as if the record had been read before
            dead = state.committed or state.over == 0
            yield f"{name} reads the record", _with(state, number, ticket._replace(at="idle" if dead else "live"))

    def _answer(self, state: State, number: int, name: str) -> Iterator[tuple[str, State | None]]:
        """Fill and answer: the one and the same step, for nobody waits for the answer to ask anew."""
        one = state.readers[number]
        if not self._rules.own_reading and state.ender == "acknowledged":
            yield f"{name}'s reading is given to somebody who began after it: live", None
        if not self._rules.ticket_first:
            node = state.former if one.old else state.primary
            one = one._replace(age=0, generation=node.generation if node else 0)
        yield f"{name} does not fill", _with(state, number, Reader())
        if one.old and state.former is None:
            return
        node = state.former if one.old else state.primary
        assert node is not None
        if self._refused(node, one):
            return
        filled = node._replace(held="a", left=LEASE if self._rules.leases_end else FOR_EVER)
        state = state._replace(former=filled) if one.old else state._replace(primary=filled)
        yield f"{name} fills", _with(state, number, Reader())

    def _refused(self, node: Node, one: Reader) -> bool:
        rules = self._rules
        return (
            (rules.tombstone_guards and node.held == "x")
            or (rules.generation and node.generation != one.generation)
            or (rules.fill_deadline and one.age > FILL)
        )

    # ── the one who ends, and whoever repeats it ─────────────────────────────────────────────────

    def _ender(self, state: State) -> Iterator[tuple[str, State | None]]:
        at, rules = state.ender, self._rules
        if at == "open":
            yield "the end is written, not committed", state._replace(ender="noted", noted=0)
        elif at == "noted" and not rules.commit_first and not state.marked_early:
            yield "the mark is written before the commit", _mark(state)._replace(marked_early=True)
        elif at == "noted":
            after = "committed" if rules.commit_first else "acknowledged"
            yield "the end is committed", state._replace(ender=after, committed=True)
        elif at == "committed":
            if not rules.mark_always:
                yield "a breaker skips the mark; acknowledged", state._replace(ender="acknowledged")
            yield "the mark is written", _mark(state)._replace(ender="marked")
            yield "the mark does not arrive", state._replace(ender="unconfirmed")
        elif at in ("marked", "torn"):
            if at == "marked" and self._received(state):
                yield "all receipts; acknowledged", state._replace(ender="acknowledged")
            yield "no receipt", state._replace(ender="unconfirmed")
        elif at == "unconfirmed":
            yield self._unconfirmed(state)

    def _received(self, state: State) -> bool:
        if not self._rules.receipts:
            return True
        if state.former is not None:
            return not self._rules.remembered
        return state.replica == state.primary

    def _unconfirmed(self, state: State) -> Step:
        known = max(state.known, 0)
        since = known if self._rules.from_known else state.noted
        if not self._rules.settle or since > SETTLE:
            return "nobody confirmed it for so long; acknowledged", state._replace(ender="acknowledged", known=known)
        return "asked to come again; comes again", state._replace(ender="committed", known=known)

    # ── faults ───────────────────────────────────────────────────────────────────────────────────

    def _fault(self, state: State) -> Iterator[tuple[str, State | None]]:
        left = state._replace(faults=state.faults - 1)
        torn = "torn" if state.ender == "marked" else state.ender
        for kind in self._faults:
            if kind == "loss":
                yield "the primary loses everything", left._replace(primary=EMPTY)
            elif kind == "failover" and state.former is None:
                yield "the replica is promoted", left._replace(
                    primary=state.replica, replica=state.primary, ender=torn
                )  # fmt: skip
            elif kind == "split" and state.former is None:
                yield (
                    "the replica is promoted, the former primary still answers some",
                    left._replace(primary=state.replica, former=state.primary, ender=torn),
                )
            elif kind == "eviction" and state.primary.held == "x":
                yield "the tombstone alone is lost", left._replace(primary=state.primary._replace(held="", left=0))


def _older(node: Node) -> Node:
    if not node.left or node.left == FOR_EVER:
        return node
    return node._replace(left=node.left - 1) if node.left > 1 else node._replace(held="", left=0)


def _mark(state: State) -> State:
    return state._replace(primary=state.primary._replace(held="x", left=TOMBSTONE))


def _with(state: State, number: int, one: Reader) -> State:
    if one.at == "idle":
        one = Reader()
    readers = (one, state.readers[1]) if number == 0 else (state.readers[0], one)
    return _sorted(state._replace(readers=readers))


def _sorted(state: State) -> State:
    """Who is A and who is B does not matter."""
    first, second = state.readers
    return state if first <= second else state._replace(readers=(second, first))


def _way(came: dict[State, tuple[State, str] | None], state: State) -> list[str]:
    labels: list[str] = []
    while (step := came[state]) is not None:
        state, label = step
        labels.append(label)
    return labels[::-1]
