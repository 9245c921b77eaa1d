"""``Dockerfile`` and ``docker-compose.yml`` run what exists: no Docker engine is needed to know that."""

from __future__ import annotations

import json
import re
import shlex
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from idp.cli import parser
from idp.cli.server_checks import OTHERS
from idp.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SETTINGS = {f"IDP_{name.upper()}" for name in Settings.model_fields}


def _words(command: str | list[str]) -> list[str]:
    return shlex.split(command) if isinstance(command, str) else command


def _instructions(word: str) -> list[str]:
    joined = DOCKERFILE.replace("\\\n", " ")
    return re.findall(rf"^{word} +(.+)$", joined, re.MULTILINE)


def idp_commands() -> list[list[str]]:
    """Every ``idp …`` that a container runs."""
    commands = [json.loads(command) for command in _instructions("CMD")]
    commands += [_words(service["command"]) for service in SERVICES.values() if "command" in service]
    return [command for command in commands if command[0] == "idp"]


REPLICAS = ("provider-1", "provider-2")


def test_replicas_streams_a_worker_a_proxy_backends_and_a_mail_catcher_are_there() -> None:
    assert {*REPLICAS, "streams", "worker", "proxy", "postgres", "redis", "mail"} <= set(SERVICES)


def test_every_command_is_one_that_idp_knows() -> None:
    assert {command[1] for command in idp_commands()} == {"serve", "db", "worker"}
    for command in idp_commands():
        assert callable(parser().parse_args(command[1:]).run)


def test_image_and_compose_serve_alike() -> None:
    [image] = [json.loads(command) for command in _instructions("CMD")]
    assert all(SERVICES[name]["command"] == image for name in REPLICAS)
    assert SERVICES["streams"]["command"] == [*image[:2], "--streams", *image[2:]]


def test_housekeeping_is_done_once_by_the_worker() -> None:
    assert SERVICES["provider-1"]["environment"]["IDP_HOUSEKEEPING"] == "false"
    assert SERVICES["worker"]["command"] == ["idp", "worker"]


def test_the_proxy_alone_is_believed_and_published() -> None:
    address = SERVICES["proxy"]["networks"]["default"]["ipv4_address"]
    assert SERVICES["provider-1"]["environment"]["IDP_TRUSTED_PROXIES"] == f"${{IDP_TRUSTED_PROXIES:-{address}}}"
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy", "mail"]
    [network] = COMPOSE["networks"]["default"]["ipam"]["config"]
    fixed = [service["networks"]["default"]["ipv4_address"] for service in SERVICES.values() if "networks" in service]
    assert len(set(fixed)) == len(fixed) == 4
    assert all(ip_address(one) in ip_network(network["subnet"]) for one in fixed)


def test_redis_keeps_nothing_and_evicts_nothing() -> None:
    words = " ".join(SERVICES["redis"]["command"])
    assert "--save  --appendonly no" in words
    assert "--maxmemory-policy noeviction" in words


def test_postgres_has_room_for_every_connection_of_the_replicas() -> None:
    """The rule of ``cli.server_checks`` for a machine of eight cores."""
    words = SERVICES["postgres"]["command"]
    room = int(next(word for word in words if word.startswith("max_connections=")).partition("=")[2])
    size = Settings.model_fields["database_pool_size"].default
    assert len(REPLICAS) * 8 * size + OTHERS <= room


@pytest.mark.parametrize("text", [DOCKERFILE, (ROOT / "docker-compose.yml").read_text()], ids=["Dockerfile", "compose"])
def test_every_setting_named_exists(text: str) -> None:
    assert set(re.findall(r"\bIDP_[A-Z_]+\b", text)) <= SETTINGS


def test_every_service_that_stays_up_has_a_health_check() -> None:
    assert {name for name, service in SERVICES.items() if "healthcheck" not in service} == {"migrate", "worker"}


def test_what_is_referred_to_is_declared() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
        assert {config["source"] for config in service.get("configs", [])} <= set(COMPOSE["configs"])
        assert {volume.split(":")[0] for volume in service.get("volumes", [])} <= set(COMPOSE["volumes"])


def test_the_provider_starts_on_migrated_tables() -> None:
    for name in (*REPLICAS, "streams", "worker"):
        assert SERVICES[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert SERVICES["migrate"]["command"] == ["idp", "db", "upgrade"]


def test_no_secret_stands_in_the_file() -> None:
    environments = [service.get("environment", {}) for service in SERVICES.values()]
    passwords = [value for env in environments for name, value in env.items() if "PASSWORD" in name]
    assert passwords
    assert all(value.startswith("${POSTGRES_PASSWORD:?") for value in passwords)
    assert all("IDP_MASTER_KEY" not in env for env in environments), "as a file under /run/secrets instead"


def test_ports_are_published_to_this_machine_alone() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_image_is_unprivileged_and_made_in_stages() -> None:
    assert len(_instructions("FROM")) == 2
    [user] = _instructions("USER")
    assert user not in ("root", "0")
    assert DOCKERFILE.index("USER ") < DOCKERFILE.index("CMD ")


def test_images_are_named_with_a_version_and_without_a_host() -> None:
    images = [line.split()[0] for line in _instructions("FROM")]
    images += [service["image"] for service in SERVICES.values() if "build" not in service]
    assert all(re.fullmatch(r"[a-z0-9/-]+:[a-z0-9.-]+", image) for image in images)


def test_what_the_build_copies_is_let_in() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    wheel = {"idp", "templates", "static", "migrations", "pyproject.toml", "README.md", "LICENSE"}
    assert wheel | {"requirements-serve.lock"} <= allowed


def test_requests_under_way_have_time_to_finish() -> None:
    from idp.cli.serve import STOP_SECONDS

    for name in (*REPLICAS, "streams", "worker"):
        assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) > STOP_SECONDS
