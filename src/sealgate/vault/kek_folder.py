"""The KEKs' files in the vault's folder: which versions there are, and where each one's key is.

Counterparts: `kek_ring`, which opens them, `kek_file` for keys that lie here. For a key elsewhere the file
holds its description. It stands outside of vault.db on purpose: whoever edits the database cannot make the
vault ask another key, such as one of their own.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
from msgspec import Struct

from sealgate.vault.faults import StartError
from sealgate.vault.kek import KekDescription
from sealgate.vault.kek_file import FileKek, load_kek, make_kek, make_kek_in, read_private, write_private

KEK_NAME = "kek"
FILE = "file"
"""Name of the provider whose keys lie in the folder itself."""
_NAME = re.compile(r"kek\.((?:file|pkcs11|aws-kms|transit)-[0-9a-f]{16})")
_PREFIX = b"sealgate-kek-elsewhere-1 "


class KekEntry(Struct, frozen=True):
    """One version's file. `key` is there where the file holds the key itself."""

    version: str
    path: Path
    description: KekDescription
    key: FileKek | None


def kek_entries(folder: Path) -> dict[str, KekEntry]:
    """Every version that has a file; raises `StartError` for one that is unsafe or no KEK."""
    entries = [_entry(path) for path in sorted(folder.iterdir()) if is_kek(path)]
    return {entry.version: entry for entry in entries}


def add_file_kek(folder: Path, *, first: bool) -> KekEntry:
    """Make a key here: `kek` on the very first start, `kek.<version>` later."""
    if first:
        make_kek(folder / KEK_NAME)
        return _entry(folder / KEK_NAME)
    return _entry(folder / f"kek.{make_kek_in(folder).version}")


def add_description(folder: Path, description: KekDescription) -> KekEntry:
    """Note where a key elsewhere is to be found; a note that is there already is as good."""
    path = folder / f"kek.{description.version}"
    if not path.exists():
        write_private(path, _PREFIX + description.text().encode() + b"\n")
    return _entry(path)


def is_kek(path: Path) -> bool:
    """True for a name that a KEK's file has."""
    return path.name == KEK_NAME or _NAME.fullmatch(path.name) is not None


def _entry(path: Path) -> KekEntry:
    content = read_private(path)
    if not content.startswith(_PREFIX):
        key = load_kek(path)
        entry = KekEntry(key.version, path, KekDescription(FILE, {}), key)
    else:
        description = _description(path, content)
        entry = KekEntry(description.version, path, description, None)
    if path.name not in (KEK_NAME, f"kek.{entry.version}"):
        raise _malformed(path)
    return entry


def _description(path: Path, content: bytes) -> KekDescription:
    try:
        return msgspec.json.decode(content.removeprefix(_PREFIX), type=KekDescription)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _malformed(path) from error


def _malformed(path: Path) -> StartError:
    return StartError("kek_malformed", f"{path} holds no KEK of its name", "put it back from its backup")
