"""Clamps: what a well-formed request may not ask for."""

from __future__ import annotations

from typing import Any

import pytest

from sealgate.policy.clamps import clamped
from sealgate.policy.document import Limits
from sealgate.policy.refusals import Refusal
from sealgate.policy.requests import Shaped

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
OTHER_PICTURE = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}


def shaped(input_bytes: int = 10, **body: Any) -> Shaped:
    return Shaped(body, "gpt-sim", False, False, 100, input_bytes)


def test_without_clamps_a_request_passes_as_it_is() -> None:
    request = shaped(1_000_000, tools=[{}], messages=[{"content": [PICTURE] * 40}])
    assert clamped(request, Limits()) is request


def test_text_over_the_bound_is_refused_and_at_the_bound_passes() -> None:
    clamped(shaped(100), Limits(input_bytes=100))
    with pytest.raises(Refusal, match="101 bytes; at most 100") as caught:
        clamped(shaped(101), Limits(input_bytes=100))
    assert caught.value.code == "text_too_long"


def test_the_applications_own_instructions_are_not_counted() -> None:
    clamped(shaped(150), Limits(input_bytes=100), ours_bytes=50)
    with pytest.raises(Refusal, match="101 bytes"):
        clamped(shaped(151), Limits(input_bytes=100), ours_bytes=50)


def test_tools_are_refused_by_name_where_they_are_off() -> None:
    clamped(shaped(tools=[]), Limits(tools=False))
    with pytest.raises(Refusal) as caught:
        clamped(shaped(tools=[{"type": "function"}]), Limits(tools=False))
    assert (caught.value.code, caught.value.param) == ("field_not_allowed", "tools")


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"content": [PICTURE]}, {"content": [PICTURE]}]},
        {"input": [{"content": [OTHER_PICTURE, OTHER_PICTURE]}]},
        {"input": [{"output": [OTHER_PICTURE]}, OTHER_PICTURE]},
        {"input": [{"type": "image_url"}, {"type": "image_url"}]},
    ],
    ids=["chat", "responses", "a tool's answer", "moderations"],
)
def test_pictures_are_counted_wherever_they_may_stand(body: dict[str, Any]) -> None:
    clamped(shaped(**body), Limits(images=2))
    with pytest.raises(Refusal, match="2 pictures; at most 1"):
        clamped(shaped(**body), Limits(images=1))
