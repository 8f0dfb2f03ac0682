"""The page about requests is drawn from the tables, and the committed one is up to date."""

from pathlib import Path

import pytest

from sealgate.policy import chat_fields, responses_fields
from sealgate.policy.fields import REFERENCES
from sealgate.policy.input_fields import EMBEDDINGS_FIELDS, MODERATIONS_FIELDS
from sealgate.policy.media import FORMS
from sealgate.policy.media_fields import GENERATION_FIELDS, SPEECH_FIELDS
from sealgate.policy.providers import PROVIDERS
from sealgate.policy.reference import request_reference
from sealgate.policy.refusals import REFUSAL_CODES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "requests.md"
# The heading of a section → every name that it must have.
NAMES: dict[str, tuple[str, ...]] = {
    "## `POST /v1/chat/completions`": (
        *chat_fields.CHAT_FIELDS,
        *chat_fields.ROLES,
        *chat_fields.TOOLS,
    ),
    "## `POST /v1/responses`": (
        *responses_fields.RESPONSES_FIELDS,
        *responses_fields.ITEMS,
        *responses_fields.MESSAGES,
        *responses_fields.TOOLS,
    ),
    "## `POST /v1/embeddings`": tuple(EMBEDDINGS_FIELDS),
    "## `POST /v1/moderations`": tuple(MODERATIONS_FIELDS),
    "## `POST /v1/images/generations`": tuple(GENERATION_FIELDS),
    "## `POST /v1/audio/speech`": tuple(SPEECH_FIELDS),
    **{
        f"## `POST /v1/{endpoint.replace('.', '/')}`": (*row.fields, *row.files)
        for endpoint, row in FORMS.items()
    },
    "## References": tuple(REFERENCES),
    "## Providers": (
        *PROVIDERS,
        *(endpoint for each in PROVIDERS.values() for endpoint in each.endpoints),
        *(name for each in PROVIDERS.values() for row in each.endpoints.values() for name in row.removed),
        *(name for each in PROVIDERS.values() for row in each.endpoints.values() for name in row.refused),
    ),
    "## Refusals": tuple(REFUSAL_CODES),
}


def test_the_committed_page_is_the_drawn_one() -> None:
    drawn = "`.venv/bin/python -m sealgate.policy.reference > docs/reference/requests.md` draws it again"
    assert PAGE.read_text() == request_reference(), drawn


@pytest.mark.parametrize("heading", NAMES)
def test_every_name_of_a_table_is_in_its_section(heading: str) -> None:
    _, found, after = request_reference().partition(f"{heading}\n")
    assert found
    section = after.partition("\n## ")[0]
    assert not [name for name in NAMES[heading] if f"`{name}`" not in section]
