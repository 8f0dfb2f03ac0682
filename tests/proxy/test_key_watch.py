"""The watch knows a key again wherever reads split it, and holds no copy of it."""

from __future__ import annotations

import pytest

from sealgate.proxy.key_watch import KeyWatch, mark_of

KEY = b"sk-canary-4f1c9a77e02b46c8"


def watch() -> KeyWatch:
    return KeyWatch(mark_of(memoryview(KEY)))


@pytest.mark.parametrize("cut", range(len(KEY) + 1))
def test_a_key_is_seen_wherever_it_is_split(cut: int) -> None:
    looking = watch()
    seen = [looking.saw_key(part) for part in (b"data: sk-" + KEY[:cut], KEY[cut:] + b"\n\n")]
    assert any(seen)


def test_a_key_that_comes_byte_by_byte_is_seen() -> None:
    looking = watch()
    assert [looking.saw_key(bytes([byte])) for byte in KEY] == [False] * (len(KEY) - 1) + [True]


@pytest.mark.parametrize(
    "data",
    [b"", b"sk-", KEY[:-1], KEY[1:], KEY[:-1] + b"9", b"sk-c" * 100, KEY.upper()],
    ids=["nothing", "a prefix", "all but the end", "all but the start", "another", "starts", "capitals"],
)
def test_what_is_not_the_key_passes(data: bytes) -> None:
    assert not watch().saw_key(data)


def test_a_mark_holds_four_characters_and_shows_none() -> None:
    mark = mark_of(memoryview(KEY))
    assert mark.beginning == KEY[:4]
    assert KEY[4:10] not in mark.digest
    assert "sk-" not in repr(mark) + repr(KeyWatch(mark))
