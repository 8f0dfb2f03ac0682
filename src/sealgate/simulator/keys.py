"""Keys: which are accepted, and which fail and how, told apart by a name inside the key alone.

Its counterpart is whoever tests a key before using it: `sk-sim-nocredit-` and any sixteen characters, and so
on, fail as a key of OpenAI's fails that has this trouble, with its status, type and code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sealgate.simulator.connection import Request
from sealgate.simulator.errors import (
    incorrect_hostname,
    masked,
    no_key,
    no_model_access,
    overloaded,
    quota_exceeded,
    rate_limited,
    unsupported_country,
    wrong_key,
)

AZURE_PREFIX: Final = "/openai/v1/"
REGION: Final = "us.api.openai.com"
"""Where a key of another region is sent to."""

KEY_FAULTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "invalid": "401 invalid_api_key: nobody knows it, on every endpoint",
        "wrongregion": "401 incorrect_hostname: it belongs to a regional host, on every endpoint",
        "country": "403 unsupported_country_region_territory, on every endpoint",
        "nocredit": "429 insufficient_quota: the account has nothing left to spend",
        "ratelimited": "429 rate_limit_exceeded, heals with time",
        "nomodel": "403 model_not_found: its project may use no model at all",
        "overloaded": "503 server_is_overloaded: not the key's fault",
    }
)

_KEY: Final = re.compile(r"sk-sim-[A-Za-z0-9_-]{16,490}")
_NAMED: Final = re.compile(rf"sk-sim-({'|'.join(KEY_FAULTS)})-")


def key_of(request: Request) -> str:
    """The key of a request, if it is accepted at all; raises `ApiError`.

    On Azure's path it may also come as `api-key`, as there.
    """
    key = request.header("api-key") if request.path.startswith(AZURE_PREFIX) else ""
    if not key:
        scheme, _, key = request.header("authorization").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise no_key()
    if not _KEY.fullmatch(key):
        raise wrong_key(masked(key))
    match fault_of(key):
        case "invalid":
            raise wrong_key(masked(key))
        case "wrongregion":
            raise incorrect_hostname(REGION)
        case "country":
            raise unsupported_country()
    return key


def check_spending(key: str, model: str) -> None:
    """Refuse what this key may not have answered; raises `ApiError`."""
    match fault_of(key):
        case "nocredit":
            raise quota_exceeded()
        case "ratelimited":
            raise rate_limited(model)
        case "nomodel":
            raise no_model_access(model)
        case "overloaded":
            raise overloaded()


def fault_of(key: str) -> str:
    """The name of the trouble that a key has, or an empty string."""
    found = _NAMED.match(key)
    return found[1] if found else ""
