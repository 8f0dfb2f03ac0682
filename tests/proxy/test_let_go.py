"""What an exchange held goes with it, at once: nothing waits for a collector that comes rarely."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Iterator

import pytest

from sealgate.messages.frames import Refusal
from sealgate.policy.budgets import Budget
from sealgate.policy.document import ENDPOINTS, Limits
from sealgate.policy.requests import Shaped
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.exchange import Exchange
from sealgate.proxy.wire.forms import FormReader, Upload
from tests.proxy.form_writing import TYPE, form
from tests.proxy.world import World, prompt, until

QUICK = Limits(
    requests_per_minute=1_000, concurrent_streams=100, retries=1, first_byte_s=0.3, idle_s=0.3, connect_s=0.3
)
HELD = (Exchange, FormReader, ProxyError, Shaped, Upload)


@pytest.fixture
def collector() -> Iterator[None]:
    """Off, and found clean."""
    gc.collect()
    gc.disable()
    yield
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


def left_over() -> list[str]:
    """What of an exchange only a collector would have let go."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    found = sorted({type(each).__name__ for each in gc.garbage if isinstance(each, HELD)})
    gc.garbage.clear()
    return found


Ask = Callable[[World], Awaitable[object]]


def a_form(model: str) -> Ask:
    raw = form([("model", model), ("file", ("a.wav", "audio/wav", b"RIFF" * 100))])
    return lambda world: world.chat(raw, target="/v1/audio/transcriptions", content_type=TYPE)


def a_chat(model: str = "gpt-test", *, stream: bool = True) -> Ask:
    return lambda world: world.chat(prompt(model, stream=stream))


async def who_leaves(world: World) -> None:
    (await world.stream()).close()


async def whom_the_vault_refuses(world: World) -> None:
    world.running.parts.credentials.wipe_all()
    world.vault.refusal = Refusal(code="open_quota", message="Later.")
    assert (await world.chat()).error["code"] == "open_quota"


async def whose_provider_is_gone(world: World) -> None:
    await world.provider.close()
    world.running.parts.pool.close()
    assert (await world.chat()).error["code"] == "provider_unreachable"


async def whose_provider_rests(world: World) -> None:
    for _ in range(11):
        await world.chat(prompt("echo-401"))
    assert world.running.parts.breakers.opened


ASKED: dict[str, Ask] = {
    "a chat": a_chat(stream=False),
    "a stream": a_chat(),
    "a refused model": a_chat("gpt-secret"),
    "an action": lambda world: world.action({"text": "x", "parameters": {}}),
    "an upload": a_form("gpt-test"),
    "an upload that is refused": a_form("gpt-secret"),
    "an upload that fails": a_form("reset-at-once"),
    "a refused key": a_chat("echo-401"),
    "errors that are tried again": a_chat("html-500"),
    "a reset": a_chat("reset"),
    "a stream without its end": a_chat("truncated"),
    "no HTTP": a_chat("garbage"),
    "silence": a_chat("hang"),
    "a cut": a_chat("flood"),
    "who leaves": who_leaves,
    "whom the vault refuses": whom_the_vault_refuses,
    "whose provider is gone": whose_provider_is_gone,
    "whose provider rests": whose_provider_rests,
}


@pytest.mark.parametrize("asked", ASKED)
async def test_nothing_of_an_exchange_waits_for_a_collector(
    world: World, collector: None, asked: str
) -> None:
    budgets = (Budget("user", "tokens", "day", 3_000),)
    world.publish(QUICK, rules={"endpoints": ENDPOINTS, "budgets": budgets})
    await world.chat()
    left_over()
    await ASKED[asked](world)
    await until(lambda: not world.running.parts.running and not world.running.parts.pool.connecting)
    assert left_over() == []
