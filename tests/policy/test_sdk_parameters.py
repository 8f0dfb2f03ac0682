"""The tables of pictures and sound know every parameter of the installed OpenAI SDK, and nothing else.

A new release of the SDK shows what is unlisted. The other tables are held to it beside their own tests.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping

import pytest
from openai.types import image_edit_params, image_generate_params
from openai.types.audio import (
    speech_create_params,
    transcription_create_params,
    translation_create_params,
)

from sealgate.policy import media_fields

# The parameter types of one endpoint → the names that its table lists.
ENDPOINTS: Mapping[str, tuple[tuple[type, ...], Iterable[str]]] = {
    "images.generations": (
        (
            image_generate_params.ImageGenerateParamsNonStreaming,
            image_generate_params.ImageGenerateParamsStreaming,
        ),
        media_fields.GENERATION_FIELDS,
    ),
    "images.edits": (
        (image_edit_params.ImageEditParamsNonStreaming, image_edit_params.ImageEditParamsStreaming),
        [*media_fields.EDIT_FIELDS, *media_fields.EDIT_FILES],
    ),
    "audio.speech": ((speech_create_params.SpeechCreateParams,), media_fields.SPEECH_FIELDS),
    "audio.transcriptions": (
        (
            transcription_create_params.TranscriptionCreateParamsNonStreaming,
            transcription_create_params.TranscriptionCreateParamsStreaming,
        ),
        [*media_fields.TRANSCRIPTION_FIELDS, *media_fields.SPOKEN_FILES],
    ),
    "audio.translations": (
        (translation_create_params.TranslationCreateParams,),
        [*media_fields.TRANSLATION_FIELDS, *media_fields.SPOKEN_FILES],
    ),
}


def parameters(types: Iterable[type]) -> set[str]:
    return {name for each in types for name in typing.get_type_hints(each)}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_parameter_of_the_sdk_has_its_row(endpoint: str) -> None:
    types, table = ENDPOINTS[endpoint]
    listed = {name.partition("[")[0] for name in table}
    assert not parameters(types) - listed, "a row is missing: say what happens to it"


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_row_is_a_parameter_of_the_sdk(endpoint: str) -> None:
    types, table = ENDPOINTS[endpoint]
    listed = {name.partition("[")[0] for name in table}
    assert not listed - parameters(types), "a row that nothing sends any more: take it out"
