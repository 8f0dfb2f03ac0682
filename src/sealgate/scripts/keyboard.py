"""Reads a provider key from standard input, without showing it and without leaving copies where it can.

The bytes go into one buffer that the caller wipes. It must never be given a key on the command line.
"""

from __future__ import annotations

import contextlib
import os
import sys
import termios
from collections.abc import Iterator

from sealgate.scripts.failures import Exit, ScriptError

KEY_LIMIT_BYTES = 4096


def read_key(fd: int) -> bytearray:
    """The key without its line end: one line of a terminal, unseen; else everything up to the end."""
    with _unseen(fd):
        return _read(fd, whole=not os.isatty(fd))


def confirmed(question: str) -> bool | None:
    """The answer to a yes-or-no question at the terminal of who runs this; `None` if there is none."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return None
    try:
        os.write(terminal, f"{question} [y/N] ".encode())
        return bytes(_read(terminal, whole=False)).strip().lower() in {b"y", b"yes"}
    finally:
        os.close(terminal)


def _read(fd: int, *, whole: bool) -> bytearray:
    taken = bytearray()
    while len(taken) <= KEY_LIMIT_BYTES:
        piece = os.read(fd, KEY_LIMIT_BYTES)
        if not piece:
            break
        taken += piece
        if not whole and taken.endswith(b"\n"):
            break
    if len(taken) > KEY_LIMIT_BYTES:
        taken[:] = bytes(len(taken))
        raise ScriptError(Exit.DATA, "This is far too long for a key.", "Give the key alone, nothing else.")
    if taken.endswith(b"\n"):
        del taken[-1]
    if taken.endswith(b"\r"):
        del taken[-1]
    return taken


@contextlib.contextmanager
def _unseen(fd: int) -> Iterator[None]:
    if not os.isatty(fd):
        yield
        return
    before = termios.tcgetattr(fd)
    silent = [*before]
    silent[3] &= ~termios.ECHO
    # First silent, then the question: who answers at once would be shown, and what was typed thrown away.
    termios.tcsetattr(fd, termios.TCSAFLUSH, silent)
    sys.stderr.write("Key (it is not shown): ")
    sys.stderr.flush()
    try:
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSAFLUSH, before)
        sys.stderr.write("\n")
