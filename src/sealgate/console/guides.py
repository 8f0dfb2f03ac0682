"""The documentation of docs/hosts as pages: what a host's own back end needs, for each language.

Reads the few forms of Markdown that those files use, and shows everything else as it stands. They are part of
the package, so nothing is fetched from anywhere, and nothing that a visitor types becomes a file's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from markupsafe import Markup, escape
from msgspec import Struct
from starlette.responses import Response

from sealgate.console.visit import Visit

GUIDES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "README": "Any language",
        "python": "Python",
        "node": "Node.js",
        "php": "PHP",
        "ruby": "Ruby",
        "go": "Go",
    }
)
"""File (without `.md`) → what its link says."""

_INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\[([^]]+)\]\(([^)]+)\)")


class Part(Struct, frozen=True):
    """A piece of a guide. `kind`: heading, code (with a `title`), table (with `rows`, its
    head first), steps, text."""

    kind: str
    text: str
    words: Markup = Markup("")
    rows: Sequence[Sequence[Markup]] = ()
    title: str = ""


async def page(visit: Visit) -> Response:
    """One guide by its name in `GUIDES`."""
    name = visit.path("name")
    path = folder() / f"{name}.md"
    if name not in GUIDES or not path.is_file():
        return visit.render("not_found.html", status=404)
    title, *parts = read(path.read_text(encoding="utf-8"))
    return visit.render("guide.html", guides=GUIDES, name=name, title=title.text, parts_of_guide=parts)


def folder() -> Path:
    """Where the guides are: in a wheel inside the package, in a clone beside `src`."""
    packed = Path(__file__).parent / "hosts"
    return packed if packed.is_dir() else Path(__file__).parents[3] / "docs" / "hosts"


def read(text: str) -> Iterator[Part]:
    """The parts of a guide, its title first."""
    for number, piece in enumerate(re.split(r"^```\w*\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)):
        if number % 2:
            yield Part("code", piece.rstrip("\n"), title=f"Code {(number + 1) // 2}")
            continue
        for block in filter(None, re.split(r"\n\s*\n", piece.strip())):
            yield _block(block)


def _block(block: str) -> Part:
    if block.startswith("#"):
        return Part("heading", block.lstrip("# ").replace("`", ""))
    if block.startswith("|"):
        return Part("table", block, rows=_rows(block))
    if re.match(r"\d+\. ", block):
        return Part("steps", block, Markup("").join(map(_item, re.split(r"\n(?=\d+\. )", block))))
    return Part("text", block, _inline(block))


def _item(text: str) -> Markup:
    return Markup("<li>{}</li>").format(_inline(text.partition(". ")[2]))


def _rows(table: str) -> Sequence[Sequence[Markup]]:
    lines = [line.strip().strip("|") for line in table.splitlines()]
    return [[_inline(cell.strip()) for cell in line.split("|")] for line in lines if set(line) - set("-| :")]


def _inline(text: str) -> Markup:
    out, at = Markup(""), 0
    for found in _INLINE.finditer(text):
        out += escape(text[at : found.start()]) + _marked(found)
        at = found.end()
    return out + escape(text[at:])


def _marked(found: re.Match[str]) -> Markup:
    code, strong, words, target = found.groups()
    if code:
        return Markup("<code>{}</code>").format(code)
    if strong:
        return Markup("<strong>{}</strong>").format(strong)
    name = target.removesuffix(".md")
    if name in GUIDES:
        return Markup('<a href="/guides/{}">{}</a>').format(name, words)
    return _inline(words)  # another part of the documentation, which is not here
