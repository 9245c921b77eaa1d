"""No module of the suite is forgotten: each has a test that is called like it, or a stated reason, never both."""

from __future__ import annotations

import ast
from pathlib import Path

from .plans import MODULES, PLANS, name_of_test
from .reasons import NOT_APPLICABLE

HERE = Path(__file__).parent
OURS = Path(__file__).name


def names_here() -> list[str]:
    """The names of all test functions beside this file."""
    files = [path for path in HERE.glob("test_*.py") if path.name != OURS]
    return [
        node.name
        for path in files
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


def test_every_module_has_a_test_or_a_reason() -> None:
    tested = set(names_here())
    missing = [name for name in MODULES if name_of_test(name) not in tested and name not in NOT_APPLICABLE]
    assert missing == []


def test_no_module_has_both() -> None:
    tested = set(names_here())
    assert [name for name in NOT_APPLICABLE if name_of_test(name) in tested] == []


def test_every_test_and_every_reason_is_a_module_of_the_suite() -> None:
    assert set(names_here()) <= {name_of_test(name) for name in MODULES}
    assert set(NOT_APPLICABLE) <= set(MODULES)


def test_no_module_is_tested_twice() -> None:
    assert len(names_here()) == len(set(names_here()))


def test_every_reason_says_something() -> None:
    assert all(len(reason) > 40 for reason in NOT_APPLICABLE.values())


def test_the_plans_are_all_there() -> None:
    """The counts of framework 5.2: a name that slips out of a plan is noticed."""
    assert {plan: len(modules) for plan, modules in PLANS.items()} == {
        "oidcc-config-certification-test-plan": 1, "oidcc-basic-certification-test-plan": 38,
        "oidcc-formpost-basic-certification-test-plan": 38, "oidcc-dynamic-certification-test-plan": 23,
        "oidcc-3rdparty-init-login-certification-test-plan": 2,
        "oidcc-rp-initiated-logout-certification-test-plan": 11,
        "oidcc-backchannel-rp-initiated-logout-certification-test-plan": 2,
        "oidcc-frontchannel-rp-initiated-logout-certification-test-plan": 2, "oidcc-test-plan": 54,
        "fapi2-security-profile-final-test-plan": 56, "fapi2-message-signing-final-test-plan": 71,
        "fapi-ciba-id1-test-plan": 43,
    }  # fmt: skip
