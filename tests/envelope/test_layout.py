"""The text form of an envelope has one spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.envelope import ENVELOPE_BYTES, EnvelopeError, decode_text, encode_text


@given(envelope=st.binary(min_size=ENVELOPE_BYTES, max_size=ENVELOPE_BYTES))
def test_text_and_bytes_are_the_same_envelope(envelope: bytes) -> None:
    text = encode_text(envelope)
    assert len(text) == 771
    assert decode_text(text) == envelope


@given(text=st.text(max_size=800) | st.text("AQgw-_=\n ", min_size=765, max_size=780))
def test_a_text_that_is_read_is_written_back_the_same(text: str) -> None:
    try:
        envelope = decode_text(text)
    except EnvelopeError:
        return
    assert encode_text(envelope) == text


@pytest.mark.parametrize("size", [0, 1, 577, 579, 5780])
def test_an_envelope_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(EnvelopeError):
        decode_text(encode_text(bytes(size)))
