"""A refusal knows its status and grows its path from the inside out."""

import pytest

from sealgate.policy.refusals import REFUSAL_CODES, Refusal


@pytest.mark.parametrize("code", REFUSAL_CODES)
def test_every_code_has_a_client_error_as_its_status(code: str) -> None:
    assert 400 <= Refusal(code, "said").status < 500


def test_a_path_is_built_on_the_way_out() -> None:
    refusal = Refusal("invalid_value", "This must be text.")
    for place in ("text", "[1]", "content", "[0]", "messages"):
        refusal.within(place)
    assert refusal.param == "messages[0].content[1].text"
    assert str(refusal) == "messages[0].content[1].text: This must be text."
