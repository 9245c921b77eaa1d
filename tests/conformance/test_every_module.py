"""No module of the suite is forgotten: each has a test that is called like it, or a stated reason, never both."""

from __future__ import annotations

import ast
import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.provider import ISSUER, PASSWORD

from .automation import configuration
from .browser import Browser
from .conftest import Asked
from .host import Host
from .plans import MODULES, PLANS, name_of_test
from .reasons import BY_DECISION, NOT_APPLICABLE
from .suite import PERSON, Suite

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
    assert all(len(reason) > 40 for reason in (*NOT_APPLICABLE.values(), *BY_DECISION.values()))


def test_the_plans_are_all_there() -> None:
    """The counts of framework 5.2, and one module that FAPI-CIBA has got since: a name that slips out is noticed."""
    assert {plan: len(modules) for plan, modules in PLANS.items()} == {
        "oidcc-config-certification-test-plan": 1, "oidcc-basic-certification-test-plan": 38,
        "oidcc-formpost-basic-certification-test-plan": 38, "oidcc-dynamic-certification-test-plan": 23,
        "oidcc-3rdparty-init-login-certification-test-plan": 2,
        "oidcc-rp-initiated-logout-certification-test-plan": 11,
        "oidcc-backchannel-rp-initiated-logout-certification-test-plan": 2,
        "oidcc-frontchannel-rp-initiated-logout-certification-test-plan": 2, "oidcc-test-plan": 54,
        "fapi2-security-profile-final-test-plan": 56, "fapi2-message-signing-final-test-plan": 71,
        "fapi-ciba-id1-test-plan": 44,
    }  # fmt: skip


# ── what we tell the suite's browser to do ────────────────────────────────────────────────────────

AUTOMATION = configuration(ISSUER, PERSON, PASSWORD)
_SELECTORS = {"button.primary": '<button class="primary"', "form[data-press] button": "<form[^>]* data-press"}


def follow(browser: Browser, tasks: list[dict[str, Any]]) -> list[str]:
    """Do them as the suite does; the names of those that were done."""
    done = []
    for task in tasks:
        address = browser.page.leaving or browser.page.url
        if fnmatch.fnmatchcase(address, task["match"]):
            done.append(task["task"])
            fields: dict[str, str] = {}
            for command, *rest in task["commands"]:
                if command == "text":
                    assert f'id="{rest[1]}"' in browser.page.body
                    fields[rest[1].capitalize()] = rest[2]
                elif command == "click" and _SELECTORS[rest[1]] in browser.page.body:
                    browser.submit(browser.page.buttons[-1] if not fields else "Sign in", **fields)
                elif command == "wait" and rest[0] == "xpath":
                    assert rest[3] in browser.page.text
        else:
            assert task["optional"], f"{task['task']}: {address} is no {task['match']}"
    return done


def browser_of(module: str, url: str) -> list[dict[str, Any]]:
    """The tasks of the first entry whose address matches."""
    entries = AUTOMATION["override"].get(module, AUTOMATION)["browser"]
    return next(entry["tasks"] for entry in entries if fnmatch.fnmatchcase(url, entry["match"]))


@pytest.fixture
def suite(asked: Asked, host: Host) -> Suite:
    return Suite("oidcc-rp-initiated-logout-certification-test-plan", asked.provider, host, asked.door)


def test_the_automation_is_of_modules_that_there_are() -> None:
    assert set(AUTOMATION["override"]) <= set(MODULES)


def test_the_automation_signs_in_and_out_at_our_pages(suite: Suite) -> None:
    after = "https://suite.example/test/a/idp/post_logout_redirect"
    client, browser = suite.client(post_logout_redirect_uris=[after]), suite.browser()
    done = []
    for changes in ({}, {"prompt": "none"}, {"prompt": "login"}):
        asked = client.request(**changes)
        client.visit(browser, asked)
        done.append(follow(browser, browser_of("oidcc-prompt-login", f"{ISSUER}/authorize?")))
        tokens = client.checked(client.redeem(client.answer(browser, asked)["code"], asked), asked["nonce"])
    assert done == [["Sign in", "Allow", "Back at the suite"], ["Back at the suite"], ["Sign in", "Back at the suite"]]
    query = urlencode({"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": after, "state": "s"})
    browser.get(f"{ISSUER}/logout?{query}")
    assert follow(browser, browser_of("oidcc-rp-initiated-logout", f"{ISSUER}/logout?")) == ["Back at the suite"]


@pytest.mark.parametrize("module", ["oidcc-ensure-redirect-uri-in-authorization-request", "oidcc-registration-tos-uri"])
def test_the_automation_shows_pages_for_review(suite: Suite, module: str) -> None:
    client, browser = suite.client(tos_uri="https://suite.example/tos"), suite.browser()
    client.visit(browser, client.request(redirect_uri=None) if "redirect" in module else client.request())
    assert follow(browser, browser_of(module, f"{ISSUER}/authorize?"))[-1] in ("Error page", "The app's page")


@pytest.mark.parametrize(
    "module", ["no-params", "no-id-token-hint", "bad-id-token-hint", "no-post-logout-redirect-uri"]
)
def test_the_automation_shows_pages_of_signing_out(suite: Suite, module: str) -> None:
    client, browser = suite.client(), suite.browser()
    tokens, sent = client.tokens(browser), {"post_logout_redirect_uri": "https://suite.example/after"}
    sent |= {"id_token_hint": tokens["id_token"]} if module == "no-post-logout-redirect-uri" else {}
    sent |= {"id_token_hint": "none"} if module == "bad-id-token-hint" else {}
    kept = {name: value for name, value in sent.items() if not (module.startswith("no-p") and "redirect" in name)}
    browser.get(f"{ISSUER}/logout?{urlencode(kept)}")
    tasks = browser_of(f"oidcc-rp-initiated-logout-{module}", f"{ISSUER}/logout?")
    assert len(follow(browser, tasks)) == len(tasks)
