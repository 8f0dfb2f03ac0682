"""How each endpoint is spoken: who shapes its request, who meters its answer, how that goes down.

Counterparts: `endpoints.py`, whose names are the keys; `asking.py` and `exchange.py`, which look up here.
One literal table and the small functions that it names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from sealgate.policy.bodies import JSON
from sealgate.policy.document import Action, Endpoint
from sealgate.policy.requests import Shaped
from sealgate.policy.shapes import SHAPES
from sealgate.proxy.assistant_relay import ActionRelay
from sealgate.proxy.input_meter import InputMeter
from sealgate.proxy.metering import ChatMeter
from sealgate.proxy.relay import Relay, StreamRelay
from sealgate.proxy.rendering import render_action, render_free_prompt
from sealgate.proxy.responses_api import ResponsesMeter, ResponsesRelay
from sealgate.proxy.sessions import Verified
from sealgate.proxy.whole_relay import WholeRelay

Shaper = Callable[[dict[str, JSON], Verified, Action | None], Shaped]


class Dialect(msgspec.Struct, frozen=True):
    """`asks`: the provider's endpoint. `shape` raises `Refusal`; `relay` is for an answer of status 200."""

    asks: Endpoint
    shape: Shaper
    relay: Callable[[Shaped], Relay]


def _direct(endpoint: Endpoint) -> Shaper:
    """The policy's own table for an endpoint of the provider."""
    shape = SHAPES[endpoint]
    # The end user's name at the provider is empty until the key is here; the exchange fills it in.
    return lambda body, verified, _action: shape(
        body, verified.application.policy, verified.safety_identifier
    )


_chat = _direct("chat.completions")


def _action(body: dict[str, JSON], verified: Verified, action: Action | None) -> Shaped:
    assert action is not None
    return _chat(render_action(body, action, verified.session.locale), verified, None)


def _prompt(body: dict[str, JSON], verified: Verified, _action: Action | None) -> Shaped:
    prompt = verified.application.policy.prompt
    assert prompt is not None
    return _chat(render_free_prompt(body, prompt, verified.session.locale), verified, None)


def _chat_relay(shaped: Shaped) -> Relay:
    meter = ChatMeter(input_bytes=shaped.input_bytes, usage_asked=shaped.include_usage_asked)
    return StreamRelay(meter) if shaped.stream else WholeRelay(meter)


def _assistant_relay(shaped: Shaped) -> Relay:
    return ActionRelay(ChatMeter(input_bytes=shaped.input_bytes, usage_asked=False))


def _responses_relay(shaped: Shaped) -> Relay:
    meter = ResponsesMeter(input_bytes=shaped.input_bytes)
    return ResponsesRelay(meter) if shaped.stream else WholeRelay(meter)


class VectorsRelay(WholeRelay):
    """An answer of embeddings: a thousand vectors of 3,072 numbers are 16 MB packed and 60 MB written out."""

    limit_bytes = 64 * 1_048_576


def _embeddings_relay(shaped: Shaped) -> Relay:
    return VectorsRelay(InputMeter(input_bytes=shaped.input_bytes))


def _moderations_relay(shaped: Shaped) -> Relay:
    return WholeRelay(InputMeter(input_bytes=shaped.input_bytes))


DIALECTS: Final[Mapping[str, Dialect]] = {
    "chat.completions": Dialect("chat.completions", _chat, _chat_relay),
    "responses": Dialect("responses", _direct("responses"), _responses_relay),
    "embeddings": Dialect("embeddings", _direct("embeddings"), _embeddings_relay),
    "moderations": Dialect("moderations", _direct("moderations"), _moderations_relay),
    "assistant.actions": Dialect("chat.completions", _action, _assistant_relay),
    "assistant.prompt": Dialect("chat.completions", _prompt, _assistant_relay),
}
