"""Clocks that are wrong (F-32, F-33) and signing keys that turn (F-34 to F-36)."""

from __future__ import annotations

import json
import time

import jwt
import pytest

from tests.faults.stage import Worker

from .counts import KEYS_TURNED
from .scene import Play


@pytest.mark.fault("F-32")
@pytest.mark.parametrize("seconds", [60, -60])
def test_the_clock_of_one_worker_is_off_by_a_minute(hot: Play, seconds: int) -> None:
    """What it signs the others accept, and the other way round; no token lives longer than it should."""
    worker = hot.stage.workers[0]
    worker.shift(seconds)
    try:
        with hot.crowd():
            time.sleep(4)
        client, scene = hot.at(worker), hot.scene()
        code = client.code(scene, hot.apps[0])
        assert code
        hold = client.redeem(scene, hot.apps[0], code)
        assert hold is not None
        claims = jwt.decode(hold.access[-1][0], options={"verify_signature": False})
        assert claims["exp"] - claims["iat"] == 3600
        assert claims["exp"] - time.time() <= 3600 + 60
    finally:
        worker.shift(0)
    hot.judge()


@pytest.mark.fault("F-32")
def test_a_retry_at_a_worker_whose_clock_is_ahead_is_within_the_grace(hot: Play) -> None:
    """A lost answer, a minute's difference, thirty seconds of grace: an honest client keeps its session."""
    ahead, other = hot.stage.workers[:2]
    hold = hot.holding(hot.strict_app)
    family = hold.families[0]
    lost, counter = family.token, family.counter
    assert hot.at(other).rotate(hold, family)
    ahead.shift(60)
    try:
        family.token, family.counter = lost, counter
        assert hot.at(ahead).rotate(hold, family), "the same successor again (P3)"
    finally:
        ahead.shift(0)
    hot.judge()


@pytest.mark.fault("F-33")
def test_the_clock_jumps_back_and_forth_during_a_run(hot: Play) -> None:
    worker = hot.stage.workers[1]
    with hot.crowd():
        for seconds in (300, -300, 0):
            worker.shift(seconds)
            time.sleep(1.5)
    hot.judge()


def published(play: Play, worker: Worker) -> dict[str, jwt.PyJWK]:
    """The JWKS of one worker."""
    answer = play.client.wire.ask("GET", "/.well-known/jwks.json", at=worker.name)
    assert answer.status == 200, answer
    return {key["kid"]: jwt.PyJWK(key) for key in json.loads(answer.body)["keys"]}


KEYS_READ_SECONDS = 2.2  # a worker reads the keys every two seconds: so old is what it publishes


@pytest.mark.fault("F-34")
def test_keys_turn_while_tokens_are_signed(hot: Play) -> None:
    """Each verifies with what was published before it was signed, but for one look more where a kid is new."""
    keys, holds = published(hot, hot.stage.workers[0]), []
    looked = 0
    for turn in range(8):
        hot.stage.rotate_key()
        time.sleep(KEYS_READ_SECONDS)
        worker = hot.stage.workers[turn % 3]
        hold = hot.holding()
        holds.append(hold)
        token = hold.access[-1][0]
        kid = jwt.get_unverified_header(token)["kid"]
        if kid not in keys:
            keys, looked = published(hot, worker), looked + 1
        jwt.decode(token, keys[kid], algorithms=["RS256"], options={"verify_aud": False})
    for hold in holds:
        assert hot.active(hold) is True, "signed by a key that has retired since"
    hot.judge()


@pytest.mark.fault("F-35")
def test_a_key_is_taken_away_in_an_emergency(hot: Play) -> None:
    """Within 2.75 s every worker refuses what it has signed."""
    hold = hot.holding()
    kid = jwt.get_unverified_header(hold.access[-1][0])["kid"]
    services = hot.stage.operator.services
    with services.work():
        services.keys.remove(kid)
    time.sleep(2.75)
    token = hold.access[-1][0]
    for worker in hot.stage.workers:
        answer = hot.client.wire.ask("GET", "/userinfo", at=worker.name, Authorization=f"Bearer {token}")
        assert answer.status == 401, answer
    hot.judge()


@pytest.mark.fault("F-34")
def test_keys_turn_under_load(hot: Play) -> None:
    with hot.crowd():
        for _ in KEYS_TURNED:
            time.sleep(0.4)
            hot.stage.rotate_key()
    hot.judge()
