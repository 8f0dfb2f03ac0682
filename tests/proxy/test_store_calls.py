"""What a limit store answers is taken for an answer only where it is one."""

from __future__ import annotations

import pytest

from sealgate.proxy import store_calls
from sealgate.proxy.store_calls import Answer
from sealgate.proxy.store_wire import Reply


def test_an_answer_says_whether_there_is_room_and_what_is_used_and_held() -> None:
    assert store_calls.answer([1, b"2.5", b"3"], 1) == Answer(True, [(2.5, 3)])
    assert store_calls.answer([0, b"7", b"0", b"1", b"2"], 2) == Answer(False, [(7.0, 0), (1.0, 2)])


@pytest.mark.parametrize(
    "reply",
    [
        None,
        1,
        [],
        [1, b"2"],
        [1, b"2", b"3", b"4"],
        [1, b"2", 3],
        [1, b"two", b"3"],
        [1, b"inf", b"3"],
        [1, b"nan", b"3"],
        [1, b"2", b"inf"],
        [1, b"2", b"-inf"],
        [1, b"2", b"nan"],
    ],
    ids=repr,
)
def test_what_is_no_answer_is_none(reply: Reply) -> None:
    assert store_calls.answer(reply, 1) is None
