"""CSV as spreadsheets open it: no cell of ours is ever run as a formula.

Pure. A cell that begins with = + - @ (also after white space or in full width), a tab or a line end is led by
an apostrophe, which spreadsheets show as text (OWASP, CSV injection). Numbers of our own stay numbers.
"""

from __future__ import annotations

import asyncio
import csv
import datetime
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final

from starlette.responses import StreamingResponse

Cell = str | int | float | None

PIECE_CHARACTERS: Final = 16_384
"""What is sent at once; between two pieces others have their turn."""
_DANGEROUS: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n", "|", "%")


def csv_line(cells: Iterable[Cell]) -> str:
    """One record (RFC 4180) with its line end."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow([_safe(cell) for cell in cells])
    return line.getvalue()


def moment(at: float) -> str:
    """`2026-01-31T12:00:00Z`."""
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def download(name: str, heads: Sequence[str], rows: AsyncIterator[Sequence[Cell]]) -> StreamingResponse:
    """A CSV file of this name, sent as it is read."""

    return StreamingResponse(
        _pieces(heads, rows),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


async def _pieces(heads: Sequence[Cell], rows: AsyncIterator[Sequence[Cell]]) -> AsyncIterator[str]:
    piece = csv_line(heads)
    async for row in rows:
        piece += csv_line(row)
        if len(piece) >= PIECE_CHARACTERS:
            yield piece
            piece = ""
            await asyncio.sleep(0)
    if piece:
        yield piece


def _safe(cell: Cell) -> Cell:
    if not isinstance(cell, str):
        return "" if cell is None else cell
    return f"'{cell}" if cell.startswith(_DANGEROUS) or cell.lstrip().startswith(_DANGEROUS) else cell
