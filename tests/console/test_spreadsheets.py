"""CSV that no spreadsheet runs: cells that would be formulas, and cells that are none."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence

import pytest

from sealgate.console.spreadsheets import PIECE_CHARACTERS, Cell, csv_line, download


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "=cmd|' /C calc'!A0",
        " =1+1",
        "\t=1",
        "\r=1",
        "\n=1",
        "＝1",
        "|calc",
        "%0A=1",
        '=HYPERLINK("x")',
    ],
    ids=["eq", "plus", "minus", "at", "dde", "space", "tab", "cr", "lf", "wide", "pipe", "percent", "quotes"],
)
def test_a_cell_that_would_be_a_formula_is_led_by_an_apostrophe(cell: str) -> None:
    (row,) = csv.reader(io.StringIO(csv_line([cell, "next"]), newline=""))
    assert row == [f"'{cell}", "next"]


@pytest.mark.parametrize("cell", ["Larkspur", "a=b", "", "https://a.example", "1", "x\ny", 'a "b", c', "é"])
def test_any_other_text_stays_as_it_is(cell: str) -> None:
    (row,) = csv.reader(io.StringIO(csv_line([cell, "next"]), newline=""))
    assert row == [cell, "next"]


def test_numbers_of_our_own_stay_numbers_and_nothing_is_empty() -> None:
    assert csv_line([-5, 0, 1.5, None]) == "-5,0,1.5,\r\n"


async def test_a_file_is_sent_in_pieces_of_many_lines_and_is_whole() -> None:
    async def rows() -> AsyncIterator[Sequence[Cell]]:
        for number in range(5_000):
            yield (number, "a line of text")

    pieces = [str(piece) async for piece in download("a.csv", ("number", "text"), rows()).body_iterator]
    lines = "".join(pieces).splitlines()
    assert [lines[0], lines[1], lines[-1], len(lines)] == [
        "number,text",
        "0,a line of text",
        "4999,a line of text",
        5_001,
    ]
    assert len(pieces) == len("".join(pieces)) // PIECE_CHARACTERS + 1
    assert all(pieces)
