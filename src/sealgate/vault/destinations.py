"""Where keys may go: hosts of providers with one address for all, and the origins of the vault's own
configuration; nobody else's.

Azure's, vLLM's, Ollama's and compatible servers' origins are different for everyone, so they come from the
configuration alone.

Counterparts: `deposits`, which binds a key to one of them, and `opener`, which checks that it is still
allowed.
"""

from __future__ import annotations

from collections.abc import Iterable

from sealgate.messages.tickets import Destination

_OPENAI: tuple[Destination, ...] = tuple(
    Destination(provider="openai", origin=f"https://{host}", label=label)
    # OpenAI's table of domain prefixes, developers.openai.com/api/docs/guides/data-residency
    for host, label in (
        ("api.openai.com", "OpenAI"),
        ("us.api.openai.com", "OpenAI, United States"),
        ("eu.api.openai.com", "OpenAI, Europe"),
        ("gb.api.openai.com", "OpenAI, United Kingdom"),
        ("au.api.openai.com", "OpenAI, Australia"),
        ("ca.api.openai.com", "OpenAI, Canada"),
        ("in.api.openai.com", "OpenAI, India"),
        ("jp.api.openai.com", "OpenAI, Japan"),
        ("kr.api.openai.com", "OpenAI, South Korea"),
        ("sg.api.openai.com", "OpenAI, Singapore"),
        ("ae.api.openai.com", "OpenAI, United Arab Emirates"),
    )
)

BUILT_IN: tuple[Destination, ...] = (
    *_OPENAI,
    Destination(provider="anthropic", origin="https://api.anthropic.com", label="Anthropic"),
    Destination(provider="google", origin="https://generativelanguage.googleapis.com", label="Google Gemini"),
    Destination(provider="mistral", origin="https://api.mistral.ai", label="Mistral"),
    Destination(provider="groq", origin="https://api.groq.com", label="Groq"),
    Destination(provider="openrouter", origin="https://openrouter.ai", label="OpenRouter"),
)


class AllowedDestinations:
    """Looks destinations up; a configured one with the origin of a built-in only changes its label."""

    def __init__(self, configured: Iterable[Destination]) -> None:
        first = {(each.provider, each.origin): each for each in configured}
        self._items = first | {
            (each.provider, each.origin): each
            for each in BUILT_IN
            if (each.provider, each.origin) not in first
        }

    def find(self, provider: str, origin: str) -> Destination | None:
        """The destination, or None: then no key may go there."""
        return self._items.get((provider, origin))

    @property
    def items(self) -> tuple[Destination, ...]:
        """All of them: as configured, then the built-in ones; pages offer the first."""
        return tuple(self._items.values())
