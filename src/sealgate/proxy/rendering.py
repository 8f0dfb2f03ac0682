"""The bodies that the assistant sends, read strictly and turned into chat completions.

Counterparts: `<sealgate-assistant>`, which sends them; `sealgate.policy.actions`, which writes the prompts.
The texts in them are material: never part of an error message.
"""

from __future__ import annotations

from collections.abc import Mapping

from sealgate.policy.actions import render
from sealgate.policy.bodies import JSON
from sealgate.policy.document import Action, Prompt
from sealgate.policy.prompts import Turn, render_prompt
from sealgate.policy.refusals import Refusal

_ACTION_FIELDS = ("text", "parameters", "locale")
_PROMPT_FIELDS = ("prompt", "text", "history", "locale")
_TURN_FIELDS = ("prompt", "answer")


def render_action(body: dict[str, JSON], action: Action, session_locale: str | None) -> dict[str, JSON]:
    """The chat completion of `POST /assistant/v1/actions/{id}`; raises `Refusal` naming the field."""
    _check_fields(body, _ACTION_FIELDS, "An action")
    parameters = body.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise Refusal("invalid_value", "This must be an object.", "parameters", "Send {id: value}.")
    chosen: dict[str, str] = {}
    for name, value in parameters.items():
        if not isinstance(value, str):
            raise Refusal("invalid_value", "Every value must be a string.", "parameters", "Send {id: value}.")
        chosen[name] = value
    return render(action, _text(body, "text"), chosen, _locale(body) or session_locale)


def render_free_prompt(body: dict[str, JSON], prompt: Prompt, session_locale: str | None) -> dict[str, JSON]:
    """The chat completion of `POST /assistant/v1/prompt`; raises `Refusal` naming the field."""
    _check_fields(body, _PROMPT_FIELDS, "A prompt")
    text = None if body.get("text") is None else _text(body, "text")
    history = body.get("history") or []
    if not isinstance(history, list):
        raise Refusal("invalid_value", "This must be a list.", "history", "Send [{prompt, answer}].")
    turns = [_turn(each, f"history[{index}]") for index, each in enumerate(history)]
    return render_prompt(prompt, _text(body, "prompt"), text, turns, _locale(body) or session_locale)


def _turn(turn: JSON, place: str) -> Turn:
    if not isinstance(turn, dict):
        raise Refusal("invalid_value", "This must be an object.", place, "Send {prompt, answer}.")
    try:
        _check_fields(turn, _TURN_FIELDS, "A turn")
        return Turn(_text(turn, "prompt"), _text(turn, "answer"))
    except Refusal as refusal:
        refusal.within(place)
        raise


def _check_fields(body: Mapping[str, JSON], known: tuple[str, ...], what: str) -> None:
    for name in body:
        if name not in known:
            shown = name if name.isascii() and name.isidentifier() else "…"
            told = f"{what} takes {', '.join(known[:-1])} and {known[-1]}."
            raise Refusal("unknown_field", told, shown, "Leave it out.")


def _text(body: Mapping[str, JSON], name: str) -> str:
    text = body.get(name)
    if text is None:
        raise Refusal("missing_field", f"The field '{name}' is missing.", name, "Add it.")
    if not isinstance(text, str):
        raise Refusal("invalid_value", "This must be a string.", name, "Send the text as a string.")
    return text


def _locale(body: Mapping[str, JSON]) -> str | None:
    locale = body.get("locale")
    if locale is not None and not isinstance(locale, str):
        raise Refusal(
            "invalid_value", "This must be a language tag.", "locale", "Send a tag such as 'de-CH'."
        )
    return locale
