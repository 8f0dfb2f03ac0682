"""Embeddings and moderations: the endpoints that take a text and write none.

Their counterparts are the SDKs' types and the proxy's meter. Pure and deterministic: texts that share words
have vectors that point the same way, and a text is flagged for words on a list.
"""

from __future__ import annotations

import base64
import math
import re
import struct
from hashlib import blake2b
from typing import Final

import msgspec
from msgspec import Struct

from sealgate.simulator.completions import pieces_of
from sealgate.simulator.errors import empty_array, invalid_input, missing, wrong_type, wrong_value
from sealgate.simulator.reading import JsonObject, check_names, json_object, model_of, text, whole

_MOST_INPUTS: Final = 2_048
_MARKS_PER_WORD: Final = 16
_MOST_WORDS: Final = 4_000
_WORD: Final = re.compile(r"\w+")
_EMBEDDING_FIELDS: Final = frozenset({"dimensions", "encoding_format", "input", "model", "user"})
_MODERATION_FIELDS: Final = frozenset({"input", "model"})
_MODERATION_MODEL: Final = "omni-moderation-latest"

CATEGORIES: Final = (
    "harassment", "harassment/threatening", "sexual", "hate", "hate/threatening", "illicit",
    "illicit/violent", "self-harm/intent", "self-harm/instructions", "self-harm", "sexual/minors",
    "violence", "violence/graphic",
)  # fmt: skip
# Enough words to see a flag in a demonstration; no judgement of anything.
_FLAGGED: Final = {
    "idiot": "harassment",
    "stupid": "harassment",
    "kill": "violence",
    "murder": "violence",
    "blood": "violence/graphic",
    "bomb": "illicit/violent",
    "steal": "illicit",
    "hate": "hate",
    "suicide": "self-harm",
}


class EmbeddingsRequest(Struct, frozen=True):
    """What is to be embedded, and how it is wanted."""

    model: str
    inputs: tuple[str, ...]
    dimensions: int | None
    as_base64: bool


class ModerationsRequest(Struct, frozen=True):
    """What is to be judged."""

    model: str
    inputs: tuple[str, ...]


class Embedding(Struct, frozen=True):
    """One vector: numbers, or base64 of little-endian 32-bit floats."""

    index: int
    embedding: tuple[float, ...] | str
    object: str = "embedding"


class EmbeddingsUsage(Struct, frozen=True):
    """Token counts of one call; nothing is written, so there are no others."""

    prompt_tokens: int
    total_tokens: int


class Embeddings(Struct, frozen=True, kw_only=True):
    """What `POST /v1/embeddings` answers."""

    object: str = "list"
    data: tuple[Embedding, ...]
    model: str
    usage: EmbeddingsUsage


class Judgement(Struct, frozen=True):
    """The judgement of one input."""

    flagged: bool
    categories: dict[str, bool]
    category_scores: dict[str, float]
    category_applied_input_types: dict[str, tuple[str, ...]]


class Moderations(Struct, frozen=True):
    """What `POST /v1/moderations` answers."""

    id: str
    model: str
    results: tuple[Judgement, ...]


def read_embeddings(body: bytes) -> EmbeddingsRequest:
    """Read a request's body; raises `ApiError` in OpenAI's words."""
    fields = json_object(body)
    model = model_of(fields)
    check_names(fields, _EMBEDDING_FIELDS)
    form = text(fields, "encoding_format") or "float"
    if form not in ("float", "base64"):
        raise wrong_value("encoding_format", form, ("float", "base64"))
    return EmbeddingsRequest(model, _embedded(fields), whole(fields, "dimensions"), form == "base64")


def _embedded(fields: JsonObject) -> tuple[str, ...]:
    value = fields.get("input")
    if value is None:
        raise missing("input")
    if isinstance(value, str) and value:
        return (value,)
    if not isinstance(value, list) or not 0 < len(value) <= _MOST_INPUTS:
        raise invalid_input()
    if all(isinstance(each, str) and each for each in value):
        return tuple(map(str, value))
    if _are_tokens(value):
        return (_words_of(value),)
    if all(isinstance(each, list) and each and _are_tokens(each) for each in value):
        return tuple(_words_of(each) for each in value)
    raise invalid_input()


def _are_tokens(value: list[object]) -> bool:
    return all(isinstance(each, int) and not isinstance(each, bool) and each >= 0 for each in value)


def _words_of(tokens: list[object]) -> str:
    """Tokens as text that counts as many pieces."""
    return ".".join(f"{token}"[:3] for token in tokens)[: 2 * _MOST_WORDS]


def embed(request: EmbeddingsRequest, most_dimensions: int) -> tuple[bytes, int]:
    """The answer's body and the tokens that it counts; raises `ApiError` for too many dimensions."""
    wanted = request.dimensions or most_dimensions
    if wanted > most_dimensions:
        raise wrong_value("dimensions", str(wanted), ("1", str(most_dimensions)))
    tokens = sum(len(pieces_of(each)) for each in request.inputs)
    vectors = (vector_of(each, wanted) for each in request.inputs)
    data = tuple(
        Embedding(index, _base64(vector) if request.as_base64 else vector)
        for index, vector in enumerate(vectors)
    )
    answer = Embeddings(data=data, model=request.model, usage=EmbeddingsUsage(tokens, tokens))
    return msgspec.json.encode(answer), tokens


def vector_of(words: str, dimensions: int) -> tuple[float, ...]:
    """A vector of length 1: each word leaves the same few marks wherever it stands."""
    vector = [0.0] * dimensions
    for word in (_WORD.findall(words.lower()) or [words])[:_MOST_WORDS]:
        marks = blake2b(word.encode("utf-8", "surrogatepass"), digest_size=4 * _MARKS_PER_WORD).digest()
        for (mark,) in struct.iter_unpack("<I", marks):
            vector[(mark >> 1) % dimensions] += 1.0 if mark & 1 else -1.0
    length = math.sqrt(sum(each * each for each in vector)) or 1.0
    return tuple(round(each / length, 8) for each in vector)


def _base64(vector: tuple[float, ...]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


def read_moderations(body: bytes) -> ModerationsRequest:
    """Read a request's body; raises `ApiError` in OpenAI's words."""
    fields = json_object(body)
    check_names(fields, _MODERATION_FIELDS)
    return ModerationsRequest(text(fields, "model") or _MODERATION_MODEL, _moderated(fields))


def _moderated(fields: JsonObject) -> tuple[str, ...]:
    value = fields.get("input")
    if value is None:
        raise missing("input")
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        raise wrong_type("input", "one of a string or array", value)
    if not value:
        raise empty_array("input")
    if all(isinstance(each, str) for each in value):
        return tuple(map(str, value))
    # Parts are judged together, as one input.
    return ("\n".join(_part(each, f"input[{index}]") for index, each in enumerate(value)),)


def _part(part: object, param: str) -> str:
    if not isinstance(part, dict):
        raise wrong_type(param, "an object", part)
    kind = part.get("type")
    if kind not in ("text", "image_url"):
        raise wrong_value(f"{param}.type", str(kind), ("text", "image_url"))
    value = part.get("text", "")
    if not isinstance(value, str):
        raise wrong_type(f"{param}.text", "a string", value)
    return value


def moderate(request: ModerationsRequest, call_id: str) -> bytes:
    """The answer's body."""
    results = tuple(map(judge, request.inputs))
    return msgspec.json.encode(Moderations(f"modr-{call_id}", request.model, results))


def judge(words: str) -> Judgement:
    """A judgement by the list of words."""
    found = {_FLAGGED[word] for word in _WORD.findall(words.lower()) if word in _FLAGGED}
    return Judgement(
        flagged=bool(found),
        categories={name: name in found for name in CATEGORIES},
        category_scores={name: 0.91 if name in found else 0.0001 for name in CATEGORIES},
        category_applied_input_types=dict.fromkeys(CATEGORIES, ("text",)),
    )
