"""Pictures, speech and transcripts: small, deterministic, and real files of their kinds.

Its counterparts are the SDKs' types and the proxy's meter. A picture is one colour drawn from the prompt,
speech is a tone for each word, a transcript tells how long the sound was; nothing is recognised.
"""

from __future__ import annotations

import base64
import io
import math
import struct
import wave
import zlib
from collections.abc import Iterator, Sequence
from email.parser import BytesParser
from email.policy import HTTP
from hashlib import blake2b
from typing import Any, Final

import msgspec

from sealgate.simulator.completions import pieces_of
from sealgate.simulator.errors import missing, unreadable_body, wrong_value
from sealgate.simulator.reading import JsonObject

_FORM: Final = "multipart/form-data"
_SIZES: Final = {"auto": (1024, 1024)}
_MOST_EDGE: Final = 3_840
_RATE_HZ: Final = 8_000
_SECONDS_PER_WORD: Final = 0.1
_MOST_WORDS: Final = 200
_BYTES_PER_SECOND: Final = 16_000
TRANSCRIPT: Final = "This is a simulated transcript of {seconds:.1f} seconds of sound."


class File(msgspec.Struct, frozen=True):
    """A file of a form."""

    filename: str
    content: bytes


def form_fields(content_type: str, body: bytes) -> JsonObject:
    """A form's fields: text, lists of text for names in `[]`, `File` for files; raises `ApiError`."""
    if not content_type.lower().startswith(_FORM):
        raise unreadable_body()
    message = BytesParser(policy=HTTP).parsebytes(f"content-type: {content_type}\r\n\r\n".encode() + body)
    fields: JsonObject = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(content, bytes):
            raise unreadable_body()
        filename = part.get_filename()
        value = content.decode("utf-8", "replace") if filename is None else File(filename, content)
        if name.endswith("[]"):
            listed = fields.setdefault(name.removesuffix("[]"), [])
            assert isinstance(listed, list)
            listed.append(value)
        else:
            fields[name] = value
    return fields


def said(fields: JsonObject, name: str) -> str:
    """A text that must be there; raises `ApiError`."""
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise missing(name)
    return value


def sound_of(fields: JsonObject) -> File:
    """The sound that must be there; raises `ApiError`."""
    value = fields.get("file")
    if not isinstance(value, File):
        raise missing("file")
    return value


def size_of(fields: JsonObject) -> tuple[int, int]:
    """Width and height in pixels; raises `ApiError`."""
    size = fields.get("size") or "auto"
    if not isinstance(size, str):
        raise wrong_value("size", str(size), ("auto", "1024x1024"))
    if size in _SIZES:
        return _SIZES[size]
    width, _, height = size.partition("x")
    if not (width.isdecimal() and height.isdecimal() and 16 <= int(width) <= _MOST_EDGE >= int(height) >= 16):
        raise wrong_value("size", size, ("auto", "1024x1024", "1536x1024", "1024x1536"))
    return int(width), int(height)


def picture(prompt: str, number: int, size: tuple[int, int]) -> bytes:
    """A PNG (RFC 2083) in one colour that the prompt decides."""
    width, height = size
    colour = blake2b(f"{number} {prompt}".encode("utf-8", "surrogatepass"), digest_size=3).digest()
    rows = zlib.compress((b"\0" + colour * width) * height, 1)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pictures_usage(prompt: str, size: tuple[int, int], count: int) -> dict[str, Any]:
    """Tokens as OpenAI reports them for pictures."""
    given = len(pieces_of(prompt))
    made = count * (size[0] * size[1] // 1_024)
    return {
        "input_tokens": given,
        "input_tokens_details": {"text_tokens": given, "image_tokens": 0},
        "output_tokens": made,
        "total_tokens": given + made,
    }


def pictures_body(prompt: str, size: tuple[int, int], count: int, created: int) -> bytes:
    """What a whole answer of pictures says."""
    data = [{"b64_json": _base64(picture(prompt, number, size))} for number in range(count)]
    usage = pictures_usage(prompt, size, count)
    return msgspec.json.encode({"created": created, "data": data, "output_format": "png", "usage": usage})


def picture_events(
    kind: str, prompt: str, size: tuple[int, int], partial: int, created: int
) -> Iterator[tuple[bytes, int]]:
    """The events of one streamed picture, with the tokens that each carries."""
    told: dict[str, Any] = {
        "created_at": created,
        "background": "opaque",
        "output_format": "png",
        "quality": "medium",
        "size": f"{size[0]}x{size[1]}",
    }
    content = _base64(picture(prompt, 0, size))
    for index in range(partial):
        event = {"type": f"{kind}.partial_image", "b64_json": content, "partial_image_index": index}
        yield named(event | told), 100
    usage = pictures_usage(prompt, size, 1)
    done = {"type": f"{kind}.completed", "b64_json": content, "usage": usage}
    yield named(done | told), int(usage["output_tokens"])


def speech(words: str) -> bytes:
    """A WAV with a short tone for each word."""
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE_HZ)
        for word in words.split()[:_MOST_WORDS]:
            file.writeframes(_tone(220.0 + 40.0 * (len(word) % 12)))
    return sound.getvalue()


def _tone(hertz: float) -> bytes:
    count = int(_RATE_HZ * _SECONDS_PER_WORD)
    turns = 2 * math.pi * hertz / _RATE_HZ
    return struct.pack(f"<{count}h", *(int(8_000 * math.sin(turns * each)) for each in range(count)))


def speech_events(words: str) -> Iterator[tuple[bytes, int]]:
    """Speech as events, with the tokens that each carries."""
    content = speech(words)
    for at in range(0, len(content), 4_096):
        yield named({"type": "speech.audio.delta", "audio": _base64(content[at : at + 4_096])}), 10
    given, made = len(pieces_of(words)), len(content) // 400
    usage = {"input_tokens": given, "output_tokens": made, "total_tokens": given + made}
    yield named({"type": "speech.audio.done", "usage": usage}), made


def transcript_of(sound: File) -> tuple[str, float]:
    """What is told of a sound, and how long it is taken for, in seconds."""
    seconds = len(sound.content) / _BYTES_PER_SECOND
    return TRANSCRIPT.format(seconds=seconds), seconds


def transcript_usage(text: str, seconds: float) -> dict[str, Any]:
    """Tokens as OpenAI reports them for transcripts."""
    given, made = max(1, int(10 * seconds)), len(pieces_of(text))
    return {"type": "tokens", "input_tokens": given, "output_tokens": made, "total_tokens": given + made}


def transcript_body(text: str, seconds: float, form: str) -> tuple[bytes, str]:
    """A whole transcript in one of its forms, and its content type; raises `ApiError`."""
    match form:
        case "json":
            told: dict[str, Any] = {"text": text, "usage": transcript_usage(text, seconds)}
        case "verbose_json":
            told = {
                "task": "transcribe",
                "language": "english",
                "duration": seconds,
                "text": text,
                "segments": [],
                "usage": {"type": "duration", "seconds": seconds},
            }
        case "text":
            return f"{text}\n".encode(), "text/plain; charset=utf-8"
        case "srt":
            return f"1\n00:00:00,000 --> 00:00:05,000\n{text}\n\n".encode(), "text/plain; charset=utf-8"
        case "vtt":
            return f"WEBVTT\n\n00:00:00.000 --> 00:00:05.000\n{text}\n".encode(), "text/plain; charset=utf-8"
        case _:
            raise wrong_value("response_format", form, ("json", "text", "srt", "verbose_json", "vtt"))
    return msgspec.json.encode(told), "application/json"


def transcript_events(text: str, seconds: float) -> Iterator[tuple[bytes, int]]:
    """A transcript as events, with the tokens that each carries."""
    for piece in pieces_of(text):
        yield named({"type": "transcript.text.delta", "delta": piece}), 1
    done = {"type": "transcript.text.done", "text": text, "usage": transcript_usage(text, seconds)}
    yield named(done), 0


def named(event: dict[str, Any]) -> bytes:
    """One event, named by its type."""
    return f"event: {event['type']}\n".encode() + b"data: %b\n\n" % msgspec.json.encode(event)


def images_of(fields: JsonObject) -> Sequence[File]:
    """The pictures that are to be edited; raises `ApiError` where there is none."""
    given = fields.get("image")
    found = [each for each in (given if isinstance(given, list) else [given]) if isinstance(each, File)]
    if not found:
        raise missing("image")
    return found


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
