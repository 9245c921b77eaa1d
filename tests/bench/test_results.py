"""The arithmetic of the figures."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.bench.report import Report
from tests.bench.results import parse_wrk, percentile
from tests.bench.targets import (
    BARE,
    DJANGO,
    IDP,
    INTROSPECTION,
    JWKS,
    LARGE,
    NODE,
    ONE_GET,
    STATIC,
    USERINFO,
    at_most,
    verdicts,
)

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


RATES = {
    (IDP, JWKS): 950.0, (BARE, STATIC): 1000.0, (DJANGO, JWKS): 300.0, (IDP, USERINFO): 90.0, (NODE, USERINFO): 100.0,
}  # fmt: skip


def test_a_target_is_met_or_not_or_was_not_measured() -> None:
    found = {(verdict.name, verdict.target): verdict for verdict in verdicts(RATES)}
    static = found[JWKS, "≥ 0.9 × bare function, static bytes"]
    assert (static.met, static.measured, static.word) == (True, "0.95 (950 : 1000)", "met")
    assert found[JWKS, "≥ 4 × django-oauth-toolkit, JWKS"].word == "NOT met"
    assert found[USERINFO, "≥ 1 × oidc-provider, userinfo"].met is False
    assert found[USERINFO, "≥ 4 × django-oauth-toolkit, userinfo"].word == "–"
    assert [at_most("x", 2, "ms", value).met for value in (1.9, 2.1, None)] == [True, False, None]


def test_what_was_measured_minutes_apart_counts_beside_a_bare_function() -> None:
    """The machine was half as fast the second time: 80 of 100 then are 160 of what they were before."""
    rates = {
        (IDP, INTROSPECTION): 200.0, (BARE, ONE_GET): 1000.0, (IDP, INTROSPECTION + LARGE): 80.0,
        (BARE, ONE_GET + LARGE): 500.0,
    }  # fmt: skip
    [found] = [verdict for verdict in verdicts(rates) if verdict.name == INTROSPECTION + LARGE]
    assert (found.measured, found.met) == ("0.80 (160 : 200)", False)


def test_the_report_can_be_written_with_and_without_figures() -> None:
    empty, full = Report({"cpus": 2}, missing=["a peer"]), Report({}, rates=RATES, bytes_each={"sessions": (300, 500)})
    assert json.loads(empty.json())["missing"] == ["a peer"]
    assert "not measured: a peer" in empty.text()
    assert json.loads(full.json())["rates"][0] == {"who": IDP, "operation": JWKS, "rps": 950.0, "p99_ms": 0}
    assert "| JWKS | ≥ 0.9 × bare function, static bytes | 0.95 (950 : 1000) | met |" in full.markdown()
    assert "sessions" in full.text()
