"""KEKs in a real token (SoftHSM): made there, used there, never seen outside."""

from __future__ import annotations

import secrets
import threading
from pathlib import Path

import msgspec
import pytest

from sealgate.log import NullLog
from sealgate.messages.erasing import Erase, Erased, ErasureKind
from sealgate.messages.frames import RefusedError
from sealgate.messages.tickets import Revoke
from sealgate.vault.events import EVENTS
from sealgate.vault.faults import StartError
from sealgate.vault.foundation import lay_foundation
from sealgate.vault.kek import KekDescription, KekError, KekUnavailableError
from sealgate.vault.kek_config import KekConfig
from sealgate.vault.kek_pkcs11 import Pkcs11Kek, Pkcs11Kind
from sealgate.vault.restoring import opened
from tests.vault.deployment import Addresses, Clock, canary_key, owner, ticket_order, vault_config
from tests.vault.keepers import TOKEN
from tests.vault.keks import Kept, Ring

pytestmark = pytest.mark.softhsm

INSTANCE = "inst_" + "a" * 20
LOG = NullLog(EVENTS)


@pytest.fixture
def kind(token: KekConfig) -> Pkcs11Kind:
    return Pkcs11Kind(token)


@pytest.fixture
def kek(kind: Pkcs11Kind) -> Pkcs11Kek:
    return kind.open(kind.make(""))


def changed(config: KekConfig, **values: str) -> KekConfig:
    return KekConfig(**({name: getattr(config, name) for name in config.__struct_fields__} | values))


def test_what_the_token_wraps_it_unwraps_for_the_same_context_only(kek: Pkcs11Kek) -> None:
    data_key = secrets.token_bytes(32)
    wrapped = kek.wrap(data_key, b"here")
    assert data_key not in wrapped
    assert kek.unwrap(wrapped, b"here", kek.version) == data_key
    with pytest.raises(KekError):
        kek.unwrap(wrapped, b"there", kek.version)


def test_no_two_wraps_are_alike(kek: Pkcs11Kek) -> None:
    assert kek.wrap(b"d" * 32, b"here") != kek.wrap(b"d" * 32, b"here")


def test_any_altered_byte_is_refused(kek: Pkcs11Kek) -> None:
    wrapped = kek.wrap(secrets.token_bytes(32), b"here")
    for at in range(len(wrapped)):
        altered = wrapped[:at] + bytes((wrapped[at] ^ 1,)) + wrapped[at + 1 :]
        with pytest.raises(KekError):
            kek.unwrap(altered, b"here", kek.version)


@pytest.mark.parametrize("length", [0, 1, 11, 12, 13, 28, 59])
def test_a_truncated_wrap_is_refused(kek: Pkcs11Kek, length: int) -> None:
    with pytest.raises(KekError):
        kek.unwrap(kek.wrap(b"d" * 32, b"here")[:length], b"here", kek.version)


def test_what_another_key_of_the_token_wrapped_is_refused(kind: Pkcs11Kind, kek: Pkcs11Kek) -> None:
    other = kind.open(kind.make(""))
    with pytest.raises(KekError):
        other.unwrap(kek.wrap(b"d" * 32, b"here"), b"here", kek.version)


def test_the_key_cannot_leave_the_token(kek: Pkcs11Kek) -> None:
    import pkcs11

    key = kek._token.find(kek._token.session(), kek._label)
    attribute = pkcs11.Attribute
    assert key[attribute.SENSITIVE] is True
    assert key[attribute.EXTRACTABLE] is False
    assert key[attribute.NEVER_EXTRACTABLE] is True
    assert key[attribute.ALWAYS_SENSITIVE] is True
    assert key[attribute.LOCAL] is True
    with pytest.raises(pkcs11.AttributeSensitive):
        key[attribute.VALUE]


def _lay_loose_key(config: KekConfig, label: str, bits: int, *, extractable: bool) -> None:
    import pkcs11

    token = Pkcs11Kind(config)._token
    attribute = pkcs11.Attribute
    template = {
        attribute.EXTRACTABLE: extractable,
        attribute.SENSITIVE: not extractable,
        attribute.PRIVATE: True,
    }
    with token.used():
        token.session().generate_key(pkcs11.KeyType.AES, bits, label=label, store=True, template=template)


@pytest.mark.parametrize(
    ("bits", "extractable"), [(256, True), (128, False)], ids=["extractable", "128 bits"]
)
def test_a_key_that_is_not_safe_is_refused(
    token: KekConfig, kind: Pkcs11Kind, bits: int, extractable: bool
) -> None:
    label = f"loose-{bits}-{extractable}"
    _lay_loose_key(token, label, bits, extractable=extractable)
    with pytest.raises(StartError, match="hint") as refused:
        kind.make(label)
    assert refused.value.code == "kek_unsafe"
    with pytest.raises(StartError):
        kind.open(KekDescription("pkcs11", {"token": TOKEN, "label": label}))


def test_a_key_that_somebody_made_safely_is_taken(token: KekConfig, kind: Pkcs11Kind) -> None:
    _lay_loose_key(token, "made-by-hand", 256, extractable=False)
    description = kind.make("made-by-hand")
    assert description.details == {"token": TOKEN, "label": "made-by-hand"}
    kind.open(description).health()


def test_a_key_that_is_not_there_is_unavailable(kind: Pkcs11Kind) -> None:
    with pytest.raises(KekUnavailableError) as refused:
        kind.make("never-made")
    assert refused.value.code == "key_missing"


def test_two_keys_of_one_label_are_refused(token: KekConfig, kind: Pkcs11Kind) -> None:
    for _ in range(2):
        _lay_loose_key(token, "twice", 256, extractable=False)
    with pytest.raises(KekUnavailableError) as refused:
        kind.make("twice")
    assert refused.value.code == "key_ambiguous"


def test_a_destroyed_key_is_gone_for_good_and_destroying_it_again_is_nothing(
    kind: Pkcs11Kind, kek: Pkcs11Kek
) -> None:
    wrapped = kek.wrap(b"d" * 32, b"here")
    description = KekDescription("pkcs11", {"token": TOKEN, "label": kek._label})
    kind.destroy(description)
    kind.destroy(description)
    with pytest.raises(KekUnavailableError):
        kek.unwrap(wrapped, b"here", kek.version)
    with pytest.raises(KekUnavailableError):
        kind.open(description)


def test_a_session_that_was_lost_is_opened_again(kek: Pkcs11Kek) -> None:
    wrapped = kek.wrap(b"d" * 32, b"here")
    session = kek._token.session()
    session.close()
    assert kek.unwrap(wrapped, b"here", kek.version) == b"d" * 32
    assert kek._token.session() is not session


def test_two_parts_of_one_process_use_the_token_at_once(token: KekConfig, kek: Pkcs11Kek) -> None:
    second = Pkcs11Kind(token)
    other = second.open(KekDescription("pkcs11", {"token": TOKEN, "label": kek._label}))
    assert other.unwrap(kek.wrap(b"d" * 32, b"here"), b"here", kek.version) == b"d" * 32


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("pkcs11_module", "", "kek_not_set"),
        ("pkcs11_token", "", "kek_not_set"),
        ("pkcs11_pin_file", "", "kek_not_set"),
        ("pkcs11_pin_file", "/nowhere/pin", "kek_secret_unreadable"),
    ],
    ids=["no module", "no token", "no PIN file", "a PIN file that is not there"],
)
def test_a_setting_that_is_missing_is_named_with_a_hint(
    token: KekConfig, name: str, value: str, code: str
) -> None:
    with pytest.raises(StartError, match="hint") as refused:
        Pkcs11Kind(changed(token, **{name: value})).make("")
    assert refused.value.code == code
    assert name in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("pkcs11_token", "nobody", "no_such_token"),
        ("pkcs11_module", "/nowhere/libhsm.so", "library"),
    ],
    ids=["no such token", "no such library"],
)
def test_a_token_that_cannot_be_reached_is_unavailable(
    token: KekConfig, name: str, value: str, code: str
) -> None:
    with pytest.raises(KekUnavailableError) as refused:
        Pkcs11Kind(changed(token, **{name: value})).make("")
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("content", "mode", "code"),
    [("", 0o400, "kek_not_set"), ("1234\n", 0o440, "kek_secret_unsafe")],
    ids=["empty", "others can read it"],
)
def test_a_pin_file_that_cannot_be_used_is_refused(
    token: KekConfig, tmp_path: Path, content: str, mode: int, code: str
) -> None:
    pin = tmp_path / "pin"
    pin.write_text(content)
    pin.chmod(mode)
    with pytest.raises(StartError, match="hint") as refused:
        Pkcs11Kind(changed(token, pkcs11_pin_file=str(pin))).make("")
    assert refused.value.code == code
    assert "1234" not in str(refused.value)


def test_a_missing_library_is_told_with_the_extra_to_install(
    token: KekConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pkcs11", None)
    with pytest.raises(StartError, match=r"sealgate\[pkcs11\]"):
        Pkcs11Kind(token)


def test_a_first_start_by_setting_makes_its_kek_in_the_token(tmp_path: Path, token: KekConfig) -> None:
    for _start in range(2):
        foundation = lay_foundation(tmp_path, INSTANCE, LOG, token)
        assert foundation.kek.version.startswith("pkcs11-")
        foundation.close()
    assert not (tmp_path / "kek").exists()
    assert [path.name for path in tmp_path.glob("kek.*")] == [f"kek.{foundation.kek.version}"]


def test_a_file_kek_migrates_to_the_token_and_on_to_the_next_key_of_it(
    tmp_path: Path, token: KekConfig
) -> None:
    with Ring(tmp_path, configured_for_file(token)) as ring:
        kept = Kept(ring.vault)
        first = ring.ring.version
        ring.do(lambda changes: changes.migrate("pkcs11", ""))
        assert set(ring.counts()) == {ring.ring.version}
        assert ring.ring.version.startswith("pkcs11-")
        ring.rotate()
        ring.destroy(first)
        assert not (tmp_path / "data" / "kek").exists()
    with Ring(tmp_path, token) as again:
        assert kept.all_open(again.vault)


def configured_for_file(config: KekConfig) -> KekConfig:
    return changed(config, provider="file")


def test_migrating_where_it_is_already_changes_nothing(tmp_path: Path, token: KekConfig) -> None:
    with Ring(tmp_path, token) as ring:
        before = ring.ring.version
        report = ring.do(lambda changes: changes.migrate("pkcs11", ""))
        assert (ring.ring.version, len(report.items)) == (before, 1)


def test_after_the_tokens_key_is_destroyed_a_backup_from_before_opens_no_more(
    tmp_path: Path, token: KekConfig
) -> None:
    with Ring(tmp_path, token) as ring:
        Kept(ring.vault)
        ring.vault.foundation.database.forget()
        data = tmp_path / "data"
        backup = {path.name: path.read_bytes() for path in data.iterdir() if path.name != "lock"}
        old = ring.ring.version
        ring.rotate()
        report = ring.destroy(old)
        assert [each.state for each in report.items] == ["destroyed", "current"]
    restored = tmp_path / "restored"
    restored.mkdir(mode=0o700)
    for name, content in backup.items():
        (restored / name).write_bytes(content)
        (restored / name).chmod(0o600)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sealgate.vault.kek_ring.START_PAUSE_S", 0.0)
        with pytest.raises(StartError) as refused:
            lay_foundation(restored, INSTANCE, LOG, token)
    assert refused.value.code == "kek_unavailable"


def test_no_backup_brings_an_erased_key_back_once_the_tokens_key_is_destroyed(
    tmp_path: Path, token: KekConfig
) -> None:
    with Ring(tmp_path, token) as ring:
        kept = Kept(ring.vault)
        at, credential, key = kept.keys[0]
        ring.vault.foundation.database.forget()
        data = tmp_path / "data"
        backup = {path.name: path.read_bytes() for path in data.iterdir() if path.name != "lock"}
        erased = ring.vault.ask(
            Erase(kind=ErasureKind.ORGANIZATION, subject=at.organization, organization=at.organization)
        )
        assert isinstance(erased, Erased)
        control = put_back(tmp_path / "control", backup)
        with Ring(control, token) as before:
            assert before.vault.opens(at, credential) == key
        old = ring.ring.version
        ring.vault.clock.now_s += 60
        ring.rotate()
        ring.destroy(old)
        assert ring.vault.erasures.rows()[0].final_at is not None
    restored = put_back(tmp_path / "restored", backup)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sealgate.vault.kek_ring.START_PAUSE_S", 0.0)
        with pytest.raises(StartError) as refused:
            lay_foundation(restored / "data", INSTANCE, LOG, token)
    assert refused.value.code == "kek_unavailable"


def test_an_older_database_is_accepted_by_the_ceremony_with_the_tokens_key(
    tmp_path: Path, token: KekConfig
) -> None:
    with Ring(tmp_path, token) as ring:
        kept = Kept(ring.vault)
        (revoked_at, revoked, _), *others = kept.keys
        ring.vault.foundation.database.forget()
        backup = (tmp_path / "data" / "vault.db").read_bytes()
        ring.vault.ask(Revoke(**owner(revoked_at), credential=revoked))
        lost = Kept(ring.vault, organizations=1)
    for name in ("vault.db-wal", "vault.db-shm"):
        (tmp_path / "data" / name).unlink(missing_ok=True)
    (tmp_path / "data" / "vault.db").write_bytes(backup)
    config = vault_config(tmp_path, kek=token)
    with opened(config, clock=Clock(), log=LOG) as ceremony:
        ceremony.accept(ceremony.compare().epoch)
    with Ring(tmp_path, token) as again:
        assert [again.vault.opens(at, credential) for at, credential, _ in others] == [
            key for *_, key in others
        ]
        with pytest.raises(RefusedError, match="revoked"):
            again.vault.opens(revoked_at, revoked)
        with pytest.raises(RefusedError, match="no_credential"):
            again.vault.opens(lost.keys[0][0], lost.keys[0][1])
        assert "alarm" not in again.log.getvalue()


def put_back(folder: Path, backup: dict[str, bytes]) -> Path:
    """The whole data folder as it was, anchor and what says where the KEK is included."""
    (folder / "data").mkdir(parents=True, mode=0o700)
    for name, content in backup.items():
        (folder / "data" / name).write_bytes(content)
        (folder / "data" / name).chmod(0o600)
    return folder


def test_a_token_that_hangs_is_given_up_and_used_again_once_it_answers(
    tmp_path: Path, token: KekConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealgate.vault.kek_ring.PAUSE_S", 0.0)
    monkeypatch.setattr("sealgate.vault.kek_ring.AGAIN_S", 10.0)
    with Ring(tmp_path, token) as ring:
        kept = Kept(ring.vault, organizations=1)
        assert kept.all_open(ring.vault)
        before, over = ring.counts(), threading.Event()
        with monkeypatch.context() as patch:
            patch.setattr("sealgate.vault.kek_pkcs11._encrypt", lambda *_words: over.wait(30))
            patch.setattr(ring.ring, "_config", msgspec.structs.replace(token, timeout_s=0.1))
            with pytest.raises(RefusedError, match="vault_unavailable"):
                ring.vault.ask(ticket_order(Addresses()))
            assert kept.all_open(ring.vault), "keys that are open do not wait for the token"
            over.set()
        assert f"kek_unavailable kek={ring.ring.version} code=timeout" in ring.log.getvalue()
        assert ring.counts() == before
        assert ring.vault.deposit(ticket_order(Addresses()), canary_key())


def test_a_pin_that_the_token_refused_is_not_tried_again_so_that_it_is_not_locked(
    tmp_path: Path, token: KekConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_foundation(tmp_path / "data", INSTANCE, LOG, token).close()
    monkeypatch.setattr("sealgate.vault.kek_ring.START_PAUSE_S", 0.0)
    wrong = tmp_path / "pin"
    wrong.write_text("not-the-pin")
    wrong.chmod(0o400)
    logged_out(token)
    with pytest.raises(StartError, match=r"has refused this PIN.*hint: "):
        lay_foundation(tmp_path / "data", INSTANCE, LOG, changed(token, pkcs11_pin_file=str(wrong)))
    lay_foundation(tmp_path / "data", INSTANCE, LOG, token).close()


def logged_out(config: KekConfig) -> None:
    """End every session of this process: the login is the token's."""
    import gc

    gc.collect()
    token = Pkcs11Kind(config)._token
    with token.used():
        token.library.lib(config.pkcs11_module).reinitialize()


def test_a_key_that_is_on_the_ring_already_is_not_taken_twice(tmp_path: Path, token: KekConfig) -> None:
    with Ring(tmp_path, token) as ring:
        label = ring.report().items[0].details["label"]
        with pytest.raises(RefusedError, match="kek_known"):
            ring.do(lambda changes: changes.rotate(label))


def test_a_provider_has_no_text_form_but_its_version(kek: Pkcs11Kek) -> None:
    assert repr(kek) == f"<Pkcs11Kek {kek.version}>"
