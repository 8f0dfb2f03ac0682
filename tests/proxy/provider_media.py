"""What the provider for tests says of pictures and sound, and how it reads the forms that it gets."""

from __future__ import annotations

import json
from collections.abc import Callable
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

PICTURE = "iVBORw0KGgo" * 400
PICTURES_USAGE = {
    "input_tokens": 50,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
    "output_tokens": 1056,
    "total_tokens": 1106,
}
PICTURES: dict[str, Any] = {
    "created": 1,
    "data": [{"b64_json": PICTURE}],
    "output_format": "png",
    "usage": PICTURES_USAGE,
}
SOUND = bytes(range(256)) * 300
SPEECH_USAGE = {"input_tokens": 14, "output_tokens": 101, "total_tokens": 115}
TRANSCRIPT: dict[str, Any] = {
    "text": "A short and clear sentence.",
    "usage": {"type": "tokens", "input_tokens": 30, "output_tokens": 7, "total_tokens": 37},
}
TIMED = {**TRANSCRIPT, "duration": 12.5, "language": "en", "usage": {"type": "duration", "seconds": 12.5}}
SUBTITLES = "1\n00:00:00,000 --> 00:00:01,000\nA short and clear sentence.\n\n"


def read_form(content_type: str, raw: bytes) -> dict[str, Any]:
    """A form as somebody else's parser sees it: text by name, lists for repeated names, files as dicts."""
    message = BytesParser(policy=HTTP).parsebytes(b"content-type: %b\r\n\r\n" % content_type.encode() + raw)
    fields: dict[str, Any] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        assert isinstance(name, str)
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        filename = part.get_filename()
        value: Any = (
            content.decode()[:4000]
            if filename is None
            else {"filename": filename, "type": part.get_content_type(), "content": content}
        )
        if name.endswith("[]"):
            fields.setdefault(name, []).append(value)
        else:
            fields[name] = value
    return fields


def stream(*events: dict[str, Any]) -> bytes:
    """Events as these endpoints send them: named by their type."""
    written = ((each["type"].encode(), json.dumps(each).encode()) for each in events)
    return b"".join(b"event: %b\ndata: %b\n\n" % each for each in written)


def media_answer(target: str, body: dict[str, Any]) -> tuple[str, bytes] | None:
    """Content type and body of an answer; None for an endpoint that is none of these."""
    answer = next((made for end, made in _ANSWERS.items() if target.endswith(end)), None)
    return None if answer is None else answer(body)


def _json(value: dict[str, Any]) -> tuple[str, bytes]:
    return "application/json", json.dumps(value).encode()


def _pictures(kind: str) -> Callable[[dict[str, Any]], tuple[str, bytes]]:
    def answer(body: dict[str, Any]) -> tuple[str, bytes]:
        if body.get("stream") not in (True, "true"):
            count = int(body.get("n") or 1)
            return _json(PICTURES | {"data": [{"b64_json": PICTURE}] * count})
        partial = {"type": f"{kind}.partial_image", "b64_json": PICTURE, "partial_image_index": 0}
        done = {"type": f"{kind}.completed", "b64_json": PICTURE, "usage": PICTURES_USAGE}
        return "text/event-stream", stream(partial, done)

    return answer


def _speech(body: dict[str, Any]) -> tuple[str, bytes]:
    if body.get("stream_format") != "sse":
        return "audio/mpeg", SOUND
    delta = {"type": "speech.audio.delta", "audio": "AAAA"}
    return "text/event-stream", stream(delta, {"type": "speech.audio.done", "usage": SPEECH_USAGE})


def _transcript(body: dict[str, Any]) -> tuple[str, bytes]:
    if body.get("stream") == "true":
        delta = {"type": "transcript.text.delta", "delta": TRANSCRIPT["text"]}
        return "text/event-stream", stream(delta, {"type": "transcript.text.done", **TRANSCRIPT})
    kind = body.get("response_format", "json")
    if kind in ("text", "srt", "vtt"):
        return "text/plain; charset=utf-8", SUBTITLES.encode()
    return _json(TIMED if kind == "verbose_json" else TRANSCRIPT)


_ANSWERS = {
    "/images/generations": _pictures("image_generation"),
    "/images/edits": _pictures("image_edit"),
    "/audio/speech": _speech,
    "/audio/transcriptions": _transcript,
    "/audio/translations": _transcript,
}
