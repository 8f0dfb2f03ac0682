"""The anchor when it gets long: shortened, it says the same, and whatever interrupts that loses nothing."""

from __future__ import annotations

import asyncio
import hmac
import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sealgate.vault.anchor import Anchor, Entry, Shortened
from sealgate.vault.anchor_summary import MAGIC, TAGS_KEPT, Standing
from sealgate.vault.config import VaultConfig
from sealgate.vault.faults import StartError
from tests.vault.deployment import Addresses, Clock, canary_key, running

KEY = b"k" * 32


def filled(folder: Path, count: int = 6) -> Anchor:
    anchor = Anchor(folder / "anchor", KEY)
    for number in range(count):
        anchor.append(Entry(number, f"subject{number % 3}", number // 3 + 1, "active"))
    return anchor


def read(folder: Path) -> Anchor:
    return Anchor(folder / "anchor", KEY)


def shorten(anchor: Anchor) -> None:
    _finish(anchor, anchor.shortened())


def _finish(anchor: Anchor, shortened: Shortened) -> None:
    shortened.write()
    anchor.adopt(shortened)


def same(one: Anchor, other: Anchor) -> bool:
    return (one.last, one.standings, one.tags) == (other.last, other.standings, other.tags)


def test_a_shortened_anchor_says_the_same_and_goes_on(tmp_path: Path) -> None:
    anchor = filled(tmp_path)
    shorten(anchor)
    assert same(read(tmp_path), anchor)
    anchor.append(Entry(6, "subject0", 3, "revoked"))
    again = read(tmp_path)
    assert same(again, anchor)
    assert again.standings["subject0"] == Standing(3, "revoked")


def test_shortened_again_and_again_the_history_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda length: "0" * length)
    plain, shortened = filled(tmp_path), filled(_folder(tmp_path / "other"))
    for number in range(6, 12):
        for anchor in (plain, shortened):
            anchor.append(Entry(number, "subject0", number, "active"))
        shorten(shortened)
    assert same(plain, shortened)


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_a_line_that_comes_while_the_new_file_is_written_is_kept(tmp_path: Path) -> None:
    anchor = filled(tmp_path)
    shortened = anchor.shortened()
    anchor.append(Entry(6, "subject1", 3, "active"))
    shortened.write()
    anchor.append(Entry(7, "subject2", 3, "active"))
    anchor.adopt(shortened)
    anchor.append(Entry(8, "subject0", 3, "active"))
    assert same(read(tmp_path), anchor)


def test_it_remembers_the_tags_of_the_newest_changes_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    anchor = filled(tmp_path, TAGS_KEPT + 10)
    shorten(anchor)
    assert min(anchor.tags) == 10
    assert read(tmp_path).tags == anchor.tags


def test_only_a_long_anchor_is_to_be_shortened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealgate.vault.anchor.SHORTEN_AFTER", 5)
    assert not filled(tmp_path, 5).is_long
    anchor = read(tmp_path)
    anchor.append(Entry(5, "subject2", 2, "active"))
    assert anchor.is_long
    shorten(anchor)
    assert not anchor.is_long


def _power_cut(*_args: object, **_options: object) -> None:
    raise KeyboardInterrupt


def _disk_full(*_args: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("fault", [_power_cut, _disk_full], ids=["power cut", "disk full"])
@pytest.mark.parametrize(
    "place",
    [
        "sealgate.vault.anchor._write_or_undo",
        "sealgate.vault.anchor._append_durably",
        "pathlib.Path.replace",
        "sealgate.vault.anchor.sync_folder",
    ],
)
def test_whatever_interrupts_the_shortening_the_anchor_is_whole(
    tmp_path: Path, place: str, fault: Callable[..., None]
) -> None:
    anchor = filled(tmp_path)
    shortened = anchor.shortened()
    anchor.append(Entry(6, "subject1", 3, "active"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, fault)
        with pytest.raises((KeyboardInterrupt, OSError)):
            _finish(anchor, shortened)
    again = read(tmp_path)
    assert same(again, anchor)
    shorten(again)  # what was left lying there is in nobody's way
    assert same(read(tmp_path), anchor)


EDITS: dict[str, Callable[[str], str]] = {
    "a standing": lambda text: text.replace("subject1 2 active", "subject1 1 active"),
    "a state": lambda text: text.replace("subject0 2 active", "subject0 2 revoke"),
    "a standing removed": lambda text: text.replace("subject1 2 active\n", ""),
    "a tag": lambda text: text.replace("\n4 ", "\n5 "),
    "the change": lambda text: text.replace("anchor 2 5 ", "anchor 2 4 "),
    "the counts": lambda text: text.replace(" 3 6 ", " 4 5 "),
    "a length that is no number": lambda text: text.replace(" 3 6 ", " 3 x "),
    "a word too many": lambda text: text.replace("anchor 2 5 ", "anchor 2 5 5 "),
    "the MAC": lambda text: text[:-3] + ("0" if text[-3] != "0" else "1") + text[-2:],
    "cut off": lambda text: text[:-40],
    "nothing but a beginning": lambda _text: "sealgate anchor 2 ",
    "no text": lambda _text: "sealgate anchor 2 \x00\n",
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_altered_summary_is_refused(tmp_path: Path, edit: Callable[[str], str]) -> None:
    shorten(filled(tmp_path))
    text = (tmp_path / "anchor").read_text()
    assert edit(text) != text
    (tmp_path / "anchor").write_text(edit(text))
    with pytest.raises(StartError, match="was altered") as error:
        read(tmp_path)
    assert error.value.code == "anchor_damaged"


def test_a_summary_of_another_history_does_not_fit_the_lines_after_it(tmp_path: Path) -> None:
    anchor = filled(tmp_path)
    shorten(anchor)
    early = (tmp_path / "anchor").read_text()
    anchor.append(Entry(6, "subject0", 3, "revoked"))
    shorten(anchor)
    anchor.append(Entry(7, "subject0", 4, "active"))
    late = (tmp_path / "anchor").read_text().splitlines(keepends=True)[-1]
    (tmp_path / "anchor").write_text(early + late)
    with pytest.raises(StartError, match="was altered"):
        read(tmp_path)


def test_a_line_after_the_summary_that_was_half_written_is_left_out(tmp_path: Path) -> None:
    anchor = filled(tmp_path)
    shorten(anchor)
    whole = (tmp_path / "anchor").read_bytes()
    anchor.append(Entry(6, "subject0", 3, "active"))
    (tmp_path / "anchor").write_bytes((tmp_path / "anchor").read_bytes()[:-20])
    assert read(tmp_path).last == Entry(5, "subject2", 2, "active")
    assert (tmp_path / "anchor").read_bytes() == whole


async def test_a_running_vault_shortens_its_anchor_by_itself(
    config: VaultConfig,
    clock: Clock,
    log: io.StringIO,
    assets: Path,
    at: Addresses,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sealgate.vault.process.FLUSH_EVERY_S", 0.01)
    anchor = config.data_dir / "anchor"
    async with running(config, clock, log, assets) as vault:
        with monkeypatch.context() as full:
            full.setattr("sealgate.vault.anchor.write_durably", _disk_full)
            # Not earlier: the audit's first lines would make the anchor long before the disk is full.
            monkeypatch.setattr("sealgate.vault.anchor.SHORTEN_AFTER", 2)
            credential = await vault.sealed_key(at, canary_key())
            await told(log, "database_failed error=OSError operation=shorten-anchor")
        assert not anchor.read_bytes().startswith(MAGIC)
        await told(log, "anchor_shortened")
        assert anchor.read_bytes().startswith(MAGIC)
    async with running(config, clock, log, assets) as vault:
        await vault.open(at, credential)


async def told(log: io.StringIO, words: str) -> None:
    async with asyncio.timeout(10):
        while words not in log.getvalue():
            await asyncio.sleep(0.01)


def test_the_same_changes_made_again_are_another_history(tmp_path: Path) -> None:
    one, other = filled(tmp_path), filled(_folder(tmp_path / "other"))
    assert one.standings == other.standings
    assert not set(one.tags.values()) & set(other.tags.values())


def test_lines_of_the_first_release_are_read(tmp_path: Path) -> None:
    chain, lines = b"", []
    for number in range(3):
        words = f"{number} subject{number} 1 active"
        chain = hmac.digest(KEY, chain + b"\n" + words.encode(), "sha256")
        lines.append(f"{words} {chain.hex()}\n")
    (tmp_path / "anchor").write_text("".join(lines))
    (tmp_path / "anchor").chmod(0o600)
    anchor = read(tmp_path)
    anchor.append(Entry(3, "subject0", 2, "active"))
    shorten(anchor)
    assert read(tmp_path).standings["subject2"] == Standing(1, "active")
    assert same(read(tmp_path), anchor)
