"""What every command promises: streams, exit codes, ``--json``, no secret among the arguments."""

from __future__ import annotations

import argparse
import base64
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from idp.cli import parser
from tests.cli.conftest import Idp


def _leaves(root: argparse.ArgumentParser, *words: str) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    groups = [action for action in root._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups:
        yield words, root
    for group in groups:
        for name, child in group.choices.items():
            yield from _leaves(child, *words, name)


COMMANDS = dict(_leaves(parser()))


def test_the_commands_are_those_of_the_design() -> None:
    expected = {
        "serve": "", "worker": "", "demo": "", "doctor": "", "db": "upgrade check restored",
        "user": "create set list disable enable set-password delete",
        "client": "create list show update rotate-secret disable enable delete",
        "resource": "create list delete", "detail-type": "create list delete",
        "key": "list rotate remove master", "session": "list end",
        "outbox": "list retry", "initial-access-token": "create list revoke",
        "issuer": "create list delete",
    }  # fmt: skip
    assert set(COMMANDS) == {
        (noun, verb) if verb else (noun,) for noun, verbs in expected.items() for verb in (verbs.split() or [""])
    }


@pytest.mark.parametrize("command", COMMANDS.values(), ids=map(" ".join, COMMANDS))
def test_every_command_answers_in_json(command: argparse.ArgumentParser) -> None:
    assert "--json" in command._option_string_actions


@pytest.mark.parametrize("command", COMMANDS.values(), ids=map(" ".join, COMMANDS))
def test_no_secret_is_an_argument(command: argparse.ArgumentParser) -> None:
    for action in command._actions:
        takes_value = action.nargs != 0
        assert not (takes_value and ("password" in action.dest or "secret" in action.dest)), action.dest


@pytest.mark.parametrize("wrong", [(), ("user",), ("user", "lis"), ("session", "end"), ("serve", "--port", "x")])
def test_wrong_usage_is_two(idp: Idp, wrong: tuple[str, ...]) -> None:
    ran = idp(*wrong)
    assert (ran.code, ran.out) == (2, "")
    assert "usage: idp" in ran.err


def test_wrong_configuration_is_three_with_every_problem(idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDP_ISSUER", "http://id.example.com/")
    monkeypatch.setenv("IDP_DATABASE_URL", "mysql://nowhere")
    ran = idp("user", "list")
    assert (ran.code, ran.out) == (3, "")
    assert "IDP_ISSUER: http is for localhost only" in ran.err
    assert "final slash" in ran.err
    assert "IDP_DATABASE_URL" in ran.err


def test_problems_are_json_too(idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDP_ACCESS_TOKEN_LIFE", "1")
    ran = idp("user", "list", "--json")
    problem = json.loads(ran.err)
    assert (ran.code, problem["error"]) == (3, "configuration")
    assert "IDP_ACCESS_TOKEN_LIFE" in problem["problems"][0]


@pytest.mark.parametrize("command", [("user", "list"), ("db", "check"), ("serve",)])
def test_a_database_that_does_not_answer_is_four(
    idp: Idp, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("IDP_DATABASE_URL", "postgresql+psycopg://u:hush@127.0.0.1:1/none")
    ran = idp(*command)
    assert (ran.code, ran.out) == (4, "")
    assert "idp doctor" in ran.err
    assert "hush" not in ran.err


def test_a_fresh_master_key_needs_no_settings(idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDP_ISSUER", "nonsense")
    first, second = idp("key", "master").out.strip(), idp("key", "master", "--json").json()["master_key"]
    assert first != second
    assert len(base64.urlsafe_b64decode(first + "=")) == 32


def test_production_refuses_to_start_without_a_master_key(idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDP_ISSUER", "https://id.example.com")
    ran = idp("serve")
    assert ran.code == 3
    assert "idp key master" in ran.err


def test_python_dash_m_is_the_same_command() -> None:
    done = subprocess.run([sys.executable, "-m", "idp", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("usage: idp")
