"""Files for `apply`: a small, strict YAML; what is refused is refused with its line."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.scripts.documents import FILE_LIMIT_BYTES, FileError, read_document
from sealgate.scripts.failures import Exit, ScriptError


def reading(folder: Path, text: str | bytes) -> object:
    path = folder / "file.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_document(path).plain()


def test_values_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    text = """\
text: yes
off: on
quoted: "true"
date: 2026-01-31
time: 12:30
octal: 010
number: -7
part: 0.25
whole: true
nothing: null
empty:
list: [a, 1, {b: c}]
block: |
  two
  lines
...
"""
    assert reading(tmp_path, text) == {
        "text": "yes",
        "off": "on",
        "quoted": "true",
        "date": "2026-01-31",
        "time": "12:30",
        "octal": "010",
        "number": -7,
        "part": 0.25,
        "whole": True,
        "nothing": None,
        "empty": None,
        "list": ["a", 1, {"b": "c"}],
        "block": "two\nlines\n",
    }


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\n...\n"
CYCLE = "a: &a\n  b: *a\n...\n"

REFUSED = {
    "bomb": (BOMB, 1, "Anchors and aliases such as &a are refused"),
    "cycle": (CYCLE, 1, "Anchors and aliases such as &a are refused"),
    "alias": ("a: 1\nb: *a\n...\n", 2, "such as *a"),
    "anchored key": ("&k a: 1\n...\n", 1, "such as &k"),
    "tag": ("a: !!python/object:os.system x\n...\n", 1, "Tags such as"),
    "own tag": ("a: !secret x\n...\n", 1, "Tags such as"),
    "twice": ("a: 1\nb: 2\na: 3\n...\n", 3, "'a' stands twice; first on line 1"),
    "twice within": ("x:\n  a: 1\n  a: 1\n...\n", 3, "stands twice"),
    "two documents": ("a: 1\n...\n---\nb: 2\n...\n", 3, "second document"),
    "list as a name": ("[a]: 1\n...\n", 1, "plain text"),
    "empty": ("", 1, "empty"),
    "only a comment": ("# soon\n", 2, "empty"),
    "cut off": ("a: 1\nb: 2\n", 3, "cut off"),
    "cut in a word": ("a: 1\nb: 2\n..", 3, "not YAML"),
    "cut in quotes": ('a: 1\nb: "2\n', 3, "not YAML"),
    "tab": ("a:\n\tb: 1\n...\n", 2, "not YAML"),
    "control": ("a: \x07\n...\n", 1, "not YAML"),
    "deep": ("[" * 40 + "]" * 40 + "\n...\n", 1, "nested deeper"),
    "very deep": ("[" * 900 + "]" * 900 + "\n...\n", 1, "nested deeper"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_be_misread_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    text, line, words = REFUSED[name]
    with pytest.raises(FileError) as refused:
        reading(tmp_path, text)
    assert f"file.yaml:{line}: " in refused.value.message
    assert words in refused.value.message
    assert refused.value.hint
    assert refused.value.exit_code is Exit.DATA


def test_bytes_that_are_no_text_are_refused_with_their_line(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="This is not UTF-8"):
        reading(tmp_path, b"a: 1\nb: \xff\n...\n")


def test_a_file_that_is_too_large_or_absent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="over 1 MiB"):
        reading(tmp_path, b"#" * (FILE_LIMIT_BYTES + 1))
    with pytest.raises(ScriptError, match="Cannot read"):
        read_document(tmp_path / "absent.yaml")
    with pytest.raises(ScriptError, match="Cannot read"):
        read_document(tmp_path)


def test_every_prefix_of_a_file_is_refused(tmp_path: Path) -> None:
    whole = 'a:\n  - {b: "c"}\n  - d\ne: 1\n...\n'
    assert reading(tmp_path, whole)
    for end in range(len(whole) - len("...\n") + 2):
        with pytest.raises(FileError):
            reading(tmp_path, whole[:end])


def test_a_path_leads_to_its_line_or_to_the_nearest_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text("name: x\npolicy:\n  actions:\n    - shorten\n    - id: own\n      model: m\n...\n")
    node = read_document(path)
    assert node.at("policy.actions[1].model").line == 6
    assert node.at("policy.actions[1].label").line == 5
    assert node.at("policy.actions[7]").line == 4
    assert node.at("").line == 1


@given(st.binary(max_size=200))
def test_no_bytes_end_in_anything_but_a_value_or_a_refusal(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.yaml"
        path.write_bytes(raw)
        with contextlib.suppress(ScriptError):
            read_document(path).plain()
