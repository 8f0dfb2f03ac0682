"""What is written down about a provider: its endpoints, how the key goes in, which fields differ.

Counterparts: `providers.py` and `provider_presets.py`, whose tables are made of these; nothing here decides.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from sealgate.policy.bodies import JSON
from sealgate.policy.document import Endpoint


class EndpointRow(Struct, frozen=True):
    """One endpoint of one provider: its path, and what happens to fields of a body that is shaped already.

    In this order: `refused` names fields with the reason, `only` fields pass with this one value, which the
    provider has by itself, and are then dropped; `removed` fields are dropped, and so are those
    `removed_of_messages` in each message; `renamed` ones go by the provider's name (where both are given,
    the smaller number counts), `set` ones are given this value.
    """

    path: bytes
    refused: Mapping[str, str] = MappingProxyType({})
    only: Mapping[str, JSON] = MappingProxyType({})
    removed: tuple[str, ...] = ()
    removed_of_messages: tuple[str, ...] = ()
    renamed: Mapping[str, str] = MappingProxyType({})
    set: Mapping[str, JSON] = MappingProxyType({})
    stream_options: tuple[str, ...] | None = None
    """The stream options that the provider knows; None leaves them as they are."""

    @property
    def unchanged(self) -> bool:
        """True if a shaped body goes up as it is."""
        rules = (
            self.refused,
            self.only,
            self.removed,
            self.removed_of_messages,
            self.renamed,
            self.set,
        )
        return not any(rules) and self.stream_options is None


class Provider(Struct, frozen=True):
    """One provider: `auth_header` carries `auth_prefix` and the key; `endpoints` by the policy's names."""

    name: str
    label: str
    auth_header: bytes
    auth_prefix: bytes
    endpoints: Mapping[Endpoint, EndpointRow]


UNKNOWN: Final = "this provider does not know it, and would answer as if it had not been sent"
UNMODERATED: Final = MappingProxyType({"moderation": UNKNOWN})
ONE_ANSWER: Final[Mapping[str, JSON]] = MappingProxyType({"n": 1})
MAX_TOKENS: Final = MappingProxyType({"max_completion_tokens": "max_tokens"})

OPENAIS_OWN: Final = (
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
)
"""Fields about OpenAI's own house: elsewhere they are unknown, or mean something else."""
