"""What may stand in `POST /v1/embeddings` and `POST /v1/moderations`, the endpoints that write nothing.

Counterparts: `fields.py` has the rows shared with chat, `shapes.py` applies it, `reference.py` draws it.
"""

from types import MappingProxyType
from typing import Final

from sealgate.policy.checks import (
    Either,
    ListOf,
    ObjectOf,
    OneOf,
    Tagged,
    Text,
    TextsOrTokens,
    Whole,
)
from sealgate.policy.fields import IMAGE_URL, USER, Does, Field

EMBEDDINGS_FIELDS: Final = MappingProxyType(
    {
        "dimensions": Field(Does.ALLOW, Whole(1, 65_536)),
        "encoding_format": Field(Does.ALLOW, OneOf(("float", "base64"))),
        "input": Field(Does.ALLOW, TextsOrTokens(8_192)),
        "model": Field(Does.ALLOW, Text(128), "it must be on the application's list"),
        "user": USER,
    }
)
EMBEDDINGS_REQUIRED: Final = ("input", "model")

DEFAULT_MODERATION_MODEL: Final = "omni-moderation-latest"
_MODERATED: Final = Tagged(
    "type",
    {
        "text": ObjectOf({"type": Text(), "text": Text()}, ("text",)),
        "image_url": ObjectOf(
            {"type": Text(), "image_url": ObjectOf({"url": IMAGE_URL}, ("url",))}, ("image_url",)
        ),
    },
)
MODERATIONS_FIELDS: Final = MappingProxyType(
    {
        "input": Field(Does.ALLOW, Either(Text(), ListOf(Either(Text(), _MODERATED), 1, 2_048))),
        "model": Field(
            Does.SET,
            Text(128),
            "a moderation model, or one that is on the application's list; "
            f"'{DEFAULT_MODERATION_MODEL}' if absent",
        ),
    }
)
MODERATIONS_REQUIRED: Final = ("input",)
