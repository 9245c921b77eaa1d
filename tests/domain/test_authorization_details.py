"""What a detail may hold, what is narrower than what, and what people read of it."""

from __future__ import annotations

from typing import Any

import pytest

from idp.domain.authorization_details import DetailType, problem_of, rows, schema_problem, within

from ..builders import NOW

API = "https://bank.example"
PAYMENT: dict[str, Any] = {
    "properties": {
        "actions": {"type": "array", "items": {"type": "string", "enum": ["initiate", "status"]}, "maxItems": 2},
        "instructedAmount": {
            "properties": {"currency": {"type": "string", "enum": ["EUR"]}, "amount": {"type": "string"}},
            "required": ["currency", "amount"],
        },
        "creditorName": {"type": "string", "maxLength": 20},
        "urgent": {"type": "boolean"},
        "days": {"type": "integer", "minimum": 1, "maximum": 30},
        "rate": {"type": "number"},
    },
    "required": ["instructedAmount"],
}
KIND = DetailType(name="payment", resource=API, sentence="Make this payment", members=PAYMENT, created_at=NOW)
AMOUNT = {"currency": "EUR", "amount": "123.50"}
RIGHT = {"type": "payment", "instructedAmount": AMOUNT}


@pytest.mark.spec("RFC 9396", "5")
@pytest.mark.parametrize(
    "more",
    [{}, {"actions": ["status"]},
     {"creditorName": "\u0645\u06cc\u200c\u0634\n1"},
     {"creditorName": "Merchant A", "urgent": True, "days": 30, "rate": 1.5},
     {"rate": 2}, {"locations": [API]}],
)  # fmt: skip
def test_what_is_described_may_stand_there(more: dict[str, Any]) -> None:
    assert problem_of({**RIGHT, **more}, KIND) is None


@pytest.mark.spec("RFC 9396", "5")
@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"instructedAmount": None}, "instructedAmount"), ({"instructedAmount": {"currency": "EUR"}}, "amount"),
        ({"instructedAmount": {**AMOUNT, "currency": "USD"}}, "instructedAmount.currency"),
        ({"instructedAmount": {**AMOUNT, "more": 1}}, "instructedAmount.more"), ({"unknown": 1}, "unknown"),
        ({"actions": "status"}, "actions"), ({"actions": ["delete"]}, "actions[]"),
        ({"actions": ["status"] * 3}, "actions"),
        ({"creditorName": "x" * 21}, "creditorName"), ({"urgent": "yes"}, "urgent"), ({"urgent": 1}, "urgent"),
        ({"creditorName": "Bank \u202ekcolB"}, "creditorName"), ({"creditorName": "a\u200bb"}, "creditorName"),
        ({"instructedAmount": {**AMOUNT, "amount": "1\r9"}}, "instructedAmount.amount"),
        ({"days": True}, "days"), ({"days": 0}, "days"), ({"days": 31}, "days"), ({"days": 1.5}, "days"),
        ({"locations": ["https://evil.example"]}, "locations"), ({"locations": API}, "locations"),
    ],
)  # fmt: skip
def test_everything_else_is_told_by_its_path(changes: dict[str, Any], where: str) -> None:
    found = problem_of({**RIGHT, **changes}, KIND)
    assert found is not None
    assert where in found


def test_what_is_required_must_be_there() -> None:
    assert problem_of({"type": "payment"}, KIND) == "instructedAmount is missing"


@pytest.mark.parametrize(
    "schema",
    [[], {"$ref": "x"}, {"type": "money"}, {"enum": "x"}, {"properties": []}, {"required": ["x"]}, {"maxLength": "9"},
     {"properties": {"a": {"pattern": "x"}}}, {"items": 3}, {"required": "x"}, {"minimum": True}],
)  # fmt: skip
def test_a_description_we_do_not_understand_is_refused(schema: Any) -> None:
    assert schema_problem(schema) is not None


def test_a_description_is_not_endless() -> None:
    schema: dict[str, Any] = {}
    for _ in range(6):
        schema = {"properties": {"a": schema}}
    assert schema_problem(schema) is not None
    assert schema_problem(PAYMENT) is None


@pytest.mark.spec("RFC 9396", "6.1")
def test_less_is_within_and_everything_else_is_not() -> None:
    granted = {**RIGHT, "actions": ["initiate", "status"], "days": 1, "range": [1]}
    assert within(granted, granted)
    assert within({**granted, "actions": ["status"]}, granted)
    for wanted in (
        {**granted, "actions": []}, {**granted, "actions": ["status", "delete"]}, {**granted, "days": 2},
        {**granted, "days": True}, {**granted, "range": [True]},
        {**granted, "type": "other"}, {**granted, "more": 1}, RIGHT,
        {**granted, "instructedAmount": {**AMOUNT, "amount": "1"}}, {**granted, "actions": "status"},
    ):  # fmt: skip
        assert not within(wanted, granted)


def test_people_read_every_value() -> None:
    detail = {**RIGHT, "actions": ["initiate", "status"], "urgent": True, "parts": [{"a": 1}, {"a": 2}]}
    assert rows(detail) == (
        ("instructedAmount.currency", "EUR"), ("instructedAmount.amount", "123.50"), ("actions 1", "initiate"),
        ("actions 2", "status"), ("urgent", "yes"), ("parts 1.a", "1"), ("parts 2.a", "2"),
    )  # fmt: skip


def test_no_list_reads_like_another() -> None:
    for one, other in ((["a, b"], ["a", "b"]), (["a", "b, c"], ["a, b", "c"])):
        assert rows({"type": "x", "list": one}) != rows({"type": "x", "list": other})
    assert rows({"type": "x", "list": ["a"], "none": []}) == (("list", "a"), ("none", ""))
    assert rows({"type": "x", "all": {}, "each": [{}]}) == (("all", ""), ("each", "")), "that it is there may mean much"
