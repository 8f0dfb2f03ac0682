"""The page about requests is drawn from the table, and the committed one is up to date."""

from pathlib import Path

from sealgate.policy.chat_fields import CHAT_FIELDS, TOOLS
from sealgate.policy.reference import request_reference
from sealgate.policy.refusals import REFUSAL_CODES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "requests.md"


def test_the_committed_page_is_the_drawn_one() -> None:
    drawn = "`.venv/bin/python -m sealgate.policy.reference > docs/reference/requests.md` draws it again"
    assert PAGE.read_text() == request_reference(), drawn


def test_every_field_tool_and_code_is_on_the_page() -> None:
    page = request_reference()
    assert not [name for name in (*CHAT_FIELDS, *TOOLS, *REFUSAL_CODES) if f"`{name}`" not in page]
