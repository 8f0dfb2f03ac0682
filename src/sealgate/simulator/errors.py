"""OpenAI's errors: one table of what it says, in its own words and shape.

Its counterpart is every caller that maps upstream errors. Like the original, these bodies name the
organization and echo parts of the key: a proxy that relays them leaks, and a test can see it.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

ORGANIZATION: Final = "org-simSealgateExample42"
PROJECT: Final = "proj_simSealgateExample"
_INVALID: Final = "invalid_request_error"


class ApiError(Exception):
    """One refusal: its status, its body's four fields, and headers that go with it."""

    def __init__(  # the four fields are OpenAI's
        self,
        status: int,
        message: str,
        *,
        kind: str = _INVALID,
        param: str | None = None,
        code: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers
        self.body = ErrorBody(ErrorFields(message, kind, param, code))


class ErrorFields(Struct, frozen=True):
    """The fields of OpenAI's `error` object, in its order."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(Struct, frozen=True):
    """The whole body of an error."""

    error: ErrorFields


def masked(key: str) -> str:
    """Show a key as OpenAI does in a 401: its first eight and last four characters, stars between."""
    if len(key) <= 12:
        return key
    return f"{key[:8]}{'*' * (len(key) - 12)}{key[-4:]}"


def no_key() -> ApiError:
    """No `Authorization: Bearer`."""
    return ApiError(
        401,
        "You didn't provide an API key. You need to provide your API key in an Authorization header using "
        "Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
    )


def wrong_key(shown: str) -> ApiError:
    """A key that nobody knows; `shown` is how the message names it."""
    return ApiError(
        401,
        f"Incorrect API key provided: {shown}. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
        code="invalid_api_key",
    )


def model_not_found(model: str) -> ApiError:
    """A model that does not exist, or not for this key."""
    return ApiError(
        404,
        f"The model `{model}` does not exist or you do not have access to it.",
        code="model_not_found",
    )


def unknown_model(model: str) -> ApiError:
    """What `GET /v1/models/{id}` says of a model that does not exist."""
    return ApiError(404, f"The model '{model}' does not exist", param="model", code="model_not_found")


def no_model_access(model: str) -> ApiError:
    """A model that the key's project may not use."""
    return ApiError(
        403, f"Project `{PROJECT}` does not have access to model `{model}`", code="model_not_found"
    )


def other_endpoint(model: str, path: str) -> ApiError:
    """A model that this endpoint does not serve."""
    return ApiError(
        404, f"This model ({model}) is not supported in the {path.lstrip('/')} endpoint.", param="model"
    )


def incorrect_hostname(host: str) -> ApiError:
    """A key of a project that lives in another region."""
    return ApiError(
        401,
        f"Attempted to access resource with incorrect regional hostname. Please make your request to {host}",
        code="incorrect_hostname",
    )


def unsupported_country() -> ApiError:
    """A caller from where the API is not offered."""
    return ApiError(
        403,
        "Country, region, or territory not supported",
        kind="request_forbidden",
        code="unsupported_country_region_territory",
    )


def overloaded() -> ApiError:
    """Too much to do just now, through no fault of the caller."""
    return ApiError(
        503,
        "Our servers are currently overloaded. Please try again later.",
        kind="service_unavailable_error",
        code="server_is_overloaded",
    )


def response_not_found(response: str) -> ApiError:
    """A response that is not stored; nothing is."""
    return ApiError(
        400,
        f"Previous response with id '{response}' not found.",
        param="previous_response_id",
        code="previous_response_not_found",
    )


def invalid_input() -> ApiError:
    """An `input` that the embeddings endpoint cannot take."""
    return ApiError(
        400,
        "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.",
    )


def invalid_url(method: str, path: str) -> ApiError:
    """An address that is none of the API's."""
    return ApiError(404, f"Invalid URL ({method} {path})")


def wrong_method(method: str, path: str) -> ApiError:
    """A known address with another method."""
    return ApiError(
        405,
        f"Not allowed to {method} on {path}. (HINT: Perhaps you meant to use a different HTTP method?)",
    )


def unreadable_body() -> ApiError:
    """A body that is no JSON object."""
    return ApiError(
        400,
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your "
        "HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid "
        "JSON.)",
    )


def body_too_large(limit_bytes: int) -> ApiError:
    """A body over the limit."""
    return ApiError(413, f"Maximum request body size is {limit_bytes} bytes.", code="request_too_large")


def rate_limited(model: str) -> ApiError:
    """Too many requests for a moment; time heals it."""
    return ApiError(
        429,
        f"Rate limit reached for {model} in organization {ORGANIZATION} on requests per min (RPM): Limit 3, "
        "Used 3, Requested 1. Please try again in 20s. Visit https://platform.openai.com/account/rate-limits "
        "to learn more.",
        kind="requests",
        code="rate_limit_exceeded",
        headers=(("retry-after", "20"), ("retry-after-ms", "20000")),
    )


def quota_exceeded() -> ApiError:
    """No credit left; only the account's owner heals it."""
    return ApiError(
        429,
        "You exceeded your current quota, please check your plan and billing details. For more information "
        "on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
        kind="insufficient_quota",
        code="insufficient_quota",
    )


def missing(param: str) -> ApiError:
    """A required parameter is missing."""
    return ApiError(
        400, f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter"
    )


def wrong_type(param: str, expected: str, got: object) -> ApiError:
    """A parameter has another type than expected."""
    return ApiError(
        400,
        f"Invalid type for '{param}': expected {expected}, but got {_type_name(got)} instead.",
        param=param,
        code="invalid_type",
    )


def wrong_value(param: str, value: str, supported: tuple[str, ...]) -> ApiError:
    """A parameter has none of its values."""
    names = ", ".join(f"'{name}'" for name in supported[:-1]) + f", and '{supported[-1]}'"
    return ApiError(
        400,
        f"Invalid value: '{value}'. Supported values are: {names}.",
        param=param,
        code="invalid_value",
    )


def out_of_range(param: str, value: float, low: float, high: float | None) -> ApiError:
    """A number lies outside its range."""
    kind = "integer" if isinstance(value, int) else "decimal"
    below = value < low
    side, sign, bound = ("below minimum", ">=", low) if below else ("above maximum", "<=", high)
    return ApiError(
        400,
        f"Invalid '{param}': {kind} {side} value. Expected a value {sign} {bound}, but got {value} instead.",
        param=param,
        code=f"{kind}_{'below_min' if below else 'above_max'}_value",
    )


def empty_array(param: str) -> ApiError:
    """A list that needs an element has none."""
    return ApiError(
        400,
        f"Invalid '{param}': empty array. Expected an array with minimum length 1, "
        "but got an empty array instead.",
        param=param,
        code="empty_array",
    )


def unknown_parameter(param: str) -> ApiError:
    """A field that the endpoint does not have."""
    return ApiError(400, f"Unknown parameter: '{param}'.", param=param, code="unknown_parameter")


def only_with_stream() -> ApiError:
    """`stream_options` without `stream`."""
    return ApiError(
        400,
        "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        param="stream_options",
    )


def _type_name(value: object) -> str:
    names: tuple[tuple[type, str], ...] = (
        (bool, "a boolean"),
        (int, "an integer"),
        (float, "a decimal"),
        (str, "a string"),
        (list, "an array"),
        (dict, "an object"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "null")
