"""What is written is what is read, also after a kill in the middle of a line."""

from __future__ import annotations

from pathlib import Path

from .history import Operation, Outcome, Recorder, load


def test_an_operation_survives_its_line(tmp_path: Path) -> None:
    short = Operation(what="introspect", invoke=1.0, complete=2.0, outcome=Outcome.INFO)
    full = Operation(
        what="refresh", invoke=1.0, complete=2.0, outcome=Outcome.OK, subjects=("sid:1", "user:2"), alive=True,
        asks_end=True, bound=0.25, family="f", counter=3, given="abc", code="c", status=503, retry_after=True, at="w0",
        note="why",
    )  # fmt: skip
    recorder = Recorder(tmp_path / "one.jsonl")
    assert [recorder.add(operation) for operation in (short, full)] == [short, full]
    recorder.close()
    assert list(load([tmp_path / "one.jsonl"])) == [short, full]


def test_a_line_cut_off_by_a_kill_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    whole = Operation(what="userinfo", invoke=1.0, complete=2.0, outcome=Outcome.OK, alive=False)
    path.write_text(whole.line + "\n" + whole.line[:40])
    assert list(load([path])) == [whole]
