"""A context that could not be told from another one cannot be made."""

import pytest

from sealgate.envelope import SUITE_1, suite_of
from tests.envelope.vector_values import changed, example_context

TEXTS = ("instance", "organization", "application", "credential", "provider", "origin")


@pytest.mark.parametrize("field", TEXTS)
@pytest.mark.parametrize(
    "text", ["", "x" * 65_536, "é" * 32_768, "\ud800"], ids=["empty", "long", "long-utf-8", "surrogate"]
)
def test_a_text_is_1_to_65535_bytes_of_utf_8(field: str, text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the surrogate's message is the codec's
        changed(example_context(), field, text)


@pytest.mark.parametrize("field", TEXTS)
def test_the_longest_text_is_bound(field: str) -> None:
    assert b"\xff\xff" + b"x" * 65_535 in changed(example_context(), field, "x" * 65_535).info(
        suite_of(SUITE_1)
    )


@pytest.mark.parametrize("version", [0, -1, 2**53, 2**64])
def test_a_version_is_counted_from_1_and_exact_in_a_browser(version: int) -> None:
    with pytest.raises(ValueError, match=str(version)):
        changed(example_context(), "version", version)


@pytest.mark.parametrize("size", [0, 15, 17, 32])
def test_a_vault_key_id_has_16_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        changed(example_context(), "key_id", bytes(size))
