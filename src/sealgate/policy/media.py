"""Shape requests for images and audio: what costs by the picture, by the second or by the letter.

Counterparts: `media_fields.py`, the tables; `shapes.py`, the endpoints that answer with text. A request for
them names its model: the provider's own choice could be any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from msgspec import Struct, structs

from sealgate.policy.bodies import JSON
from sealgate.policy.document import Endpoint, Policy
from sealgate.policy.fields import Field
from sealgate.policy.forms import Part, check_files, fields_of
from sealgate.policy.media_fields import (
    EDIT_FIELDS,
    EDIT_FILES,
    EDIT_REQUIRED,
    GENERATION_FIELDS,
    GENERATION_REQUIRED,
    SPEECH_FIELDS,
    SPEECH_REQUIRED,
    SPOKEN_FILES,
    SPOKEN_REQUIRED,
    TRANSCRIPTION_FIELDS,
    TRANSLATION_FIELDS,
    FileRow,
)
from sealgate.policy.refusals import Refusal
from sealgate.policy.requests import Shaped, bytes_of, check_model, listed_fields

_BYTES_PER_TOKEN: Final = 4
AUTO_PIXELS: Final = 1536 * 1024
"""What `auto`, or no size, may come to."""
PIXELS_PER_TOKEN: Final = 128
"""A picture of high quality takes about 250 pixels a token; the finest may take twice as many tokens."""
PICTURE_INPUT_TOKENS: Final = 2_048
SOUND_BYTES_PER_TOKEN: Final = 1_600
"""Ten tokens a second of sound at 128 kbit/s."""
SPEECH_TOKENS_PER_BYTE: Final = 2
TRANSCRIPT_TOKENS: Final = 8_192


class FormRow(Struct, frozen=True):
    """An endpoint that takes a form: its text fields, those that must be there, and its files."""

    fields: Mapping[str, Field]
    required: tuple[str, ...]
    files: Mapping[str, FileRow]


FORMS: Final[Mapping[Endpoint, FormRow]] = MappingProxyType(
    {
        "images.edits": FormRow(EDIT_FIELDS, EDIT_REQUIRED, EDIT_FILES),
        "audio.transcriptions": FormRow(TRANSCRIPTION_FIELDS, SPOKEN_REQUIRED, SPOKEN_FILES),
        "audio.translations": FormRow(TRANSLATION_FIELDS, SPOKEN_REQUIRED, SPOKEN_FILES),
    }
)


def shape_generation(body: dict[str, JSON], policy: Policy, pseudonym: str | None) -> Shaped:
    """Check a request for pictures and shape it for the provider; raises `Refusal` by field."""
    shaped = listed_fields(body, GENERATION_FIELDS, GENERATION_REQUIRED, policy)
    return _pictures(shaped, policy, pseudonym, ())


def shape_speech(body: dict[str, JSON], policy: Policy, pseudonym: str | None) -> Shaped:
    """Check a request for speech; nothing in it names the end user, so the `pseudonym` stays here."""
    del pseudonym
    shaped = listed_fields(body, SPEECH_FIELDS, SPEECH_REQUIRED, policy)
    input_bytes = bytes_of(_said(shaped, "input")) + bytes_of(_said(shaped, "instructions"))
    return Shaped(
        body=shaped,
        model=check_model(shaped["model"], policy.models),
        stream=shaped.get("stream_format") == "sse",
        include_usage_asked=True,
        output_tokens_clamp=SPEECH_TOKENS_PER_BYTE * input_bytes + 256,
        input_bytes=input_bytes,
    )


def shape_form(endpoint: Endpoint, parts: Sequence[Part], policy: Policy, pseudonym: str | None) -> Shaped:
    """Check a form and shape it for the provider; raises `Refusal` by field."""
    row = FORMS[endpoint]
    # A name in a form can hide another in brackets: what no table lists never passes.
    policy = structs.replace(policy, allow_unknown_fields=False)
    given = fields_of(parts, row.fields)
    for name, value in given.items():  # a list's items are checked by its row, one by one
        if name.endswith("[]") and isinstance(value, list):
            for item in value:
                listed_fields({name: item}, row.fields, (), policy)
    single = {name: value for name, value in given.items() if not name.endswith("[]")}
    shaped = listed_fields(single, row.fields, row.required, policy)
    shaped.update((name, value) for name, value in given.items() if name.endswith("[]"))
    files = check_files(parts, row.files)
    if endpoint == "images.edits":
        if not any(part.name in ("image", "image[]") for part in files):
            raise Refusal("missing_field", "The file 'image' is missing.", "image", "Add it.")
        return _pictures(shaped, policy, pseudonym, files)
    return _transcript(shaped, policy, files)


def _pictures(
    shaped: dict[str, JSON], policy: Policy, pseudonym: str | None, files: tuple[Part, ...]
) -> Shaped:
    model = check_model(shaped["model"], policy.models)
    shaped.pop("safety_identifier", None)
    if pseudonym is not None:
        shaped["safety_identifier"] = pseudonym
    asked = shaped.get("n")
    count = asked if isinstance(asked, int) else 1
    if count > policy.limits.pictures:
        raise Refusal(
            "invalid_value",
            f"The application allows {policy.limits.pictures} pictures in one request.",
            "n",
            "Ask for fewer at a time.",
        )
    pixels = _pixels(shaped.get("size"))
    if pixels > policy.limits.picture_pixels:
        raise Refusal(
            "invalid_value",
            f"The application allows pictures of {policy.limits.picture_pixels:,} pixels.",
            "size",
            "Ask for a smaller one.",
        )
    file_bytes = _BYTES_PER_TOKEN * PICTURE_INPUT_TOKENS * len(files)
    return Shaped(
        body=shaped,
        model=model,
        stream=shaped.get("stream") is True,
        include_usage_asked=True,
        output_tokens_clamp=count * (pixels // PIXELS_PER_TOKEN + 512),
        input_bytes=bytes_of(_said(shaped, "prompt")) + file_bytes,
        file_bytes=file_bytes,
        files=files,
        pictures=count,
    )


def _transcript(shaped: dict[str, JSON], policy: Policy, files: tuple[Part, ...]) -> Shaped:
    sound_bytes = sum(part.size_bytes for part in files)
    file_bytes = _BYTES_PER_TOKEN * -(-sound_bytes // SOUND_BYTES_PER_TOKEN)
    return Shaped(
        body=shaped,
        model=check_model(shaped["model"], policy.models),
        stream=shaped.get("stream") is True,
        include_usage_asked=True,
        output_tokens_clamp=TRANSCRIPT_TOKENS,
        input_bytes=bytes_of(_said(shaped, "prompt")) + file_bytes,
        file_bytes=file_bytes,
        files=files,
    )


def _pixels(size: JSON) -> int:
    if not isinstance(size, str) or size == "auto":
        return AUTO_PIXELS
    width, _, height = size.partition("x")
    return int(width) * int(height)


def _said(shaped: dict[str, JSON], name: str) -> str:
    value = shaped.get(name)
    return value if isinstance(value, str) else ""
