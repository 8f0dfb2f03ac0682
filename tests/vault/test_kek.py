"""The KEK and its file: made once, kept private, never made to replace one that was lost."""

from __future__ import annotations

import io
import pickle
import stat
from pathlib import Path

import pytest

from sealgate.log import LineLog, NullLog
from sealgate.vault.datakey import SealedSecret, opened_secret, seal_secret
from sealgate.vault.events import EVENTS
from sealgate.vault.faults import StartError
from sealgate.vault.foundation import lay_foundation
from sealgate.vault.kek import KekError, bind
from sealgate.vault.kek_file import FileKek, load_kek, make_kek

INSTANCE = "inst_" + "a" * 20
LOG = NullLog(EVENTS)


def lay(folder: Path) -> None:
    lay_foundation(folder, INSTANCE, LOG).close()


def refused(folder: Path) -> StartError:
    with pytest.raises(StartError) as error:
        lay(folder)
    assert "hint: " in str(error.value)
    return error.value


def test_the_first_start_makes_a_kek_that_only_its_owner_can_read(tmp_path: Path) -> None:
    log = io.StringIO()
    lay_foundation(tmp_path, INSTANCE, LineLog("vault", EVENTS, log)).close()
    assert stat.S_IMODE((tmp_path / "kek").stat().st_mode) == 0o400
    assert "warning vault kek_made" in log.getvalue()
    assert "advice=back-it-up-apart-from-vault.db" in log.getvalue()
    assert (tmp_path / "kek").read_text().split()[1] not in log.getvalue()


def test_every_file_of_the_vault_is_its_owners_alone(tmp_path: Path) -> None:
    foundation = lay_foundation(tmp_path, INSTANCE, LOG)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) & 0o077 for path in tmp_path.iterdir()}
    foundation.close()
    assert set(modes) >= {"kek", "vault.db", "vault.db-wal", "anchor", "lock"}
    assert set(modes.values()) == {0}


def test_the_second_start_uses_the_same_kek(tmp_path: Path) -> None:
    lay(tmp_path)
    before = (tmp_path / "kek").read_bytes()
    lay(tmp_path)
    assert (tmp_path / "kek").read_bytes() == before


def test_a_missing_kek_is_refused_while_a_database_exists_and_not_made_anew(tmp_path: Path) -> None:
    lay(tmp_path)
    (tmp_path / "kek").unlink()
    assert refused(tmp_path).code == "kek_missing"
    assert not (tmp_path / "kek").exists()


def test_a_missing_kek_is_refused_even_beside_an_empty_database(tmp_path: Path) -> None:
    (tmp_path / "vault.db").touch(mode=0o600)
    assert refused(tmp_path).code == "kek_missing"


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o420, 0o402, 0o410, 0o401, 0o644, 0o666, 0o777])
def test_a_kek_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    lay(tmp_path)
    (tmp_path / "kek").chmod(mode)
    assert refused(tmp_path).code == "kek_unsafe"


@pytest.mark.parametrize("mode", [0o400, 0o600])
def test_a_kek_of_its_owner_alone_is_used(tmp_path: Path, mode: int) -> None:
    lay(tmp_path)
    (tmp_path / "kek").chmod(mode)
    lay(tmp_path)


def test_a_kek_behind_a_link_is_refused(tmp_path: Path) -> None:
    lay(tmp_path)
    (tmp_path / "kek").rename(tmp_path / "elsewhere")
    (tmp_path / "kek").symlink_to(tmp_path / "elsewhere")
    assert refused(tmp_path).code == "kek_unreadable"


def test_a_folder_in_the_place_of_a_kek_is_refused(tmp_path: Path) -> None:
    lay(tmp_path)
    (tmp_path / "kek").unlink()
    (tmp_path / "kek").mkdir(mode=0o700)
    assert refused(tmp_path).code == "kek_unsafe"


def test_the_kek_of_another_vault_is_detected(tmp_path: Path) -> None:
    lay(tmp_path)
    (tmp_path / "kek").unlink()
    make_kek(tmp_path / "kek")
    assert refused(tmp_path).code == "wrong_kek"


@pytest.mark.parametrize("change", [b"", b"x", b"sealgate-kek-1 \n", b"sealgate-kek-1 AAAA\n", b"\xff" * 60])
def test_a_file_that_holds_no_kek_is_refused(tmp_path: Path, change: bytes) -> None:
    lay(tmp_path)
    (tmp_path / "kek").chmod(0o600)
    (tmp_path / "kek").write_bytes(change)
    assert refused(tmp_path).code == "kek_malformed"


def test_making_a_kek_never_overwrites_one(tmp_path: Path) -> None:
    make_kek(tmp_path / "kek")
    with pytest.raises(FileExistsError):
        make_kek(tmp_path / "kek")


def test_a_kek_has_no_text_form_and_no_copy(tmp_path: Path) -> None:
    make_kek(tmp_path / "kek")
    kek = load_kek(tmp_path / "kek")
    assert repr(kek) == f"<FileKek {kek.version}>"
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(kek)


def test_the_version_names_the_key_and_is_not_the_key() -> None:
    assert FileKek(b"a" * 32).version == FileKek(b"a" * 32).version != FileKek(b"b" * 32).version


def test_a_sealed_secret_opens_in_its_own_place_only() -> None:
    kek = FileKek(b"k" * 32)
    sealed = seal_secret(kek, b"secret", bind("place", "one"))
    with opened_secret(kek, sealed, bind("place", "one")) as secret:
        assert secret == b"secret"
    assert secret == bytes(6)  # wiped
    with pytest.raises(KekError), opened_secret(kek, sealed, bind("place", "two")):
        pass


def test_any_altered_bit_of_a_sealed_secret_is_refused() -> None:
    kek = FileKek(b"k" * 32)
    sealed = seal_secret(kek, b"secret", b"here")
    for field in ("ciphertext", "wrapped_data_key"):
        whole: bytes = getattr(sealed, field)
        for at in range(len(whole)):
            changed = whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :]
            parts = {
                "ciphertext": sealed.ciphertext,
                "wrapped_data_key": sealed.wrapped_data_key,
                field: changed,
            }
            altered = SealedSecret(parts["ciphertext"], parts["wrapped_data_key"], kek.version)
            with pytest.raises(KekError), opened_secret(kek, altered, b"here"):
                pass


@pytest.mark.parametrize("length", [0, 1, 11, 12, 27])
def test_a_truncated_sealed_secret_is_refused(length: int) -> None:
    kek = FileKek(b"k" * 32)
    sealed = seal_secret(kek, b"secret", b"here")
    for altered in (
        SealedSecret(sealed.ciphertext[:length], sealed.wrapped_data_key, kek.version),
        SealedSecret(sealed.ciphertext, sealed.wrapped_data_key[:length], kek.version),
    ):
        with pytest.raises(KekError), opened_secret(kek, altered, b"here"):
            pass


def test_no_two_contexts_are_encoded_alike() -> None:
    assert bind("a", "bc") != bind("ab", "c") != bind("a", "b", "c")
    assert bind("a", 1) != bind("a", 2)
