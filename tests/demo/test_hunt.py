"""The hunt finds a key in every form that it claims to know, and says so only then."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from sealgate.demo.hunt import hunt, hunt_all, needles, search
from tests.quick_folders import quick_folder

KEY = ("sk-sim-" + secrets.token_urlsafe(32)).encode()

LEAKS = {
    "raw": KEY,
    "sixteen bytes of its middle": KEY[11:27],
    "utf-16": KEY.decode().encode("utf-16-le"),
    "hex": KEY.hex().encode(),
    "upper-case hex": KEY.hex().upper().encode(),
    "reversed": KEY[::-1],
    "base64": base64.b64encode(KEY),
    "base64 in a longer text": base64.b64encode(b"ab" + KEY + b"tail"),
    "urlsafe base64 at another alignment": base64.urlsafe_b64encode(b"x" + KEY),
    "percent": "".join(f"%{byte:02X}" for byte in KEY).encode(),
    "sha-256": hashlib.sha256(KEY).hexdigest().encode(),
}


@pytest.mark.parametrize("form", LEAKS)
def test_a_leak_is_found_in_each_form(tmp_path: Path, form: str) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file.bin").write_bytes(os.urandom(5000) + LEAKS[form] + os.urandom(5000))
    report = hunt(KEY, [tmp_path], ["a line"])
    assert [hit.where for hit in report.hits][:1] == [str(tmp_path / "deep" / "file.bin")]
    assert not report.clean


def test_a_leak_in_a_log_line_is_found(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("nothing")
    report = hunt(KEY, [tmp_path], ["fine", f"error: invalid header value {KEY!r}"])
    assert {hit.where for hit in report.hits} == {"log"}


def test_a_clean_house_is_clean_and_the_control_is_gone_afterwards(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(os.urandom(100_000))
    report = hunt(KEY, [tmp_path], ["a line"])
    assert report.clean
    assert report.files == 1
    assert report.planted_forms == len(needles(KEY))
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_a_hunt_through_nothing_is_not_clean(tmp_path: Path) -> None:
    assert not hunt(KEY, [tmp_path], []).clean


def test_a_file_elsewhere_that_a_process_writes_is_searched_too(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with (tmp_path / "elsewhere").open("wb") as leak:
        leak.write(KEY)
        leak.flush()
        report = hunt(KEY, [tmp_path / "data"], ["a line"], [os.getpid()])
    assert str(tmp_path / "elsewhere") in {hit.where for hit in report.hits}


def test_a_hit_never_carries_the_key() -> None:
    assert KEY.decode() not in repr(search(KEY, [("here", KEY)]))


ANSWER = b"Spring is in the gardens of the city. " + secrets.token_urlsafe(120).encode()


@pytest.mark.parametrize(
    "leak",
    [KEY, KEY.hex().encode(), ANSWER[40:80], base64.b64encode(b"a" + ANSWER)],
    ids=["the key", "the key in hex", "a part of the answer", "the answer in base64"],
)
def test_a_leak_in_what_was_sent_away_is_found_and_named(tmp_path: Path, leak: bytes) -> None:
    (tmp_path / "file").write_text("nothing")
    sent = [("/v1/traces", b'{"name":"' + leak + b'"}'), ("/v1/metrics", b"{}")]
    report = hunt_all({"key": KEY, "answer": ANSWER}, [tmp_path], ["a line"], surfaces=sent)
    assert {(hit.where, hit.what) for hit in report.hits} == {
        ("/v1/traces", "key" if KEY[:3] in leak or leak == KEY.hex().encode() else "answer")
    }
    assert not report.clean
    assert report.planted_found
    assert (report.surfaces, report.hunted) == (2, ("key", "answer"))


def test_a_few_words_of_a_long_text_are_no_leak_and_a_sentence_is() -> None:
    assert not search(ANSWER, [("page", ANSWER[:31])])
    assert search(ANSWER, [("page", ANSWER[:32])])


def test_a_leak_behind_much_empty_room_is_found(tmp_path: Path) -> None:
    room = bytes(100_000)
    (tmp_path / "journal").write_bytes(room + KEY.decode().encode("utf-16-le") + room)
    assert {hit.form for hit in hunt(KEY, [tmp_path], ["a line"]).hits} == {"utf-16"}


CLOSED = """
import os, sys
from pathlib import Path
from sealgate.demo.hunt import hunt, needles
from sealgate.messages.undumpable import refuse_dumps
needles(b"sk-not-there-0000000000")  # what it loads may be root's to read
if os.geteuid() == 0:
    os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
asked, told = os.pipe()
holder = os.fork()
if not holder:
    refuse_dumps()
    os.write(told, b"there")
    os.read(0, 1)
    os._exit(0)
os.read(asked, 5)
folder = Path(sys.argv[1])
report = hunt(b"sk-not-there-0000000000", [folder], ["a line"], [holder, os.getpid()])
print(report.closed, report.clean)
"""


def test_who_is_not_root_hunts_without_what_only_root_may_see_and_is_told() -> None:
    with quick_folder("sgh") as name:
        folder = Path(name)
        folder.chmod(0o777)
        (folder / "file").write_text("nothing")
        argv = [sys.executable, "-c", CLOSED, name]
        done = subprocess.run(argv, input="", capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("1 True\n", "")
