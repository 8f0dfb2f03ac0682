"""The endpoints of pictures and sound, as callers see them.

Its counterparts are `api`, which finds the model and plays its fault, and `media`, which makes the answers.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from sealgate.simulator.completions import DONE
from sealgate.simulator.errors import out_of_range
from sealgate.simulator.faults import Fault, Model, Serves
from sealgate.simulator.media import (
    form_fields,
    images_of,
    picture_events,
    pictures_body,
    pictures_usage,
    said,
    size_of,
    sound_of,
    speech,
    speech_events,
    transcript_body,
    transcript_events,
    transcript_of,
)
from sealgate.simulator.reading import JsonObject, json_object, model_of
from sealgate.simulator.sending import Sending

FindModel = Callable[[str, Serves, bool], Awaitable[Model | None]]
_PICTURES_MOST: Final = 10


class Media:
    """Answers one request; `find` gives the model to answer with, None if its fault was the answer."""

    def __init__(self, body: bytes, content_type: str, sending: Sending, find: FindModel) -> None:
        self._body, self._content_type = body, content_type
        self._sending, self._find = sending, find

    async def generate(self) -> None:
        """`POST /v1/images/generations`."""
        await self._pictures("image_generation", json_object(self._body))

    async def edit(self) -> None:
        """`POST /v1/images/edits`."""
        fields = form_fields(self._content_type, self._body)
        images_of(fields)
        await self._pictures("image_edit", fields)

    async def speak(self) -> None:
        """`POST /v1/audio/speech`."""
        fields = json_object(self._body)
        words = said(fields, "input")
        said(fields, "voice")
        streams = fields.get("stream_format") == "sse"
        model = await self._find(model_of(fields), Serves.SPEECH, streams)
        if model is None:
            return
        if streams:
            await self._sending.stream(speech_events(words), lambda: b"", model)
        else:
            await self._sending.bytes_of(speech(words), "audio/wav", model)

    async def transcribe(self) -> None:
        """`POST /v1/audio/transcriptions` and `/translations`."""
        fields = form_fields(self._content_type, self._body)
        sound = sound_of(fields)
        streams = _as_flag(fields, "stream")
        model = await self._find(model_of(fields), Serves.TRANSCRIPTS, streams)
        if model is None:
            return
        text, seconds = transcript_of(sound)
        if streams:
            await self._sending.stream(transcript_events(text, seconds), lambda: DONE, model)
            return
        form = fields.get("response_format") or "json"
        body, content_type = transcript_body(text, seconds, str(form))
        if content_type == "application/json":
            await self._sending.whole(body, model, len(text.split()))
        else:
            await self._sending.bytes_of(body, content_type, model)

    async def _pictures(self, kind: str, fields: JsonObject) -> None:
        prompt, size = said(fields, "prompt"), size_of(fields)
        count = _as_whole(fields, "n", 1, _PICTURES_MOST)
        streams = _as_flag(fields, "stream")
        model = await self._find(model_of(fields), Serves.PICTURES, streams)
        if model is None:
            return
        created = int(time.time())
        if streams and model.fault is Fault.NONE:
            partial = _as_whole(fields, "partial_images", 0, 3)
            events = picture_events(kind, prompt, size, partial, created)
            await self._sending.stream(events, lambda: b"", model)
        else:
            made = pictures_usage(prompt, size, count)["output_tokens"]
            await self._sending.whole(pictures_body(prompt, size, count, created), model, made)


def _as_whole(fields: JsonObject, name: str, low: int, high: int) -> int:
    value = fields.get(name)
    if value is None:
        return low
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if not isinstance(value, int) or not low <= value <= high:
        raise out_of_range(name, value if isinstance(value, int | float) else -1, low, high)
    return value


def _as_flag(fields: JsonObject, name: str) -> bool:
    return fields.get(name) in (True, "true")


POSTS: Final[Mapping[str, Callable[[Media], Awaitable[None]]]] = {
    "/v1/images/generations": Media.generate,
    "/v1/images/edits": Media.edit,
    "/v1/audio/speech": Media.speak,
    "/v1/audio/transcriptions": Media.transcribe,
    "/v1/audio/translations": Media.transcribe,
}
