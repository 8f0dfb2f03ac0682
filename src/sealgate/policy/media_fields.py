"""What may stand in requests for images and audio: fields of JSON bodies and of forms (multipart/form-data).

Counterparts: `media.py`, which applies these tables; `forms.py`, which reads the text of a form's fields as
the values that they stand for; `reference.py` draws them. A `FileRow` says how many files a form may carry.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from sealgate.policy.checks import AnyObject, Either, Flag, Matching, Number, OneOf, Refused, Text, Whole
from sealgate.policy.fields import SAFETY_IDENTIFIER, USER, Does, Field


class FileRow(Struct, frozen=True):
    """One file field of a form: how many files it takes, and of which media types."""

    least: int
    most: int
    types: tuple[str, ...]


_MODEL: Final = Field(Does.ALLOW, Text(128), "it must be on the application's list")
_ANOTHER_MODEL: Final = "it has another model write the picture, past the application's list"
_STORED_VOICE: Final = Refused("it names a stored voice", "Name a built-in voice.")
_SIZE: Final = Matching(
    re.compile(r"auto\Z|[1-9][0-9]{1,4}x[1-9][0-9]{1,4}\Z"), "'auto', or width and height such as '1024x1536'"
)
_FORMAT: Final = OneOf(("png", "webp", "jpeg", "gif"), {"svg": _ANOTHER_MODEL})
_ADDRESS: Final = {"url": "the picture would lie at the provider for whoever has its address"}

_PICTURE: Final[Mapping[str, Field]] = {
    "background": Field(Does.ALLOW, OneOf(("transparent", "opaque", "auto"))),
    "complexity": Field(Does.ALLOW, OneOf(("low", "medium", "high"))),
    "frame_count": Field(Does.ALLOW, Whole(2, 16)),
    "frame_duration_ms": Field(Does.ALLOW, Whole(1, 655_350)),
    "model": _MODEL,
    "n": Field(Does.ALLOW, Whole(1, 10), "at most the application's limit of pictures in one request"),
    "output_compression": Field(Does.ALLOW, Whole(0, 100)),
    "output_format": Field(Does.ALLOW, _FORMAT),
    "partial_images": Field(Does.ALLOW, Whole(0, 3)),
    "prompt": Field(Does.ALLOW, Text(32_000)),
    "quality": Field(Does.ALLOW, OneOf(("low", "medium", "high", "xhigh", "max", "auto", "standard", "hd"))),
    "response_format": Field(Does.ALLOW, OneOf(("b64_json",), _ADDRESS)),
    "safety_identifier": SAFETY_IDENTIFIER,
    "size": Field(Does.ALLOW, _SIZE, "at most the application's limit of pixels"),
    "stream": Field(Does.ALLOW, Flag()),
    "svg": Field(Does.REFUSE, AnyObject(), _ANOTHER_MODEL),
    "user": USER,
}
GENERATION_FIELDS: Final[Mapping[str, Field]] = MappingProxyType(
    {
        **_PICTURE,
        "moderation": Field(Does.ALLOW, OneOf(("low", "auto"))),
        "style": Field(Does.ALLOW, OneOf(("vivid", "natural"))),
    }
)
GENERATION_REQUIRED: Final = ("prompt", "model")
EDIT_FIELDS: Final[Mapping[str, Field]] = MappingProxyType(
    {**_PICTURE, "input_fidelity": Field(Does.ALLOW, OneOf(("high", "low")))}
)
EDIT_REQUIRED: Final = ("prompt", "model")

SPEECH_FIELDS: Final[Mapping[str, Field]] = MappingProxyType(
    {
        "input": Field(Does.ALLOW, Text(32_000)),
        "instructions": Field(Does.ALLOW, Text(32_000)),
        "model": _MODEL,
        "response_format": Field(Does.ALLOW, OneOf(("mp3", "opus", "aac", "flac", "wav", "pcm"))),
        "speed": Field(Does.ALLOW, Number(0.25, 4)),
        "stream_format": Field(Does.ALLOW, OneOf(("sse", "audio"))),
        "voice": Field(Does.ALLOW, Either(Text(64), _STORED_VOICE)),
    }
)
SPEECH_REQUIRED: Final = ("input", "model", "voice")

_LANGUAGE: Final = Matching(
    re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*\Z"), "a language tag such as 'en'"
)
_SPOKEN: Final = Matching(re.compile(r"data:audio/[a-z0-9.+-]{1,40};base64,"), "a data: URL of audio")
# Names in brackets are how the SDKs write lists and objects in a form.
TRANSCRIPTION_FIELDS: Final[Mapping[str, Field]] = MappingProxyType(
    {
        "chunking_strategy": Field(Does.ALLOW, OneOf(("auto",))),
        "chunking_strategy[prefix_padding_ms]": Field(Does.ALLOW, Whole(0, 60_000)),
        "chunking_strategy[silence_duration_ms]": Field(Does.ALLOW, Whole(0, 60_000)),
        "chunking_strategy[threshold]": Field(Does.ALLOW, Number(0, 1)),
        "chunking_strategy[type]": Field(Does.ALLOW, OneOf(("server_vad",))),
        "include[]": Field(Does.ALLOW, OneOf(("logprobs",))),
        "keywords[]": Field(Does.ALLOW, Text(256)),
        "known_speaker_names[]": Field(Does.ALLOW, Text(256)),
        "known_speaker_references[]": Field(Does.ALLOW, _SPOKEN),
        "language": Field(Does.ALLOW, _LANGUAGE),
        "languages[]": Field(Does.ALLOW, _LANGUAGE),
        "model": _MODEL,
        "prompt": Field(Does.ALLOW, Text(32_000)),
        "response_format": Field(
            Does.ALLOW, OneOf(("json", "text", "srt", "verbose_json", "vtt", "diarized_json"))
        ),
        "stream": Field(Does.ALLOW, Flag()),
        "temperature": Field(Does.ALLOW, Number(0, 1)),
        "timestamp_granularities[]": Field(Does.ALLOW, OneOf(("word", "segment"))),
    }
)
TRANSLATION_FIELDS: Final[Mapping[str, Field]] = MappingProxyType(
    {
        "model": _MODEL,
        "prompt": Field(Does.ALLOW, Text(32_000)),
        "response_format": Field(Does.ALLOW, OneOf(("json", "text", "srt", "verbose_json", "vtt"))),
        "temperature": Field(Does.ALLOW, Number(0, 1)),
    }
)
SPOKEN_REQUIRED: Final = ("model",)

_PICTURES: Final = ("image/png", "image/jpeg", "image/webp", "image/gif", "application/octet-stream")
_SOUND: Final = (
    "audio/aac", "audio/flac", "audio/m4a", "audio/mp3", "audio/mp4", "audio/mpeg", "audio/mpga", "audio/ogg",
    "audio/opus", "audio/wav", "audio/wave", "audio/webm", "audio/x-flac", "audio/x-m4a", "audio/x-wav",
    "video/mp4", "video/mpeg", "video/webm", "application/octet-stream",
)  # fmt: skip
EDIT_FILES: Final[Mapping[str, FileRow]] = MappingProxyType(
    {
        "image": FileRow(0, 1, _PICTURES),
        "image[]": FileRow(0, 16, _PICTURES),
        "mask": FileRow(0, 1, _PICTURES),
        "markup": FileRow(0, 1, _PICTURES),
    }
)
SPOKEN_FILES: Final[Mapping[str, FileRow]] = MappingProxyType({"file": FileRow(1, 1, _SOUND)})
