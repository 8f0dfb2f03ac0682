"""Reads a real provider key from a file for the demo, and refuses a file that others could read.

Counterpart: `deposit`, which seals it. No message quotes anything of the file's content, the key is written
nowhere, and its path is all that the environment holds.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Never

from sealgate.envelope import KeyFormatError, check_provider_key

VARIABLE = "SEALGATE_OPENAI_KEY_FILE"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_LIMIT_BYTES = 1024
_PREFIX = b"sk-"
_SIMULATED = b"sk-sim-"


class KeyFileError(RuntimeError):
    """The file holds no key that the demo may use. The message has a hint, and nothing of the content."""


def read_key(path: Path) -> bytes:
    """The key in a file of one line; raises `KeyFileError`."""
    content = _read(path)
    if len(content) > _LIMIT_BYTES:
        _refuse(path, "is longer than any key", "put the key alone into it, on one line")
    key = content.removesuffix(b"\n").removesuffix(b"\r")
    if not key.strip():
        _refuse(path, "is empty", "put the key alone into it, on one line")
    try:
        check_provider_key(key)
    except KeyFormatError as error:
        why = f"holds no key: {str(error).rstrip('.')}"
        _refuse(path, why, "put the key alone into it, on one line, without quotation marks")
    if key.startswith(_SIMULATED):
        _refuse(path, "holds a key of the simulator", f"unset {VARIABLE}: the demo makes its own")
    if not key.startswith(_PREFIX):
        _refuse(path, "holds no OpenAI key: it does not begin with sk-", "copy the key as OpenAI shows it")
    return key


def _read(path: Path) -> bytes:
    try:
        # Not to wait for a writer where somebody named a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        _refuse(path, f"cannot be read ({error.strerror})", "name a file that you may read")
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            _refuse(path, "is no regular file", "put the key into a file of its own")
        if status.st_mode & _OTHERS:
            mode = stat.S_IMODE(status.st_mode)
            _refuse(path, f"has mode {mode:04o}: others can read the key", f"chmod 0600 {path}")
        return os.read(descriptor, _LIMIT_BYTES + 1)
    finally:
        os.close(descriptor)


def _refuse(path: Path, why: str, hint: str) -> Never:
    raise KeyFileError(f"{VARIABLE}: {path} {why}. hint: {hint}") from None
