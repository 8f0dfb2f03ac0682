"""Forms: the same parts however the bytes are split, and nothing that another reader could cut elsewhere."""

from __future__ import annotations

import gc
import os
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.policy.forms import Part
from sealgate.policy.refusals import Refusal
from sealgate.proxy.wire.forms import HEAD_MOST_BYTES, PARTS_MOST, READ_BYTES, FormReader, Upload
from tests.proxy.form_writing import BOUNDARY, TYPE, form
from tests.proxy.provider_media import read_form

Flat = list[tuple[str, str | None, bytes]]


def read(raw: bytes, content_type: str = TYPE, step: int = READ_BYTES) -> Flat:
    reader = FormReader(content_type.encode())
    for at in range(0, len(raw), step):
        reader.append(raw[at : at + step])
    return [(part.name, part.filename, b"".join(part.pieces)) for part in reader.parts()]


WHOLE = form([("model", "m"), ("empty", ""), ("file", ("a b.mp3", "audio/mpeg", b"\r\n--\r\n----tests" * 9))])


@pytest.mark.parametrize("step", [1, 2, 3, 5, 64, 4096])
def test_a_form_is_the_same_however_it_is_split(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealgate.proxy.wire.forms.READ_BYTES", 1)
    assert read(WHOLE, step=step) == [
        ("model", None, b"m"),
        ("empty", None, b""),
        ("file", "a b.mp3", b"\r\n--\r\n----tests" * 9),
    ]


@given(
    content=st.binary(max_size=400).filter(lambda raw: f"\r\n--{BOUNDARY}".encode() not in raw),
    text=st.text(max_size=40),
    step=st.integers(1, 200),
)
def test_what_one_writes_the_other_reads(content: bytes, text: str, step: int) -> None:
    part = Part("file", "x.wav", "audio/wav", (content[:7], memoryview(content)[7:]))
    upload = Upload({"prompt": text, "list[]": ["a", "b"], "stream": True, "n": 2}, [part])
    raw = b"".join(upload.pieces)
    assert len(raw) == len(upload)
    assert read(raw, upload.content_type.decode(), step) == [
        ("prompt", None, text.encode()),
        ("list[]", None, b"a"),
        ("list[]", None, b"b"),
        ("stream", None, b"true"),
        ("n", None, b"2"),
        ("file", "file.wav", content),
    ]


def test_somebody_elses_parser_reads_what_we_write() -> None:
    part = Part("image[]", 'my "own".PNG', "image/png", (b"\x89PNG",))
    upload = Upload({"prompt": "günther"}, [part, part])
    found = read_form(upload.content_type.decode(), b"".join(upload.pieces))
    file = {"filename": "image.png", "type": "image/png", "content": b"\x89PNG"}
    assert found == {"prompt": "günther", "image[]": [file, file]}


DISPOSED = f"--{BOUNDARY}\r\nContent-Disposition:"
END = f"\r\n\r\nx\r\n--{BOUNDARY}--\r\n"
HEAD = f'{DISPOSED} form-data; name="a"'
HOSTILE = {
    "nothing": "",
    "preamble": f"hello\r\n{WHOLE.decode()}",
    "another boundary": WHOLE.decode().replace(BOUNDARY, "other"),
    "no last delimiter": WHOLE.decode().removesuffix("--\r\n"),
    "broken off in a part": WHOLE.decode()[:90],
    "bare line feeds": WHOLE.decode().replace("\r\n", "\n"),
    "epilogue": WHOLE.decode() + "more",
    "a longer boundary within": f"{HEAD}\r\n\r\nx\r\n--{BOUNDARY}y\r\n\r\n--{BOUNDARY}--\r\n",
    "padding after the boundary": f"{HEAD}\r\n\r\nx\r\n--{BOUNDARY} --\r\n",
    "a part without a name": f'{DISPOSED} form-data; filename="x"{END}',
    "a part without a head": f"--{BOUNDARY}\r\n\r\n\r\n\r\n--{BOUNDARY}--\r\n",
    "two names": f'{HEAD}\r\nContent-Disposition: form-data; name="b"{END}',
    "a name that is quoted oddly": f"{DISPOSED} form-data; name=a{END}",
    "an attachment": f'{DISPOSED} attachment; name="a"{END}',
    "a transfer encoding": f"{HEAD}\r\nContent-Transfer-Encoding: base64{END}",
    "a folded header": f"{HEAD};\r\n filename=x{END}",
    "a NUL in a name": f'{DISPOSED} form-data; name="a\0"{END}',
    "a file without a type": f'{HEAD}; filename="x"\r\nContent-Type: {END}',
    "an endless head": f"{HEAD}\r\nContent-Type: {'x' * HEAD_MOST_BYTES}{END}",
    "parts without end": form([("a", "")] * (PARTS_MOST + 1)).decode(),
}


@pytest.mark.parametrize("step", [1, 65_536])
@pytest.mark.parametrize("case", HOSTILE)
def test_a_form_that_could_be_read_otherwise_is_refused(
    case: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealgate.proxy.wire.forms.READ_BYTES", 1)
    with pytest.raises(Refusal) as refused:
        read(HOSTILE[case].encode(), step=step)
    assert refused.value.code == "invalid_form"
    assert refused.value.hint


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/mixed; boundary=x",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary="a b "',
        "multipart/form-data; boundary=x; boundary=y",
        f"multipart/form-data; boundary={'x' * 71}",
    ],
)
def test_a_content_type_that_names_no_boundary_is_told(content_type: str) -> None:
    with pytest.raises(Refusal, match="boundary"):
        read(WHOLE, content_type)


def test_text_fields_have_an_end() -> None:
    with pytest.raises(Refusal, match="too long"):
        read(form([("a", "x" * 600_000), ("b", "x" * 600_000)]))


@pytest.mark.parametrize(("step", "length"), [(3, 1 << 18), (1_000, 4 << 20), (65_536, 4 << 20)])
def test_a_file_is_held_once_however_it_comes(step: int, length: int) -> None:
    content = os.urandom(length)
    raw = form([("file", ("a.wav", "audio/wav", content))])
    reader = FormReader(TYPE.encode())
    tracemalloc.start()
    try:
        for at in range(0, len(raw), step):
            reader.append(raw[at : at + step])
        held_bytes, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held_bytes < 1.2 * len(content)
    assert b"".join(reader.parts()[0].pieces) == content


@pytest.mark.parametrize("whole", [True, False])
def test_what_was_read_goes_with_its_reader_and_waits_for_no_collector(whole: bool) -> None:
    content = os.urandom(1 << 20)
    raw = form([("file", ("a.wav", "audio/wav", content))])
    gc.disable()
    tracemalloc.start()
    try:
        reader = FormReader(TYPE.encode())
        reader.append(raw if whole else raw[:-10])
        if whole:
            assert reader.parts()[0].size_bytes == len(content)
        del reader
        held_bytes, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert held_bytes < 100_000
