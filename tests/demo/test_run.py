"""Starting and stopping: taken ports, children that die, secrets that stay private."""

from __future__ import annotations

import argparse
import os
import socket
import stat
import sys
import time
from pathlib import Path

import pytest

from idp.demo.children import ChildFailedError, Children
from idp.demo.places import Places, places_on, read_places
from idp.demo.run import run
from idp.errors import ConfigurationError
from tests.demo_stack import free_places, free_ports

FOREVER = [sys.executable, "-c", "import time; time.sleep(600)"]


def answering(port: int) -> list[str]:
    return [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]


def test_taken_ports_are_all_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        ports = {"port": one.getsockname()[1], "app_port": two.getsockname()[1], "api_port": free_ports(1)[0]}
        with pytest.raises(ConfigurationError) as caught:
            run(argparse.Namespace(data_dir=tmp_path, **ports))
    assert [problem.split()[-1] for problem in caught.value.problems] == ["--port", "--app-port"]


def test_a_data_directory_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    port, app_port, api_port = free_ports(3)
    arguments = argparse.Namespace(data_dir=tmp_path / "file" / "data", port=port, app_port=app_port, api_port=api_port)
    with pytest.raises(ConfigurationError, match="data-dir"):
        run(arguments)


def test_places_travel_to_children(tmp_path: Path) -> None:
    places = free_places(tmp_path)
    assert read_places(places.environment()) == places
    assert len({places.issuer.split(":")[1], places.app.split(":")[1]}) == 2  # cookies know no ports


def test_secrets_are_private(tmp_path: Path) -> None:
    places = places_on(1, 2, 3, tmp_path)
    assert places.secrets() == {}
    places.keep_secrets({"demo-app": "s"})
    assert places.secret("demo-app") == "s"
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_children_are_awaited_and_stopped(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with Children(tmp_path) as children:
        children.start("site", answering(port), os.environ, f"http://127.0.0.1:{port}/")
        children.wait_until_healthy(20)
        pid = children._children[0].process.pid
        children.check()
        assert alive(pid)
    assert not alive(pid)


def test_a_child_that_dies_is_reported_with_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('no such thing'); raise SystemExit(3)"]
    with Children(tmp_path) as children:
        children.start("other", FOREVER, os.environ, "http://127.0.0.1:9/")
        children.start("dying", command, os.environ, "http://127.0.0.1:9/")
        with pytest.raises(ChildFailedError, match=r"dying ended with status 3(?s:.*)no such thing"):
            children.wait_until_healthy(20)


def test_a_child_that_never_answers_is_reported(tmp_path: Path) -> None:
    with Children(tmp_path) as children:
        children.start("mute", FOREVER, os.environ, "http://127.0.0.1:9/")
        with pytest.raises(ChildFailedError, match="did not answer"):
            children.wait_until_healthy(0.3)


def test_a_child_that_ignores_sigterm_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idp.demo.children._STOP_SECONDS", 0.5)
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    with Children(tmp_path) as children:
        children.start("deaf", [sys.executable, "-c", deaf], os.environ, "http://127.0.0.1:9/")
        while b"deaf" not in (tmp_path / "deaf.log").read_bytes():
            time.sleep(0.05)
        pid = children._children[0].process.pid
    assert not alive(pid)


def test_settings_of_the_environment_do_not_reach_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from idp.demo.run import _environment

    monkeypatch.setenv("IDP_DATABASE_URL", "postgresql+psycopg://somebody@production/idp")
    environment = _environment(Places(issuer="i", app="a", api="b", data_dir=tmp_path))
    assert "IDP_DATABASE_URL" not in environment
    assert environment["IDP_CLIENT_REGISTRATION"] == "open"
