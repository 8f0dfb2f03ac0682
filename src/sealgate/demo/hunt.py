"""The hunt for a key: every file and every line, in every form that a program is likely to leave it in.

A hunt that finds nothing proves nothing unless the same hunt finds what was planted; so it always does both.
"""

from __future__ import annotations

import base64
import hashlib
import stat
import urllib.parse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

WINDOW_BYTES = 16
"""A piece of the key as short as this is already a hit."""


class Hit(Struct, frozen=True):
    """Where something of the key was found, and in which form; never the bytes."""

    where: str
    form: str


class Report(Struct, frozen=True):
    """What a hunt saw. It means something only if `planted_found`."""

    files: int
    log_lines: int
    hits: tuple[Hit, ...]
    planted_forms: int
    planted_found: bool

    @property
    def clean(self) -> bool:
        """Nothing found, something searched, and the planted control found in every form."""
        return not self.hits and self.files > 0 and self.log_lines > 0 and self.planted_found


def needles(key: bytes) -> Mapping[str, tuple[bytes, ...]]:
    """Form → the byte strings that betray the key in that form."""
    text = key.decode("ascii")
    return {
        "raw, any 16 bytes": _windows(key),
        "utf-16": (text.encode("utf-16-le"), text.encode("utf-16-be")),
        "hex": (key.hex().encode(), key.hex().upper().encode()),
        "base64": _base64_cores(key),
        "reversed": _windows(key[::-1]),
        "url-escaped": (urllib.parse.quote(text, safe="").encode(), _percent(key)),
        "plain hash": tuple(_hashes(key)),
    }


def _windows(data: bytes) -> tuple[bytes, ...]:
    return tuple(data[at : at + WINDOW_BYTES] for at in range(len(data) - WINDOW_BYTES + 1))


def _base64_cores(key: bytes) -> tuple[bytes, ...]:
    """The part of the encoding that does not depend on what stands before or after, at three alignments."""
    cores = []
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = encode(bytes(shift) + key)
            cores.append(encoded[4:-4])
    return tuple(dict.fromkeys(cores))


def _percent(key: bytes) -> bytes:
    return "".join(f"%{byte:02X}" for byte in key).encode()


def _hashes(key: bytes) -> Iterable[bytes]:
    for name in ("sha256", "sha1", "md5", "sha512"):
        digest = hashlib.new(name, key, usedforsecurity=False).digest()
        yield digest
        yield digest.hex().encode()


def search(key: bytes, surfaces: Iterable[tuple[str, bytes]]) -> tuple[Hit, ...]:
    """Look for the key in named pieces of bytes; one hit per piece and form."""
    forms = needles(key)
    return tuple(
        Hit(where=where, form=form)
        for where, data in surfaces
        for form, patterns in forms.items()
        if any(pattern in data for pattern in patterns)
    )


def hunt(key: bytes, folders: Sequence[Path], lines: Sequence[str], pids: Sequence[int] = ()) -> Report:
    """Hunt in every file below the folders, every file that a process holds open for writing, and every line.

    The control is planted as a file in the first folder and as a log line, one for each form, then removed.
    """
    with_control = folders[0] / ".planted-control"
    forms = needles(key)
    try:
        with_control.write_bytes(b"\n".join(patterns[0] for patterns in forms.values()))
        planted = search(key, [(str(with_control), with_control.read_bytes())])
        planted_lines = search(key, _lines([*lines, "info planted " + key.decode("ascii")]))
    finally:
        with_control.unlink(missing_ok=True)
    paths = _files(folders, pids)
    hits = search(key, _contents(paths)) + search(key, _lines(lines))
    return Report(
        files=len(paths),
        log_lines=len(lines),
        hits=hits,
        planted_forms=len(forms),
        planted_found={hit.form for hit in planted} == set(forms) and bool(planted_lines),
    )


def _lines(lines: Sequence[str]) -> list[tuple[str, bytes]]:
    return [("log", "\n".join(lines).encode())]


def _contents(paths: Iterable[Path]) -> Iterable[tuple[str, bytes]]:
    for path in paths:
        yield str(path), path.read_bytes()


def _files(folders: Sequence[Path], pids: Sequence[int]) -> list[Path]:
    below = {path for folder in folders for path in folder.rglob("*") if path.is_file()}
    return sorted(below | {path for pid in pids for path in _open_for_writing(pid)})


def _open_for_writing(pid: int) -> Iterable[Path]:
    """Regular files that a process has open for writing, wherever they are (proc(5))."""
    folder = Path(f"/proc/{pid}/fd")
    for entry in folder.iterdir() if folder.exists() else ():
        try:
            mode = entry.stat().st_mode
            writable = entry.lstat().st_mode & stat.S_IWUSR
            target = entry.readlink()
        except FileNotFoundError:
            continue
        if stat.S_ISREG(mode) and writable and target.exists():
            yield target
