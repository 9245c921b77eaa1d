"""APIs that ask themselves without a pause whether a token still lives: ``python -m tests.bench.apis spec.json``.

Several in one process, each with a Verifier and a thread of its own in mode ``stream``. Lines on stdin: ``{"token":
…}`` sets them watching; each tells when it has accepted it once and when it has refused it, by the clock that all
processes of a machine share.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from idp.resource_server import TokenInvalid, Verifier, VerifierUnavailable

PAUSE_SECONDS = 0.005
_out = threading.Lock()


def tell(**members: Any) -> None:
    """One line."""
    with _out:
        print(json.dumps(members), flush=True)


def watch(number: int, verifier: Verifier, token: str, until: threading.Event) -> None:
    """Until the token is refused, or until told to stop. 503 is neither acceptance nor refusal."""
    accepted, silent, asked, last = 0, 0, 0, 0.0

    def told(what: str) -> None:
        tell(api=number, what=what, at=time.monotonic(), last=last, accepted=accepted, silent=silent, asked=asked)

    while not until.is_set():
        began = time.monotonic()
        try:
            verifier.check(token)
        except TokenInvalid:
            told("refused")
            return
        except VerifierUnavailable:
            silent += 1
        else:
            accepted, last = accepted + 1, began
            asked += not verifier.fresh
            if accepted == 1:
                tell(api=number, what="accepted", at=began)
        time.sleep(PAUSE_SECONDS)
    told("stopped")


def main() -> None:
    """Read commands until stdin ends."""
    spec: Mapping[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    verifiers = {
        number: Verifier(
            spec["issuer"], spec["audience"], client_id=spec["client_id"], client_secret=spec["secret"],
            mode="stream", timeout=2,
        )
        for number in spec["numbers"]
    }  # fmt: skip
    for verifier in verifiers.values():
        verifier.start()
    until = threading.Event()
    for line in sys.stdin:
        command = json.loads(line)
        if command.get("stop"):
            until.set()
            continue
        if command.get("fresh"):
            tell(what="fresh", count=sum(verifier.fresh for verifier in verifiers.values()))
            continue
        until = threading.Event()
        for number, verifier in verifiers.items():
            threading.Thread(target=watch, args=(number, verifier, command["token"], until), daemon=True).start()
    for verifier in verifiers.values():
        verifier.close()


if __name__ == "__main__":
    main()
