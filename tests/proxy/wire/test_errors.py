"""The fault tables: every fault says what was wrong and what to do, and nothing of what was read."""

from __future__ import annotations

import pytest

from sealgate.proxy.wire.errors import REQUEST_FAULTS, RESPONSE_FAULTS, UpstreamWireError, WireError
from tests.proxy.wire.playbook import post, request_reader


@pytest.mark.parametrize("code", REQUEST_FAULTS)
def test_a_clients_fault_has_a_4xx_words_and_a_next_step(code: str) -> None:
    fault = WireError(code)
    assert 400 <= fault.status < 500
    assert fault.message.endswith(".")
    assert fault.hint.endswith(".")


@pytest.mark.parametrize("code", RESPONSE_FAULTS)
def test_an_upstreams_fault_has_words_for_the_log(code: str) -> None:
    assert UpstreamWireError(code).message


def test_a_fault_quotes_nothing_and_carries_no_exception_that_does() -> None:
    with pytest.raises(WireError) as caught:
        request_reader().feed(post(b"Sekrit_Name: sekrit", b"Content-Length: sekrit"))
    fault = caught.value
    assert "sekrit" not in f"{fault!r} {fault.message} {fault.hint}".lower()
    assert fault.__context__ is None
