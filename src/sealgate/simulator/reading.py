"""Checks that every endpoint makes of a JSON body, each with OpenAI's parameter, code and words.

Its counterparts are `requests` (chat completions), `responses_request` and `inputs`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeAlias

import msgspec

from sealgate.simulator.errors import (
    ApiError,
    only_with_stream,
    out_of_range,
    unknown_parameter,
    unreadable_body,
    wrong_type,
)

JsonObject: TypeAlias = dict[str, object]


def json_object(body: bytes) -> JsonObject:
    """A body's fields; raises `ApiError` for anything but a JSON object."""
    try:
        return msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise unreadable_body() from error


def model_of(fields: JsonObject) -> str:
    """The model's name."""
    model = fields.get("model")
    if model is None:
        raise ApiError(400, "you must provide a model parameter")
    if not isinstance(model, str):
        raise wrong_type("model", "a string", model)
    return model


def check_names(fields: JsonObject, known: Collection[str]) -> None:
    """Refuse a field that the endpoint does not have."""
    for name in fields:
        if name not in known:
            raise unknown_parameter(name)


def check_numbers(fields: JsonObject, ranges: Mapping[str, tuple[float, float | None]]) -> None:
    """Refuse numbers outside their ranges."""
    for name, (low, high) in ranges.items():
        value = fields.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong_type(name, "a decimal", value)
        if value < low or (high is not None and value > high):
            raise out_of_range(name, value, low, high)


def whole(fields: JsonObject, name: str, low: int = 1, high: int | None = None) -> int | None:
    """A whole number within its range, or None."""
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(name, "an integer", value)
    if value < low or (high is not None and value > high):
        raise out_of_range(name, value, low, high)
    return value


def flag(fields: JsonObject, name: str, param: str, *, default: bool) -> bool:
    """A boolean, or its default; `param` is how an error names it."""
    value = fields.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise wrong_type(param, "a boolean", value)
    return value


def text(fields: JsonObject, name: str) -> str | None:
    """A string, or None."""
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise wrong_type(name, "a string", value)
    return value


def stream_options(fields: JsonObject, known: Collection[str], *, stream: bool) -> JsonObject:
    """The fields of `stream_options`; none where it is absent."""
    options = fields.get("stream_options")
    if options is None:
        return {}
    if not stream:
        raise only_with_stream()
    if not isinstance(options, dict):
        raise wrong_type("stream_options", "an object", options)
    for name in options:
        if name not in known:
            raise unknown_parameter(f"stream_options.{name}")
    return options
