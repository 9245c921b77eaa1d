"""One server that is slow, silent, torn or gone: an exchange keeps to its budget, and nothing needs a restart."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic

import pytest

from idp.storage import redis_link
from idp.storage.breaker import FAILURES
from idp.storage.redis_link import Call, RedisLink, RedisSilent, Script, connection_options

from ..faults.tcp_proxy import TcpProxy
from ..redis_server import RedisServer, until
from .people import race

ECHO = Script("#!lua\nreturn ARGV[1]\n")
GENEROUS = 5.0
"""A loaded machine may be late by any amount; without a budget these would wait for ever."""


@pytest.fixture
def own() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def proxy(own: RedisServer) -> Iterator[TcpProxy]:
    with TcpProxy(own.port) as proxy:
        yield proxy


@pytest.fixture
def link(proxy: TcpProxy) -> RedisLink:
    link = RedisLink("redis", connection_options(host="127.0.0.1", port=proxy.port), lambda _opened: None)
    until(lambda: answers(link))
    return link


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_link, "BUDGET_SECONDS", 20.0)


def say(link: RedisLink, word: str) -> str:
    return str(link.run(Call(ECHO, (), (word,))).decode())


def answers(link: RedisLink) -> bool:
    try:
        return say(link, "hello") == "hello"
    except RedisSilent:
        return False


def test_every_thread_gets_its_own_answer(link: RedisLink) -> None:
    def ask(number: int) -> bool:
        try:
            return all(say(link, f"{number} {turn}") == f"{number} {turn}" for turn in range(20))
        except RedisSilent:
            return True  # too busy a machine; what must not be is a wrong answer

    assert all(race(8, ask))


@pytest.mark.parametrize("fault", ["slow", "half-open", "deaf", "torn", "gone", "stopped"])
def test_a_fault_costs_the_budget_and_ends_by_itself(
    own: RedisServer, proxy: TcpProxy, link: RedisLink, fault: str
) -> None:
    faults = {
        "slow": lambda: proxy.slow(60), "half-open": lambda: proxy.hold(down=True, up=False),
        "deaf": lambda: proxy.hold(), "torn": proxy.cut, "gone": own.kill, "stopped": lambda: None,
    }  # fmt: skip
    faults[fault]()
    if fault == "stopped":
        with own.paused():
            refused(link)
    else:
        refused(link)
    if fault == "gone":
        own.start()
    proxy.heal()
    until(lambda: answers(link))
    assert not link.breaker.open


def refused(link: RedisLink) -> None:
    for _ in range(FAILURES):
        began = monotonic()
        with pytest.raises(RedisSilent):
            say(link, "x")
        assert monotonic() - began < GENEROUS
    assert link.breaker.open


def test_an_answer_that_comes_late_is_nobodys(proxy: TcpProxy, link: RedisLink) -> None:
    """Otherwise the next question would get the answer to the one before it."""
    proxy.hold(down=True, up=False)
    with pytest.raises(RedisSilent):
        say(link, "first")
    proxy.heal()
    until(lambda: answers(link))
    for number in range(20):
        assert link.ask("ECHO", str(number)).decode() == str(number)


def test_a_connection_that_the_server_has_closed_is_made_anew(own: RedisServer, link: RedisLink) -> None:
    """After a restart nobody's first request fails for an old connection."""
    own.kill()
    own.start()
    link.breaker.succeeded()
    assert answers(link) or answers(link)


@pytest.mark.usefixtures("_patient")
def test_a_refusal_is_an_answer(link: RedisLink) -> None:
    """Whatever Redis says in time is no reason to leave it alone."""
    for _ in range(5):
        with pytest.raises(RedisSilent, match="Unknown Redis command"):
            link.run(Call(Script("#!lua\nreturn redis.call('NO SUCH COMMAND')\n"), (), ()))
    assert not link.breaker.open


@pytest.mark.usefixtures("_patient")
def test_receipts_are_counted(own: RedisServer, link: RedisLink) -> None:
    call = Call(Script("#!lua\nreturn redis.call('SET', KEYS[1], 'x')\n"), ("k",), ())
    with pytest.raises(RedisSilent, match="too few"):
        link.run_all([call], replicas=1)
    with own.replica() as replica:
        until(lambda: confirmed(link, call, 1))
        assert replica.cli("GET", "k") == "x"
        assert not confirmed(link, call, 2)
        with replica.paused():
            assert not confirmed(link, call, 1)


def confirmed(link: RedisLink, call: Call, replicas: int) -> bool:
    try:
        link.run_all([call], replicas=replicas)
    except RedisSilent:
        return False
    return True
