"""The hunt for a key, or for what somebody wrote: every file, every line and all that was sent away, in every
form that a program is likely to leave it in.

A hunt that finds nothing proves nothing unless the same hunt finds what was planted; so it always does both.
"""

from __future__ import annotations

import base64
import hashlib
import re
import stat
import urllib.parse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

WINDOW_BYTES = 16
"""A piece of the key as short as this is already a hit."""
TEXT_BYTES, TEXT_WINDOW_BYTES = 128, 32
"""Of a text longer than this, pieces are longer: a few words stand in many places."""
KEY = "key"
Surface = tuple[str, bytes]
"""A name, and what stands there."""
_NOTHING = re.compile(rb"\0{64,}")


class Hit(Struct, frozen=True):
    """Where something of `what` is hunted was found, and in which form; never the bytes."""

    where: str
    form: str
    what: str = KEY


class Report(Struct, frozen=True):
    """What a hunt saw. It means something only if `planted_found`."""

    files: int
    log_lines: int
    hits: tuple[Hit, ...]
    planted_forms: int
    planted_found: bool
    surfaces: int = 0
    """Pieces that were sent away or shown: traces, metrics, pages for operators."""
    hunted: tuple[str, ...] = (KEY,)
    closed: int = 0
    """Processes that let nobody but root see what they have open: those that hold keys."""

    @property
    def clean(self) -> bool:
        """Nothing found, something searched, and the planted control found in every form."""
        return not self.hits and self.files > 0 and self.log_lines > 0 and self.planted_found


def needles(key: bytes) -> Mapping[str, tuple[bytes, ...]]:
    """Form → the byte strings that betray the key, or a text, in that form."""
    text = key.decode()
    return {
        "raw, any piece": _windows(key),
        "utf-16": (text.encode("utf-16-le"), text.encode("utf-16-be")),
        "hex": (key.hex().encode(), key.hex().upper().encode()),
        "base64": _base64_cores(key),
        "reversed": _windows(key[::-1]),
        "url-escaped": (urllib.parse.quote(text, safe="").encode(), _percent(key)),
        "plain hash": tuple(_hashes(key)),
    }


def _windows(data: bytes) -> tuple[bytes, ...]:
    size = WINDOW_BYTES if len(data) <= TEXT_BYTES else TEXT_WINDOW_BYTES
    return tuple(data[at : at + size] for at in range(len(data) - size + 1))


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


def search(key: bytes, surfaces: Iterable[Surface], what: str = KEY) -> tuple[Hit, ...]:
    """Look for the key in named pieces of bytes; one hit per piece and form."""
    forms = needles(key)
    return tuple(
        Hit(where, form, what)
        for where, data in surfaces
        for form, patterns in forms.items()
        if any(pattern in data for pattern in patterns)
    )


def hunt(key: bytes, folders: Sequence[Path], lines: Sequence[str], pids: Sequence[int] = ()) -> Report:
    """Hunt for a key alone, in files and log lines."""
    return hunt_all({KEY: key}, folders, lines, pids)


def hunt_all(
    secrets: Mapping[str, bytes],
    folders: Sequence[Path],
    lines: Sequence[str],
    pids: Sequence[int] = (),
    surfaces: Sequence[Surface] = (),
) -> Report:
    """Hunt in every file below the folders, every file that a process holds open for writing, every line and
    every surface.

    The control is planted as a file in the first folder, as a log line and on a surface, one for each form,
    then removed.
    """
    forms = {what: needles(secret) for what, secret in secrets.items()}
    planted = all(
        _control_found(what, secret, folders[0], lines, surfaces) for what, secret in secrets.items()
    )
    held = {pid: _open_for_writing(pid) for pid in pids}
    paths = _files(folders, [path for opened in held.values() for path in opened or ()])
    searched = [*_lines(lines), *surfaces, *_contents(paths)]
    return Report(
        files=len(paths),
        log_lines=len(lines),
        hits=tuple(hit for what, secret in secrets.items() for hit in search(secret, searched, what)),
        planted_forms=min(map(len, forms.values())),
        planted_found=planted,
        surfaces=len(surfaces),
        hunted=tuple(secrets),
        closed=sum(opened is None for opened in held.values()),
    )


def _control_found(
    what: str, secret: bytes, folder: Path, lines: Sequence[str], surfaces: Sequence[Surface]
) -> bool:
    forms = needles(secret)
    path = folder / ".planted-control"
    planted = b"\n".join(patterns[0] for patterns in forms.values())
    try:
        path.write_bytes(planted)
        in_file = search(secret, _contents([path]), what)
    finally:
        path.unlink(missing_ok=True)
    in_lines = search(secret, _lines([*lines, "info planted " + secret.decode()]), what)
    in_sent = search(secret, [*surfaces, ("planted", planted)], what)
    return {hit.form for hit in in_file} == {hit.form for hit in in_sent} == set(forms) and bool(in_lines)


def _lines(lines: Sequence[str]) -> list[Surface]:
    return [("log", "\n".join(lines).encode())]


def _contents(paths: Iterable[Path]) -> Iterable[Surface]:
    """What stands in files; of room that is kept ready and empty, a little."""
    for path in paths:
        yield str(path), _NOTHING.sub(bytes(64), path.read_bytes())


def _files(folders: Sequence[Path], more: Iterable[Path]) -> list[Path]:
    below = {path for folder in folders for path in folder.rglob("*") if path.is_file()}
    return sorted(below.union(more))


def _open_for_writing(pid: int) -> list[Path] | None:
    """Regular files that a process has open for writing, wherever they are (proc(5)); None: closed to us."""
    folder = Path(f"/proc/{pid}/fd")
    try:
        entries = list(folder.iterdir()) if folder.exists() else []
    except PermissionError:
        return None
    return [target for entry in entries if (target := _written(entry)) is not None]


def _written(entry: Path) -> Path | None:
    try:
        mode = entry.stat().st_mode
        writable = entry.lstat().st_mode & stat.S_IWUSR
        target = entry.readlink()
    except FileNotFoundError:
        return None
    return target if stat.S_ISREG(mode) and writable and target.exists() else None
