"""What is measured: one function a row of the page, each gives plain figures. `compare.py` puts them in a run.

Every function takes the scene; those that compare take gateways in turn, round after round, so that a machine
that gets slower gets slower for all of them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.gateways import GATEWAYS, Gateway, Running
from bench.installation import Installation, family, memory_kb, processor_s
from bench.scene import LONG, SHORT, Scene, free_port, say

from sealgate.proxy.script import Script
from sealgate.proxy.wire.events import Headers

Figures = dict[str, Any]
OURS, DIRECT = "Sealgate", "direct"
WARM_S = 1
FORGED_A_SECOND = 500


@dataclass(frozen=True)
class Amount:
    """How long and how much: of a whole run, and of a short one that only shows that everything works."""

    rounds: int = 3
    seconds: float = 3
    streams: int = 1_000
    streams_model: str = "bench-paced-10"
    held: int = 9_900
    held_tls: int = 5_000
    sessions: int = 20_000
    applications: int = 100_000


QUICK = Amount(
    rounds=1,
    seconds=1,
    streams=200,
    streams_model="bench-paced-2",
    held=500,
    held_tls=200,
    sessions=3_000,
    applications=2_000,
)


@dataclass(frozen=True)
class Target:
    """Somebody who is asked: where, how, and whose processor time counts."""

    name: str
    port: int
    script: Path
    pid: int
    tls: bool = False


@contextmanager
def others(
    scene: Scene, *, tls: bool = False, text: str = SHORT, only: tuple[str, ...] = ()
) -> Iterator[list[Target]]:
    """The other gateways, running."""
    targets: list[Target] = []
    with contextlib.ExitStack() as stack:
        for gateway in GATEWAYS:
            if not gateway.there or (tls and not gateway.tls) or (only and gateway.name not in only):
                continue
            target = started(scene, gateway, stack, tls=tls, text=text)
            if target is not None:
                targets.append(target)
        yield targets


def started(
    scene: Scene, gateway: Gateway, stack: contextlib.ExitStack, *, tls: bool, text: str
) -> Target | None:
    """One of them; nothing where it does not run here, which is said."""
    ends = scene.ends(gateway.name, tls=tls)
    name = f"{gateway.name.lower()}{'-tls' if tls else ''}"
    body = f'{{"model":"{gateway.model}","messages":[{{"role":"user","content":"Hi."}}]}}'.encode()
    try:
        running = Running(gateway, ends, scene.core, body)
    except RuntimeError as error:
        say(f"left out: {error}")
        return None
    stack.callback(running.stop)
    script = scene.script(
        name, text=text, tokens=[""], model=gateway.model, headers=gateway.headers(ends), path=gateway.path
    )
    return Target(gateway.name, running.port, script, running.pid, tls)


@contextmanager
def ours(
    scene: Scene,
    installation: Installation,
    *,
    tls: bool = False,
    text: str = SHORT,
    tokens: int = 64,
    **proxy: Any,
) -> Iterator[Target]:
    """Our proxy, with every promise on."""
    files = scene.tls_settings() if tls else {}
    pid = installation.start_proxy({scene.core}, **files, **proxy)
    try:
        script = scene.script(f"ours-{tls}-{tokens}", text=text, tokens=installation.tokens(tokens))
        yield Target(OURS, installation.port, script, pid, tls)
    finally:
        installation.stop("proxy")


def in_turn(scene: Scene, targets: list[Target], amount: Amount, connections: int = 64) -> dict[str, Figures]:
    """Each in its turn, round after round: the median of the rounds.

    `per_core_s` is requests in a second of the gateway's own processor time: what a core gives that it has alone.
    """
    rounds: dict[str, list[Figures]] = {target.name: [] for target in targets}
    for target in targets:
        with alone(target, targets):
            scene.wrk(target.port, target.script, seconds=WARM_S, connections=connections, tls=target.tls)
    for _ in range(amount.rounds):
        for target in targets:
            with alone(target, targets):
                figures = one_round(scene, target, amount.seconds, connections)
            rounds[target.name].append(figures)
            say(
                f"  {target.name}: {figures['per_s']:.0f}/s, {figures['per_core_s']:.0f} per second of a core"
            )
    return {name: middle(all_rounds) for name, all_rounds in rounds.items()}


@contextmanager
def alone(target: Target, targets: list[Target]) -> Iterator[None]:
    """Halt the other gateways: what one still works at after its turn is not to cost the next one its core."""
    waiting = [each for each in targets if each.name not in {target.name, DIRECT, OURS}]
    halted = [pid for each in waiting for pid in family(each.pid)]
    for pid in halted:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in halted:
            os.kill(pid, signal.SIGCONT)


def one_round(scene: Scene, target: Target, seconds: float, connections: int = 64) -> Figures:
    """One gateway's turn."""
    before_s = processor_s(target.pid)
    figures = scene.wrk(target.port, target.script, seconds=seconds, connections=connections, tls=target.tls)
    spent_s = max(0.01, processor_s(target.pid) - before_s)
    figures["per_s"] = figures["requests"] / figures["seconds"]
    figures["per_core_s"] = figures["requests"] / spent_s
    figures["busy"] = spent_s / figures["seconds"]
    return figures


def middle(rounds: list[Figures]) -> Figures:
    """The median of each figure; failures are added up."""
    found = {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
    return {**found, "failed": sum(each["failed"] for each in rounds)}


# Rows.


def plain(scene: Scene, installation: Installation, amount: Amount) -> Figures:
    """Requests in the clear, and what one connection waits, with everybody who is installed."""
    with others(scene) as targets, ours(scene, installation) as own:
        busy = in_turn(scene, [*targets, own], amount)
        short = Amount(rounds=amount.rounds, seconds=min(2, amount.seconds))
        return {
            "requests": busy,
            "one connection": in_turn(scene, [direct(scene), *targets, own], short, connections=1),
        }


def direct(scene: Scene) -> Target:
    """Nobody between: what the provider and the machine take by themselves."""
    return Target(DIRECT, scene.provider, scene.script("direct", tokens=[""]), scene._providers[0].pid)


def long_prompt(scene: Scene, installation: Installation, amount: Amount) -> Figures:
    """The same with a prompt of 8 KB."""
    lines = ("nginx", "haproxy", "Envoy")
    with others(scene, text=LONG, only=lines) as targets, ours(scene, installation, text=LONG) as own:
        return in_turn(scene, [*targets, own], amount)


def both_tls(scene: Scene, installation: Installation, amount: Amount) -> Figures:
    """TLS 1.3 on both sides."""
    with others(scene, tls=True) as targets, ours(scene, installation, tls=True) as own:
        return in_turn(scene, [*targets, own], amount)


def new_sessions(scene: Scene, installation: Installation, amount: Amount) -> Figures:
    """Every request brings a session that was never seen: its signature is checked."""
    with ours(scene, installation) as own:
        scene.wrk(own.port, own.script, seconds=WARM_S)
        fresh = scene.script("sessions", tokens=installation.tokens(amount.sessions))
        return {OURS: one_round(scene, replace(own, script=fresh), min(amount.seconds, 2))}


def forged_tokens(scene: Scene, installation: Installation, amount: Amount) -> Figures:
    """Processor time of a request whose token is forged, beside one of a session that is known.

    As many a second as are looked at, so that no flood is noticed.
    """
    tokens = installation.tokens(64)
    heads = [token.rpartition(".")[0] for token in tokens]
    other = [token.rpartition(".")[2] for token in tokens[1:] + tokens[:1]]
    files = {
        "good": scene.requests("good", model="bench", stream=False, tokens=tokens),
        "forged": scene.requests("forged", model="bench", stream=False, tokens=map(".".join, zip(heads, other, strict=True))),
    }  # fmt: skip
    found: dict[str, list[float]] = {name: [] for name in files}
    with ours(scene, installation) as own:
        scene.wrk(own.port, own.script, seconds=WARM_S)
        for _ in range(amount.rounds):
            for name, asked in files.items():
                before_s = processor_s(own.pid)
                scene.load("requests", own.port, 0, asked, 64, FORGED_A_SECOND, 2)
                found[name].append((processor_s(own.pid) - before_s) / (2 * FORGED_A_SECOND))
    return {f"{name}_us": 1e6 * statistics.median(each) for name, each in found.items()}


def assistants_script() -> Figures:
    """The assistant as a browser gets it, whole: nothing of it comes later."""
    _status, fields, packed = Script().answer(".js", Headers({b"accept-encoding": b"gzip"}))
    assert (b"content-encoding", b"gzip") in fields
    return {"kb": len(packed) / 1024}


def cold_keys(scene: Scene, installation: Installation, amount: Amount) -> Figures:
    """No key is kept: the vault opens it again for every request that finds none."""
    with ours(scene, installation, credential_cache_s=0.0) as own:
        return in_turn(scene, [own], amount)


def first_byte(scene: Scene, installation: Installation, amount: Amount, half_per_s: float) -> Figures:
    """The first byte of a stream at half of what our proxy takes, beside going direct at the same pace."""
    rate, seconds = max(50, int(half_per_s)), max(2, amount.seconds)
    asked = scene.requests("first-direct", model="bench", stream=True)
    found = {"rate": rate, "direct": scene.load("requests", scene.provider, 0, asked, 256, rate, seconds)}
    with ours(scene, installation) as own:
        tokens = installation.tokens(64)
        asked = scene.requests("first-ours", model="bench", stream=True, tokens=tokens)
        scene.load("requests", own.port, 0, asked, 256, rate, 1)
        found[OURS] = scene.load("requests", own.port, 0, asked, 256, rate, seconds)
    return found


def streams(scene: Scene, installation: Installation, amount: Amount) -> Figures:
    """Many streams at 50 events a second each: how late every event comes."""
    count, model = amount.streams, amount.streams_model
    asked = scene.requests("streams", model=model, stream=True)
    found = {"streams": count, "direct": scene.load("streams", scene.provider, 0, asked, count)}
    with others(scene, only=("nginx", "haproxy", "Envoy")) as targets:
        for target in targets:
            found[target.name] = paced(scene, target, asked, count)
    with ours(scene, installation) as own:
        tokens = installation.tokens(64)
        asked = scene.requests("streams-ours", model=model, stream=True, tokens=tokens)
        found[OURS] = paced(scene, own, asked, count)
    return found


def paced(scene: Scene, target: Target, asked: Path, count: int) -> Figures:
    """All streams through one gateway, with the processor time that it took."""
    before_s, began_s = processor_s(target.pid), time.monotonic()
    figures = scene.load("streams", target.port, 0, asked, count)
    figures["busy"] = (processor_s(target.pid) - before_s) / (time.monotonic() - began_s)
    return figures


def held_streams(scene: Scene, installation: Installation, amount: Amount, *, tls: bool = False) -> Figures:
    """Open streams on which nothing moves: memory of each, and what a new request waits meanwhile."""
    count = amount.held_tls if tls else amount.held
    with ours(scene, installation, tls=tls) as own:
        scene.wrk(own.port, own.script, seconds=WARM_S, tls=tls)
        alone = scene.wrk(own.port, own.script, seconds=1, connections=1, tls=tls)
        before_kb = memory_kb(own.pid)
        asked = scene.requests("held", model="bench-idle", stream=True, tokens=installation.tokens(64))
        words = ("hold", own.port, int(tls), asked, count)
        command = [str(scene.programs["load"]), *map(str, words)]
        holding = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert holding.stdout is not None
        held = int(holding.stdout.readline().split()[1])
        after_kb = memory_kb(own.pid)
        meanwhile = scene.wrk(own.port, own.script, seconds=1, connections=1, tls=tls)
        holding.communicate("")
    each_kb = (after_kb - before_kb) / max(1, held)
    return {
        "held": held, "kb_each": each_kb, "p50_us_alone": alone["p50_us"], "p50_us_meanwhile": meanwhile["p50_us"],
        "p99_us_alone": alone["p99_us"], "p99_us_meanwhile": meanwhile["p99_us"],
    }  # fmt: skip


def starting(scene: Scene, installation: Installation, amount: Amount) -> Figures:
    """From the command to the first answer, and memory at rest after it."""
    body = b'{"model":"bench","messages":[{"role":"user","content":"Hi."}]}'
    token, times, sizes = installation.tokens(1)[0], [], []
    for _ in range(amount.rounds):
        began_s = time.monotonic()
        pid = installation.start_proxy({scene.core}, then=False)
        first_answer(installation.port, body, token)
        times.append(time.monotonic() - began_s)
        sizes.append(memory_kb(pid) / 1024)
        installation.stop("proxy")
    return {"start_s": statistics.median(times), "rest_mb": statistics.median(sizes)}


def first_answer(port: int, body: bytes, token: str) -> None:
    """Ask until there is an answer."""
    from bench.gateways import ask  # noqa: PLC0415

    end = time.monotonic() + 30
    while True:
        try:
            ask(port, "/v1/chat/completions", {"authorization": f"Bearer {token}"}, body)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.005)
        else:
            return


def workers(scene: Scene, installation: Installation, amount: Amount) -> Figures:
    """Two workers that count together in Redis, beside one worker that does, and one that counts alone.

    Load and store share the two cores with them, so that requests by processor time are what tells.
    """
    port = free_port()
    store = subprocess.Popen(
        (
            "taskset",
            "-c",
            str(scene.other),
            "redis-server",
            "--port",
            str(port),
            "--save",
            "",
            "--bind",
            "127.0.0.1",
        ),
        stdout=subprocess.DEVNULL,
    )
    limits = {"store": f"redis://127.0.0.1:{port}"}
    found: Figures = {}
    try:
        script = scene.script("workers", tokens=installation.tokens(64))
        for name, count, changes in (("one alone", 1, {}), ("one", 1, limits), ("two", 2, limits)):
            cores = {scene.core} if count == 1 else {scene.core, scene.other}
            pid = installation.start_proxy(cores, limits=changes, workers=count)
            found[name] = in_turn(scene, [Target(name, installation.port, script, pid)], amount)[name]
            installation.stop("proxy")
    finally:
        store.terminate()
        store.wait()
    return found
