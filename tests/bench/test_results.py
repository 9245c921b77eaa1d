"""The arithmetic of the figures."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.bench.report import Report
from tests.bench.results import Measured, Row, parse_wrk, percentile, table

OUTPUT = """Running 2s test @ http://127.0.0.1:8000/token
  1 threads and 32 connections
BENCH {"microseconds":2000000,"requests":4,"errors":{"status":0,"timeout":0},"latencies":[[1000,3],[9000,1]]}
"""


def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed() -> None:
    counts = dict.fromkeys(range(1, 101), 1)
    assert [percentile(counts, share) for share in (0.5, 0.99, 1.0)] == [50, 99, 100]
    assert percentile({7: 1}, 0.5) == percentile({7: 1}, 0.99) == 7
    assert percentile({}, 0.5) == 0


@given(some.lists(some.integers(0, 10**7), min_size=1), some.floats(0.01, 1))
def test_counting_equal_values_together_changes_no_percentile(values: list[int], share: float) -> None:
    expected = next(value for rank, value in enumerate(sorted(values), 1) if rank >= share * len(values))
    assert percentile(Counter(values), share) == expected


def test_what_wrk_writes_is_read() -> None:
    measured = parse_wrk(OUTPUT)
    assert (measured.rate, measured.failures) == (2.0, 0)
    assert (measured.percentile_ms(0.5), measured.percentile_ms(0.99)) == (1.0, 9.0)


def test_every_kind_of_error_is_a_failure() -> None:
    measured = parse_wrk(OUTPUT.replace('"status":0,"timeout":0', '"status":2,"timeout":1'))
    assert measured.failures == 3
    assert "status" in measured.sample


def test_wrk_that_wrote_nothing_is_no_result() -> None:
    with pytest.raises(ValueError, match="unable to connect"):
        parse_wrk("unable to connect to 127.0.0.1:1 Connection refused")


def test_a_row_stands_beside_its_bare_route() -> None:
    row = Row("JWKS", "sqlite", "wrk", Measured(2.0, 500, 0, {4000: 500}), Measured(2.0, 2000, 0, {900: 2000}, "", 0.2))
    assert row.plain() | {"rps": 250.0, "bare_rps": 1000.0, "times_bare": 4.0, "p50_ms": 4.0} == row.plain()
    title, rule, line = table([row]).splitlines()
    assert len(title) == len(rule) == len(line)
    assert row.plain()["cpu_ms"] is None
    assert line.split() == [
        "JWKS",
        "sqlite",
        "wrk",
        "250.0",
        "4.0",
        "4.0",
        "1000.0",
        "0.90",
        "0.90",
        "4.0",
        "–",
        "0.10",
    ]


def test_the_report_of_nothing_can_be_written() -> None:
    report = Report({"cpus": 2}, missing=["PostgreSQL"])
    assert json.loads(report.json())["missing"] == ["PostgreSQL"]
    assert "not measured: PostgreSQL" in report.text()
