"""Apply the request table to a chat completion: check it, shape it for the provider, or refuse it by name.

Counterparts: `chat_fields.py`, the table; `shapes.py`, the other endpoints. Meaning is preserved, not bytes;
what the client may not decide (storage, its name at the provider, the bound of output tokens) is set here.
"""

from collections.abc import Mapping

from msgspec import Struct

from sealgate.policy.answers import answers_asked
from sealgate.policy.bodies import JSON
from sealgate.policy.chat_fields import CHAT_FIELDS, REQUIRED
from sealgate.policy.checks import Unlisted, plain
from sealgate.policy.document import Policy
from sealgate.policy.fields import Does, Field
from sealgate.policy.forms import Part
from sealgate.policy.refusals import Refusal
from sealgate.policy.unlisted import look_into, refuse_unlisted

_REMOVE, _REFUSE = Does.REMOVE, Does.REFUSE  # Python 3.11 looks a member up slowly


class Shaped(Struct, frozen=True):
    """A request that may go on: `body` goes upstream, `input_bytes` is the UTF-8 size of its text.

    With `files`, what goes up is a form of the body's fields and them.
    """

    body: dict[str, JSON]
    model: str
    stream: bool
    include_usage_asked: bool
    output_tokens_clamp: int
    input_bytes: int
    files: tuple[Part, ...] = ()
    pictures: int = 0
    file_bytes: int = 0
    """Of `input_bytes`, what stands for the files."""
    answers: int = 1
    """How many share the bound of output tokens."""

    def __repr__(self) -> str:
        return f"<Shaped request for {self.model}, {self.input_bytes} bytes of text>"


def shape_chat(body: dict[str, JSON], policy: Policy, pseudonym: str | None) -> Shaped:
    """Check a chat completion against the table and shape it for the provider; raises Refusal by field.

    `pseudonym` stands for the end user at the provider. The given body is left as it is.
    """
    shaped = listed_fields(body, CHAT_FIELDS, REQUIRED, policy)
    model = check_model(shaped["model"], policy.models)
    shaped["store"] = False
    shaped.pop("safety_identifier", None)
    if pseudonym is not None:
        shaped["safety_identifier"] = pseudonym
    stream, answers = shaped.get("stream") is True, answers_asked(shaped, policy.limits)
    return Shaped(
        body=shaped,
        model=model,
        stream=stream,
        include_usage_asked=_set_stream_options(shaped, stream),
        output_tokens_clamp=answers * _clamp_output_tokens(shaped, policy.limits.output_tokens),
        input_bytes=_text_bytes(shaped["messages"]),
        answers=answers,
    )


def listed_fields(
    body: dict[str, JSON], table: Mapping[str, Field], required: tuple[str, ...], policy: Policy
) -> dict[str, JSON]:
    """The fields that go on, each checked; raises Refusal by field."""
    unlisted = look_into if policy.allow_unknown_fields else refuse_unlisted
    shaped: dict[str, JSON] = {}
    for name, value in body.items():
        field = table.get(name)
        if field is None:
            unlisted(name, value)
        elif value is None or field.does is _REMOVE:
            continue
        elif field.does is _REFUSE:
            raise Refusal("field_not_allowed", f"This does not pass: {field.note}.", name, "Leave it out.")
        else:
            _check(field, name, value, unlisted)
        shaped[name] = value
    for name in required:
        if name not in shaped:
            raise Refusal("missing_field", f"The field '{name}' is missing.", name, "Add it.")
    return shaped


def _check(field: Field, name: str, value: JSON, unlisted: Unlisted) -> None:
    try:
        field.check(value, unlisted)
    except Refusal as refusal:
        refusal.within(name)
        raise


def check_model(model: JSON, models: tuple[str, ...]) -> str:
    """The model, if the application's list has it; raises Refusal."""
    if isinstance(model, str) and model in models:
        return model
    shown = plain(model) if isinstance(model, str) else "…"
    raise Refusal(
        "model_not_allowed",
        f"The model '{shown}' is not on the application's list.",
        "model",
        f"Use one of: {', '.join(models[:8])}."
        if models
        else "An administrator can add a model to the list.",
    )


def _set_stream_options(shaped: dict[str, JSON], stream: bool) -> bool:
    """Have the provider send its usage with every stream; True if the client had asked for it."""
    given = shaped.get("stream_options")
    if not stream:
        if given is not None:
            raise Refusal(
                "invalid_value", "This only goes with 'stream': true.", "stream_options", "Leave it out."
            )
        return False
    options = given if isinstance(given, dict) else {}
    shaped["stream_options"] = {**options, "include_usage": True}
    return options.get("include_usage") is True


def _clamp_output_tokens(shaped: dict[str, JSON], limit: int) -> int:
    """Hold the answer to `limit` tokens; returns the bound that is in force."""
    bound = limit
    for name in ("max_completion_tokens", "max_tokens"):
        asked = shaped.get(name)
        if isinstance(asked, int):
            bound = min(bound, asked)
            shaped[name] = min(limit, asked)
    if "max_tokens" not in shaped:
        shaped["max_completion_tokens"] = bound
    return bound


def _text_bytes(messages: JSON) -> int:
    """The UTF-8 bytes of all text in the messages, for an estimate of their tokens; images do not count."""
    total = 0
    for message in messages if isinstance(messages, list) else ():
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, str):
            total += bytes_of(content)
        elif isinstance(content, list):
            total += sum(_part_bytes(part) for part in content)
    return total


def _part_bytes(part: JSON) -> int:
    text = part.get("text") if isinstance(part, dict) else None
    return bytes_of(text) if isinstance(text, str) else 0


def bytes_of(text: str) -> int:
    """The length of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())
