"""Read the text vectors: a sentence, then `name: value` lines; one vector to a file, one failure to a vector.

Its counterparts are generate.py, which writes them, and web/shared/vectors.ts, which reads them too.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

VECTORS: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Vector:
    """One vector: its file's name, what it shows, and its fields as they are written."""

    name: str
    about: str
    fields: dict[str, str]

    def __getitem__(self, field: str) -> str:
        return self.fields[field]

    def hex(self, field: str) -> bytes:
        """Give a field that is written in hexadecimal."""
        return bytes.fromhex(self.fields[field])


def parse(name: str, text: str) -> Vector:
    """Read one vector; raises ValueError where the text is not one."""
    about, *lines = text.splitlines()
    if not about.startswith("# "):
        raise ValueError(f"vector {name} does not begin with its sentence")
    pairs = (line.partition(":") for line in lines)
    return Vector(name, about.removeprefix("# "), {field: value.strip(" ") for field, _, value in pairs})


def load(folder: str) -> list[Vector]:
    """Give every vector of a folder, by name."""
    paths = sorted((VECTORS / folder).glob("*.txt"))
    return [parse(path.stem, path.read_text(encoding="utf-8")) for path in paths]
