"""The text form of an envelope has one spelling, and its suite says how long it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.envelope import EnvelopeError, Suite, decode_text, encode_text, envelope_bytes, read_header
from sealgate.envelope.suites import SUITES

SIZES = {1: (578, 771), 2: (611, 815)}
"""Bytes and letters, as docs/spec/envelope.md says."""


def envelopes(suite: Suite) -> st.SearchStrategy[bytes]:
    """Anything of a suite's length and number."""
    body = envelope_bytes(suite) - 2
    return st.binary(min_size=body, max_size=body).map(lambda rest: bytes((1, suite.id)) + rest)


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
@given(data=st.data())
def test_text_and_bytes_are_the_same_envelope(suite: Suite, data: st.DataObject) -> None:
    envelope = data.draw(envelopes(suite))
    text = encode_text(envelope)
    assert (len(envelope), len(text)) == SIZES[suite.id]
    assert decode_text(text) == envelope
    assert read_header(envelope) == (suite.id, envelope[2:18])


@given(
    text=st.text(max_size=830)
    | st.text("AQgw-_=\n ", min_size=765, max_size=820)
    | st.sampled_from(["AQE", "AQI"]).flatmap(
        lambda start: st.text("AQgw-_", min_size=760, max_size=815).map(lambda rest: start + rest)
    )
)
def test_a_text_that_is_read_is_written_back_the_same(text: str) -> None:
    try:
        envelope = decode_text(text)
    except EnvelopeError:
        return
    assert encode_text(envelope) == text


@pytest.mark.parametrize("size", [0, 1, 2, 577, 579, 610, 612, 5780])
@pytest.mark.parametrize("number", [0, 1, 2, 3, 255])
def test_an_envelope_of_another_size_or_suite_is_refused(size: int, number: int) -> None:
    with pytest.raises(EnvelopeError):
        decode_text(encode_text(bytes((1, number) + (0,) * size)[:size]))


def test_the_length_of_one_suite_under_the_number_of_another_is_refused() -> None:
    for number, size in ((1, 611), (2, 578)):
        with pytest.raises(EnvelopeError):
            read_header(bytes((1, number)) + bytes(size - 2))
