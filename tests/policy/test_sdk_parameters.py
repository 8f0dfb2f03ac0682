"""The tables know every parameter of the installed OpenAI SDK, and every word that one may be.

A new release of the SDK shows what is unlisted. The names of the tables of text are held to it beside their
own tests, and so are the kinds of the Responses API.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import pytest
from openai.types import (
    embedding_create_params,
    image_edit_params,
    image_generate_params,
    moderation_create_params,
)
from openai.types.audio import (
    speech_create_params,
    transcription_create_params,
    translation_create_params,
)
from openai.types.chat import (
    ChatCompletionContentPartParam,
    ChatCompletionMessageParam,
    ChatCompletionToolUnionParam,
    completion_create_params,
)
from openai.types.responses import response_create_params

from sealgate.policy import media_fields
from sealgate.policy.chat_fields import CHAT_FIELDS, PARTS, ROLES, TOOLS
from sealgate.policy.checks import Check, Either, ListOf, OneOf, Tagged
from sealgate.policy.fields import Field
from sealgate.policy.input_fields import EMBEDDINGS_FIELDS, MODERATIONS_FIELDS
from sealgate.policy.responses_fields import RESPONSES_FIELDS

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


# Every table whose fields are words somewhere → the parameter types that list them.
WORDS: Mapping[str, tuple[tuple[type, ...], Mapping[str, Field]]] = {
    "chat.completions": (
        (
            completion_create_params.CompletionCreateParamsNonStreaming,
            completion_create_params.CompletionCreateParamsStreaming,
        ),
        CHAT_FIELDS,
    ),
    "responses": (
        (
            response_create_params.ResponseCreateParamsNonStreaming,
            response_create_params.ResponseCreateParamsStreaming,
        ),
        RESPONSES_FIELDS,
    ),
    "embeddings": ((embedding_create_params.EmbeddingCreateParams,), EMBEDDINGS_FIELDS),
    "moderations": ((moderation_create_params.ModerationCreateParams,), MODERATIONS_FIELDS),
    "images.generations": (ENDPOINTS["images.generations"][0], media_fields.GENERATION_FIELDS),
    "images.edits": (ENDPOINTS["images.edits"][0], media_fields.EDIT_FIELDS),
    "audio.speech": (ENDPOINTS["audio.speech"][0], media_fields.SPEECH_FIELDS),
    "audio.transcriptions": (ENDPOINTS["audio.transcriptions"][0], media_fields.TRANSCRIPTION_FIELDS),
    "audio.translations": (ENDPOINTS["audio.translations"][0], media_fields.TRANSLATION_FIELDS),
}


def words_of(annotation: Any) -> Iterator[str]:
    """Every word that a parameter's type lists, those within objects not among them."""
    if typing.get_origin(annotation) is Literal:
        yield from (each for each in typing.get_args(annotation) if isinstance(each, str))
    else:
        for argument in typing.get_args(annotation):
            yield from words_of(argument)


def decided(check: Check) -> set[str] | None:
    """The words that a check lets pass or refuses with a reason; None where any text may stand."""
    if isinstance(check, OneOf):
        return {*check.words, *check.refused}
    if isinstance(check, ListOf):
        return decided(check.item)
    return decided(check.text) if isinstance(check, Either) else None


def undecided(types: Iterable[type], table: Mapping[str, Field]) -> dict[str, set[str]]:
    """Words of the SDK that a table neither lets pass nor refuses by name."""
    found: dict[str, set[str]] = {}
    for name, annotation in [each for kind in types for each in typing.get_type_hints(kind).items()]:
        field = table.get(name) or table.get(f"{name}[]")
        known = None if field is None else decided(field.check)
        if known is not None and (missing := set(words_of(annotation)) - known):
            found[name] = missing
    return found


@pytest.mark.parametrize("endpoint", WORDS)
def test_every_word_that_the_sdk_knows_passes_or_has_its_reason(endpoint: str) -> None:
    assert not undecided(*WORDS[endpoint]), "a new SDK: decide about each new word in the table"


def test_a_word_that_a_table_lacks_is_seen() -> None:
    types, table = WORDS["chat.completions"]
    effort = Field(table["reasoning_effort"].does, OneOf(("low", "medium")))
    missing = undecided(types, {**table, "reasoning_effort": effort})
    assert missing["reasoning_effort"] >= {"high", "minimal"}


def kinds_of(union: Any, tag: str) -> set[str]:
    """Every word that the tag of a union's members may be."""
    members = (each for each in typing.get_args(union) if isinstance(each, type))
    return {word for each in members for word in words_of(typing.get_type_hints(each).get(tag))}


def kinds_in(check: Check) -> set[str]:
    """The kinds that a tagged object may be, behind a text or not."""
    tagged = check.other if isinstance(check, Either) else check
    assert isinstance(tagged, Tagged)
    return set(tagged.kinds)


CHAT: Mapping[str, Any] = typing.get_type_hints(completion_create_params.CompletionCreateParamsNonStreaming)


@pytest.mark.parametrize(
    ("listed", "union", "tag"),
    [
        (set(ROLES), ChatCompletionMessageParam, "role"),
        (kinds_in(PARTS["user"]), ChatCompletionContentPartParam, "type"),
        (set(TOOLS), ChatCompletionToolUnionParam, "type"),
        (kinds_in(CHAT_FIELDS["tool_choice"].check), CHAT["tool_choice"], "type"),
        (kinds_in(CHAT_FIELDS["response_format"].check), CHAT["response_format"], "type"),
    ],
    ids=["messages", "parts", "tools", "tool_choice", "response_format"],
)
def test_every_kind_of_a_chat_that_the_sdk_knows_is_decided(listed: set[str], union: Any, tag: str) -> None:
    kinds = kinds_of(union, tag)
    assert kinds
    assert not kinds - listed, "a new SDK: decide about each new kind in chat_fields.py"
