"""A key that is typed at a terminal: whoever answers the question at once is not shown, and is heard."""

from __future__ import annotations

import io
import os
import pty
import sys
import termios

import pytest

from sealgate.scripts.keyboard import read_key

KEY = b"sk-sim-typed-at-once"


class AnswersAtOnce(io.StringIO):
    """Standard error as somebody reads it who types the key as soon as the question is there."""

    def __init__(self, terminal: int, its: int) -> None:
        super().__init__()
        self._terminal, self._its = terminal, its
        self.shown: list[bool] = []

    def write(self, text: str) -> int:
        if "not shown" in text:
            self.shown.append(bool(termios.tcgetattr(self._its)[3] & termios.ECHO))
            os.write(self._terminal, KEY + b"\n")
        return super().write(text)


def test_the_terminal_is_silent_before_it_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, its = pty.openpty()
    try:
        said = AnswersAtOnce(ours, its)
        monkeypatch.setattr(sys, "stderr", said)
        assert read_key(its) == KEY
        assert said.shown == [False]
        assert termios.tcgetattr(its)[3] & termios.ECHO
        os.set_blocking(ours, False)
        with pytest.raises(BlockingIOError):  # nothing was echoed
            os.read(ours, 1024)
    finally:
        os.close(ours)
        os.close(its)
