"""The models of the simulator: ordinary ones, and one per fault, told apart by name alone.

Its counterpart is whoever wants to see a fault handled: no header and no setting is needed, only the
model's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct


class Fault(StrEnum):
    """What goes wrong; `NONE` for ordinary models."""

    NONE = "none"
    ECHO_KEY = "echo_key"
    RATE = "rate"
    QUOTA = "quota"
    HTML = "html"
    REDIRECT = "redirect"
    HANG = "hang"
    RESET = "reset"
    NO_USAGE = "no_usage"
    NO_DONE = "no_done"


class Serves(StrEnum):
    """What an ordinary model is for; one with a fault plays it on every endpoint."""

    TEXT = "text"
    EMBEDDINGS = "embeddings"
    MODERATIONS = "moderations"
    PICTURES = "pictures"
    SPEECH = "speech"
    TRANSCRIPTS = "transcripts"


class Model(Struct, frozen=True):
    """One model: its fault, and how it writes."""

    meaning: str
    fault: Fault = Fault.NONE
    slow: bool = False
    long: bool = False
    token_limit: int | None = None
    serves: Serves = Serves.TEXT
    dimensions: int = 1536

    def is_for(self, serves: Serves) -> bool:
        """Whether an endpoint of this kind answers with this model."""
        return self.serves is serves or self.fault is not Fault.NONE


MODELS: Final[Mapping[str, Model]] = {
    "gpt-sim": Model("answers"),
    "gpt-sim-mini": Model("answers"),
    "gpt-4o-mini": Model("answers, under a name that SDK examples use"),
    "text-embedding-3-small": Model("embeds", serves=Serves.EMBEDDINGS),
    "text-embedding-3-large": Model("embeds", serves=Serves.EMBEDDINGS, dimensions=3072),
    "omni-moderation-latest": Model("judges by a list of words", serves=Serves.MODERATIONS),
    "gpt-image-sim": Model("draws one colour", serves=Serves.PICTURES),
    "tts-sim": Model("speaks in tones", serves=Serves.SPEECH),
    "transcribe-sim": Model("tells how long a sound is", serves=Serves.TRANSCRIPTS),
    "sim-long": Model("writes over a thousand tokens, to be stopped", long=True),
    "sim-slow": Model("first byte after two seconds, then two events a second", slow=True),
    "sim-length": Model("ends at 12 tokens with finish_reason length", token_limit=12),
    "sim-401-echo": Model("401 with the whole key in body and header", Fault.ECHO_KEY),
    "sim-429-rate": Model("429, heals with time", Fault.RATE),
    "sim-429-quota": Model("429, needs the account's owner", Fault.QUOTA),
    "sim-500-html": Model("500 with an HTML page that quotes the key", Fault.HTML),
    "sim-redirect": Model("307 to another host", Fault.REDIRECT),
    "sim-hang": Model("accepts the request and never answers", Fault.HANG),
    "sim-reset": Model("resets the connection in the middle of the answer", Fault.RESET),
    "sim-no-usage": Model("never tells its usage", Fault.NO_USAGE),
    "sim-no-done": Model("ends its stream without [DONE]", Fault.NO_DONE),
}
