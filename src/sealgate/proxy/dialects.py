"""How each endpoint is spoken: who shapes its request, who meters its answer, how that goes down.

Counterparts: `endpoints.py`, whose names are the keys; `asking.py` and `exchange.py`, which look up here.
One literal table and the small functions that it names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from sealgate.policy.bodies import JSON
from sealgate.policy.clamps import clamped
from sealgate.policy.document import Action, Endpoint, Limits
from sealgate.policy.media import FORMS
from sealgate.policy.requests import Shaped, bytes_of, shape_chat
from sealgate.policy.shapes import SHAPES
from sealgate.proxy.assistant_relay import ActionRelay
from sealgate.proxy.input_meter import InputMeter
from sealgate.proxy.media_meter import MediaMeter
from sealgate.proxy.media_relay import PicturesRelay, PictureStream, SoundRelay, TextRelay
from sealgate.proxy.metering import ChatMeter
from sealgate.proxy.relay import Relay, StreamRelay
from sealgate.proxy.rendering import render_action, render_free_prompt
from sealgate.proxy.responses_api import ResponsesMeter, ResponsesRelay
from sealgate.proxy.sessions import Verified
from sealgate.proxy.whole_relay import WholeRelay
from sealgate.proxy.wire.events import Headers
from sealgate.proxy.wire.forms import FormReader

Shaper = Callable[[dict[str, JSON], Verified, Action | None], Shaped]


Body = list[bytes] | FormReader


class Dialect(msgspec.Struct, frozen=True):
    """`asks`: the provider's endpoint. `shape` raises `Refusal`; `relay` is for an answer of status 200."""

    asks: Endpoint
    shape: Shaper
    relay: Callable[[Shaped], Relay]
    accept: bytes = b"application/json"

    def body(self, headers: Headers) -> Body:
        """What a request's body is gathered in."""
        return FormReader(headers.get(b"content-type", b"")) if self.asks in FORMS else []

    def body_limit(self, limits: Limits) -> int:
        """How long it may be."""
        return limits.upload_bytes if self.asks in FORMS else limits.body_bytes


def _direct(endpoint: Endpoint) -> Shaper:
    """The policy's own table for an endpoint of the provider."""
    shape = SHAPES[endpoint]
    # The end user's name at the provider is empty until the key is here; the exchange fills it in.
    return lambda body, verified, _action: clamped(
        shape(body, verified.policy, verified.safety_identifier), verified.policy.limits
    )


def _rendered(body: dict[str, JSON], verified: Verified) -> Shaped:
    """A chat completion of ours: its first message is the application's own."""
    messages = body["messages"]
    assert isinstance(messages, list)
    ours = messages[0]["content"] if isinstance(messages[0], dict) else ""
    shaped = shape_chat(body, verified.policy, verified.safety_identifier)
    return clamped(shaped, verified.policy.limits, ours_bytes=bytes_of(str(ours)))


def _action(body: dict[str, JSON], verified: Verified, action: Action | None) -> Shaped:
    assert action is not None
    return _rendered(render_action(body, action, verified.session.locale), verified)


def _prompt(body: dict[str, JSON], verified: Verified, _action: Action | None) -> Shaped:
    prompt = verified.policy.prompt
    assert prompt is not None
    return _rendered(render_free_prompt(body, prompt, verified.session.locale), verified)


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


def _form(_body: dict[str, JSON], _verified: Verified, _action: Action | None) -> Shaped:
    raise AssertionError("a form is shaped from its parts")


def _pictures_relay(shaped: Shaped) -> Relay:
    meter = MediaMeter(
        input_bytes=shaped.input_bytes,
        answer="data",
        output_tokens=shaped.output_tokens_clamp,
        pictures=shaped.pictures,
    )
    return PictureStream(meter) if shaped.stream else PicturesRelay(meter)


def _speech_relay(shaped: Shaped) -> Relay:
    meter = MediaMeter(input_bytes=shaped.input_bytes, output_tokens=shaped.output_tokens_clamp)
    return PictureStream(meter) if shaped.stream else SoundRelay(meter)


def _transcript_relay(shaped: Shaped) -> Relay:
    meter = MediaMeter(input_bytes=shaped.input_bytes, answer="text")
    if shaped.stream:
        return StreamRelay(meter)
    plain = shaped.body.get("response_format") in ("text", "srt", "vtt")
    return TextRelay(meter) if plain else WholeRelay(meter)


DIALECTS: Final[Mapping[str, Dialect]] = {
    "chat.completions": Dialect("chat.completions", _direct("chat.completions"), _chat_relay),
    "responses": Dialect("responses", _direct("responses"), _responses_relay),
    "embeddings": Dialect("embeddings", _direct("embeddings"), _embeddings_relay),
    "moderations": Dialect("moderations", _direct("moderations"), _moderations_relay),
    "images.generations": Dialect("images.generations", _direct("images.generations"), _pictures_relay),
    "images.edits": Dialect("images.edits", _form, _pictures_relay),
    "audio.speech": Dialect("audio.speech", _direct("audio.speech"), _speech_relay, b"*/*"),
    "audio.transcriptions": Dialect("audio.transcriptions", _form, _transcript_relay, b"*/*"),
    "audio.translations": Dialect("audio.translations", _form, _transcript_relay, b"*/*"),
    "assistant.actions": Dialect("chat.completions", _action, _assistant_relay),
    "assistant.prompt": Dialect("chat.completions", _prompt, _assistant_relay),
}
