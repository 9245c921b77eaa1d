"""``python -m tests.bench.sdk``: what it costs an API to verify a token, and what revocations cost in memory.

In one process, in turns, in CPU time of this thread: mode ``local`` and mode ``stream`` with the revocations
fresh (100,000 of them in memory, none of this token), for a token seen before; a new token; the same by
``jwt.decode`` alone. Medians of many short turns, so that what else runs on the machine counts little.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median

import jwt

from idp.resource_server import Verifier
from idp.resource_server.revocation_page import read_page
from idp.resource_server.revocations import RevocationMap
from tests.resource_server.fake_issuer import AUDIENCE, CREDENTIALS, FakeIssuer
from tests.resource_server.fake_log import honest

ENTRIES = 100_000
PAGE = 1000
MOST_RATIO = 1.15


@dataclass(frozen=True)
class Figures:
    """Microseconds of CPU for one token; megabytes for 100,000 revocations."""

    local: float
    stream: float
    ratio: float
    new_token: float
    pyjwt: float
    memory: float


def measure(turns: int = 150, calls: int = 500) -> Figures:
    """Everything, against an issuer of this process. ``turns`` of ``calls`` each."""
    with FakeIssuer() as issuer:
        issuer.log.speaks = honest
        options = {"client_id": CREDENTIALS[0], "client_secret": CREDENTIALS[1], "bound": 5.0}
        with (
            Verifier(issuer.url, AUDIENCE, remembered=0, mode="local") as forgetful,
            Verifier(
                issuer.url,
                AUDIENCE,
                mode="stream",
                **options,  # type: ignore[arg-type]
            ) as verifier,
        ):
            for number in range(ENTRIES):
                issuer.log.revoke("sid", _sid(number))
            verifier.start()
            _wait(lambda: verifier.fresh and verifier.revocations == ENTRIES)
            header = f"Bearer {issuer.token(exp=int(time.time()) + 3600)}"
            local = verifier.require(scope="notes.read", mode="local")
            stream = verifier.require(scope="notes.read", mode="stream")
            forgetful.verify(header)
            once = forgetful.require(scope="notes.read")
            issuer.log.paused = True  # the follower takes no turn of ours
            verifier._revocations.fresh_until = float("inf")
            acts: list[Callable[[], object]] = [
                lambda: verifier.admit(header, local), lambda: verifier.admit(header, stream),
            ]  # fmt: skip
            pairs = [[_cost(act, calls) for act in acts] for _ in range(turns)]
            new = [_cost(lambda: forgetful.admit(header, once), calls // 10) for _ in range(turns // 5)]
            plain = [_cost(_by_pyjwt(issuer, header), calls // 10) for _ in range(turns // 5)]
    costs = [median(pair[which] for pair in pairs) for which in range(2)]
    ratio = median(pair[1] / pair[0] for pair in pairs)
    return Figures(costs[0], costs[1], ratio, median(new), median(plain), memory())


def memory(entries: int = ENTRIES) -> float:
    """Megabytes that a map of so many session ids takes, built from pages as they come."""
    gc.collect()
    tracemalloc.start()
    revoked = RevocationMap()
    now = int(time.time())
    for first in range(0, entries, PAGE):
        page = {
            "head": first + PAGE, "more": True,
            "entries": [
                {"seq": n, "kind": "sid", "value": _sid(n), "at": now + 0.5, "exp": now + n % 900}
                for n in range(first, first + PAGE)
            ],
        }  # fmt: skip
        revoked.apply(read_page(json.loads(json.dumps(page))).entries)
        del page
    gc.collect()
    held, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(revoked) == entries
    return held / 1e6


def _sid(number: int) -> str:
    return f"{number:08x}-3b1f-4c55-9d0a-8f6f2f0c7a11"


def _cost(act: Callable[[], object], calls: int) -> float:
    """Microseconds of this thread's CPU for one call."""
    began = time.thread_time()
    for _ in range(calls):
        act()
    return (time.thread_time() - began) / calls * 1e6


def _by_pyjwt(issuer: FakeIssuer, header: str) -> Callable[[], object]:
    """What a verifier without memory and with ``jwt.decode`` does for each request."""
    key = jwt.PyJWK(issuer.jwks()["keys"][0], algorithm="RS256")
    token = header.removeprefix("Bearer ")
    required = {"require": ["iss", "sub", "client_id", "jti", "exp", "iat", "aud"]}

    def decode() -> object:
        head = jwt.get_unverified_header(token)
        claims = jwt.decode(
            token, key, algorithms=["RS256"], issuer=issuer.url, audience=AUDIENCE, leeway=5, options=required
        )  # type: ignore[call-overload]
        return head, claims

    return decode


def _wait(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError("the revocations did not come")
        time.sleep(0.05)


def main() -> int:
    """0 if a token in mode ``stream`` costs at most 1.15 times what it costs in mode ``local``."""
    parser = argparse.ArgumentParser("python -m tests.bench.sdk", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    figures = measure()
    if arguments.json:
        print(json.dumps(asdict(figures)))
    else:
        print(
            f"local                       {figures.local:8.2f} µs a token seen before\n"
            f"stream                      {figures.stream:8.2f} µs a token seen before\n"
            f"stream / local              {figures.ratio:8.3f}    (at most {MOST_RATIO})\n"
            f"a new token (RS256)         {figures.new_token:8.2f} µs\n"
            f"  by jwt.decode             {figures.pyjwt:8.2f} µs\n"
            f"100,000 revocations         {figures.memory:8.1f} MB"
        )
    return 0 if figures.ratio <= MOST_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
