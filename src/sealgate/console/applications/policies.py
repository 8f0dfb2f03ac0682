"""The policy of an application as its forms write it: which ready actions, which models, which limits.

Pure. Counterpart: `sealgate.policy`; what a proxy does with it is decided there and not here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from sealgate.console.forms import Form, InputError
from sealgate.policy.catalogue import ready_actions, ready_prompt
from sealgate.policy.document import (
    ENDPOINTS,
    MAX_MODELS,
    Endpoint,
    Policy,
    PolicyError,
    decode_policy,
    encode_policy,
)

STARTING_MODELS = ("gpt-4o-mini",)

READY_IDS = tuple(action.id for action in ready_actions(STARTING_MODELS[0]))

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}")


def starting_policy(models: Sequence[str] = STARTING_MODELS, actions: Sequence[str] | None = None) -> Policy:
    """What a new application begins with: ready actions (all, or these) on the first model, usual limits."""
    chosen = READY_IDS if actions is None else actions
    return with_actions(Policy(models=tuple(models)), dict.fromkeys(chosen, models[0]))


def with_actions(policy: Policy, models: Mapping[str, str]) -> Policy:
    """The policy with exactly these ready actions on (action id → model); raises `InputError`."""
    for action_id, model in models.items():
        if action_id not in READY_IDS:
            raise InputError("action", f"There is no ready action {action_id!r}.", "Choose from the list.")
        if model not in policy.models:
            raise InputError(
                "action", f"{model!r} is not on the model list.", "Choose a model from the list."
            )
    ready = ready_actions(policy.models[0])
    chosen = [
        msgspec.structs.replace(action, model=models[action.id]) for action in ready if action.id in models
    ]
    own = [action for action in policy.actions if action.id not in READY_IDS]
    return _checked(msgspec.structs.replace(policy, actions=tuple(chosen + own)), "action")


def with_prompt(policy: Policy, model: str | None) -> Policy:
    """The policy with the free prompt on this model, or without one; raises `InputError`."""
    if model is not None and model not in policy.models:
        raise InputError("prompt", f"{model!r} is not on the model list.", "Choose a model from the list.")
    prompt = None
    if model is not None:
        prompt = msgspec.structs.replace(policy.prompt or ready_prompt(model), model=model)
    return _checked(msgspec.structs.replace(policy, prompt=prompt), "prompt")


def actions_from_form(policy: Policy, form: Form) -> Policy:
    """Fields: `action` (once for each that is on), `model:<action>`; `prompt_offered`, and with it `prompt`
    (if it is on) and `prompt_model`. Raises `InputError`."""
    changed = with_actions(policy, {each: form.text(f"model:{each}") for each in form.texts("action")})
    if not form.text("prompt_offered"):
        return changed
    return with_prompt(changed, form.text("prompt_model") if form.text("prompt") else None)


def endpoints_from_form(policy: Policy, form: Form) -> tuple[Endpoint, ...]:
    """Fields: `endpoints_offered`, and with it `endpoint` (once for each); raises `InputError`."""
    if not form.text("endpoints_offered"):
        return policy.endpoints
    chosen = form.texts("endpoint")
    for each in chosen:
        if each not in ENDPOINTS:
            raise InputError("endpoint", f"There is no endpoint {each[:80]!r}.", "Choose from the list.")
    return tuple(each for each in ENDPOINTS if each in chosen)


def limits_from_form(policy: Policy, form: Form) -> Policy:
    """Fields: `requests_per_minute`, `concurrent_streams`, `output_tokens`, `models`, those of endpoints, and
    those of pictures and sound; raises `InputError`."""
    limits = msgspec.structs.replace(
        policy.limits,
        requests_per_minute=form.number("requests_per_minute", "Requests per minute", 1, 100_000),
        concurrent_streams=form.number("concurrent_streams", "Streams at once", 1, 1_000),
        output_tokens=form.number("output_tokens", "Output tokens", 1, 1_000_000),
        **_media_limits(form),
        **_clamps(form),
    )
    changed = msgspec.structs.replace(
        policy,
        models=models_from_text(form.text("models")),
        limits=limits,
        endpoints=endpoints_from_form(policy, form),
    )
    return _checked(changed, "models")


def _media_limits(form: Form) -> dict[str, int]:
    """Fields: `media_offered`, and with it `pictures`, `picture_pixels` and `upload_mib`."""
    if not form.text("media_offered"):
        return {}
    return {
        "pictures": form.number("pictures", "Pictures", 1, 10),
        "picture_pixels": form.number("picture_pixels", "Pixels", 65_536, 16_777_216),
        "upload_bytes": form.number("upload_mib", "Upload", 1, 63) * 1_048_576 + 65_536,
    }


def _clamps(form: Form) -> dict[str, int | bool | None]:
    """Fields: `clamps_offered`, and with it `input_bytes`, `images` (empty: as many as fit), `tools`,
    `answers` (empty: one)."""
    if not form.text("clamps_offered"):
        return {}
    return {
        "input_bytes": _or_none(form, "input_bytes", "Bytes of text", 1, 16_777_216),
        "images": _or_none(form, "images", "Pictures", 0, 1_000),
        "answers": _or_none(form, "answers", "Answers", 1, 16) or 1,
        "tools": bool(form.text("tools")),
    }


def _or_none(form: Form, field: str, label: str, least: int, most: int) -> int | None:
    return form.number(field, label, least, most) if form.text(field) else None


def models_from_text(text: str) -> tuple[str, ...]:
    """Model names, one on each line or parted by commas; raises `InputError`."""
    models = tuple(word for word in re.split(r"[\s,]+", text) if word)
    if not models:
        raise InputError("models", "There is no model here.", "Type at least one, such as gpt-4o-mini.")
    if len(models) > MAX_MODELS:
        raise InputError("models", f"These are {len(models)} models.", f"Use at most {MAX_MODELS}.")
    for model in models:
        if not _MODEL.fullmatch(model):
            raise InputError(
                "models", f"{model[:80]!r} is not a model name.", "Use letters, digits and . _ : / - only."
            )
    if len(set(models)) < len(models):
        twice = next(model for model in models if models.count(model) > 1)
        raise InputError("models", f"{twice!r} stands twice.", "Keep one of the two.")
    return models


def _checked(policy: Policy, field: str) -> Policy:
    try:
        return decode_policy(encode_policy(policy))
    except PolicyError as error:
        text = str(error)
        raise InputError(field, f"{text[:1].upper()}{text[1:]}.", error.hint) from None
