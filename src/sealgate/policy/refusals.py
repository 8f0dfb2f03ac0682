"""Why a request does not go on: a stable code, the field that was wrong, and the next step.

Counterpart: the proxy, which makes an answer of OpenAI's error shape of it. A message may quote field names
and short values of settings; it must never quote a text that somebody wrote.
"""

from typing import Final

# One row per code: the HTTP status it becomes, and what it means (drawn into the reference of requests).
REFUSAL_CODES: Final = {
    "invalid_json": (400, "the body is not strict JSON, or not an object"),
    "invalid_form": (400, "the body is not a form (multipart/form-data) that can be read"),
    "missing_field": (400, "a required field is absent"),
    "unknown_field": (400, "a field that the table does not list"),
    "field_not_allowed": (400, "a field, type or reference that the table refuses, with the reason"),
    "invalid_value": (400, "a listed field with a value that its check refuses"),
    "text_too_long": (400, "the text is longer than an action, a prompt or the session's limits take"),
    "history_too_long": (400, "more previous turns, or longer ones, than the free prompt takes"),
    "prompt_not_offered": (404, "the application has no free prompt"),
    "model_not_allowed": (403, "a model that is not on the application's list"),
    "endpoint_not_allowed": (403, "an endpoint that the application does not offer"),
    "endpoint_not_at_provider": (
        403,
        "an endpoint that the provider of the key does not offer",
    ),
    "provider_unknown": (403, "the key belongs to a provider that the proxy does not know"),
    "action_unknown": (404, "an action that the application does not have"),
}


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """A request that must not go on. `param` is the path of the field, such as `messages[2].content`."""

    def __init__(self, code: str, message: str, param: str | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.hint = hint
        self.status: int = REFUSAL_CODES[code][0]

    def within(self, place: str) -> None:
        """Put `place` before its path; containers add their part on the way out."""
        joint = "" if self.param is None or self.param.startswith("[") else "."
        self.param = place if self.param is None else f"{place}{joint}{self.param}"

    def __str__(self) -> str:
        return f"{self.param}: {self.message}" if self.param else self.message
