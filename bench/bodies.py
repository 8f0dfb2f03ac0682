"""How long a request's body and session take on the hot path, in microseconds per call.

`python bench/bodies.py [runs]` prints the best of five rounds per step, and the median beside it; compare two
commits on one quiet machine, since absolute figures mean nothing elsewhere.
"""

import json
import statistics
import sys
import timeit
from collections.abc import Callable
from functools import partial

from sealgate.policy.actions import render
from sealgate.policy.bodies import JSON, encode_json_object, parse_json_object
from sealgate.policy.catalogue import starting_policy
from sealgate.policy.requests import shape_chat
from sealgate.session import SessionSigner, SigningKey, peek, verify

POLICY = starting_policy("gpt-sim")
APPLICATION = "app_" + "a" * 20
INSTANCE = "inst_" + "b" * 20
NOW_S = 1_900_000_000
ROUNDS = 5


def chat(turns: int, text: str) -> bytes:
    """A streamed chat completion of this many turns."""
    system: JSON = {"role": "system", "content": "You are a helpful assistant. Answer briefly."}
    messages: list[JSON] = [system]
    messages += [{"role": "assistant" if turn % 2 else "user", "content": text} for turn in range(turns)]
    body: JSON = {"model": "gpt-sim", "messages": messages, "stream": True, "temperature": 0.7}
    return json.dumps(body, ensure_ascii=False).encode()


def whole(raw: bytes) -> bytes:
    """Everything that happens to a body between the two sockets."""
    return encode_json_object(shape_chat(parse_json_object(raw), POLICY, "pn_" + "c" * 20).body)


def steps() -> dict[str, Callable[[], object]]:
    """Name → what is measured."""
    prose = "The quick brown fox: it jumps over the lazy dog. "
    bodies = {
        "1 KB": chat(1, prose * 17),
        "8 KB": chat(1, prose * 165),
        "8 KB in 40 turns": chat(40, prose * 3),
        "8 KB of text that imitates keys": chat(1, '{"a": "b"}, ' * 450),
        "1 MB": chat(1, prose * 20_000),
    }
    measured: dict[str, Callable[[], object]] = {}
    for name, raw in bodies.items():
        measured[f"parse, {name}"] = partial(parse_json_object, raw)
        measured[f"parse, shape and encode, {name}"] = partial(whole, raw)
    key = SigningKey.generate()
    token = SessionSigner(APPLICATION, INSTANCE, key, clock=lambda: NOW_S).token(user="user-17")
    measured["render an action on 1 KB"] = partial(
        render, POLICY.actions[0], prose * 20, {"amount": "by-half"}
    )
    measured["peek at a session token"] = partial(peek, token)
    measured["verify a session token"] = partial(verify, token, (key.public,), INSTANCE, NOW_S)
    return measured


def main(runs: int) -> None:
    """Measure every step and print the table."""
    sys.stdout.write(f"{'best':>9} {'median':>9}  µs per call\n")
    for name, call in steps().items():
        per_round = max(1, runs // 50) if "1 MB" in name else runs
        times_us = [
            1e6 * time_s / per_round for time_s in timeit.repeat(call, number=per_round, repeat=ROUNDS)
        ]
        sys.stdout.write(f"{min(times_us):9.2f} {statistics.median(times_us):9.2f}  {name}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
