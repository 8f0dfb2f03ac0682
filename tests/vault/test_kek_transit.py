"""KEKs in a transit engine: against a stand-in written from its documentation, and a real one where named."""

from __future__ import annotations

import os
import secrets
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sealgate.log import NullLog
from sealgate.messages.frames import RefusedError
from sealgate.vault.events import EVENTS
from sealgate.vault.faults import StartError
from sealgate.vault.foundation import lay_foundation
from sealgate.vault.kek import KekDescription, KekError, KekUnavailableError
from sealgate.vault.kek_config import KekConfig
from sealgate.vault.kek_transit import TransitKek, TransitKind
from tests.vault.keks import Everything, Kept, Ring
from tests.vault.transit_standin import Transit, TransitKey, transit

INSTANCE = "inst_" + "a" * 20
LOG = NullLog(EVENTS)


@pytest.fixture
def engine() -> Iterator[Transit]:
    with transit() as state:
        yield state


@pytest.fixture
def token_file(tmp_path: Path, engine: Transit) -> Path:
    path = tmp_path / "token"
    path.write_text(engine.token + "\n")
    path.chmod(0o400)
    return path


@pytest.fixture
def config(engine: Transit, token_file: Path) -> KekConfig:
    return KekConfig(provider="transit", transit_url=engine.url, transit_token_file=str(token_file))


@pytest.fixture
def kek(config: KekConfig) -> TransitKek:
    kind = TransitKind(config)
    return kind.open(kind.make(""))


def changed(config: KekConfig, **values: Any) -> KekConfig:
    return KekConfig(**({name: getattr(config, name) for name in config.__struct_fields__} | values))


def exercise(config: KekConfig) -> None:
    """What a real engine must do too: wrap, unwrap, refuse another context and altered bytes, destroy."""
    kind = TransitKind(config)
    description = kind.make("")
    kek = kind.open(description)
    data_key = secrets.token_bytes(32)
    wrapped = kek.wrap(data_key, b"here")
    assert data_key not in wrapped
    assert kek.unwrap(wrapped, b"here", kek.version) == data_key
    for bad, context in ((wrapped, b"there"), (wrapped[:-8] + b"AAAAAAA=", b"here"), (b"", b"here")):
        with pytest.raises(KekError):
            kek.unwrap(bad, context, kek.version)
    kind.destroy(description)
    kind.destroy(description)
    with pytest.raises(KekUnavailableError) as gone:
        kek.unwrap(wrapped, b"here", kek.version)
    assert gone.value.code == "key_missing"


def test_a_data_key_opens_for_its_context_only_and_not_after_the_key_is_destroyed(config: KekConfig) -> None:
    exercise(config)


@pytest.mark.transit
def test_a_real_engine_does_what_the_stand_in_does() -> None:
    exercise(
        KekConfig(
            transit_url=os.environ["SEALGATE_TEST_TRANSIT_URL"],
            transit_token_file=os.environ["SEALGATE_TEST_TRANSIT_TOKEN_FILE"],
            transit_ca_file=os.environ.get("SEALGATE_TEST_TRANSIT_CA_FILE", ""),
            transit_mount=os.environ.get("SEALGATE_TEST_TRANSIT_MOUNT", "transit"),
        )
    )


def test_the_engine_gets_context_and_namespace(engine: Transit, config: KekConfig) -> None:
    kind = TransitKind(changed(config, transit_namespace="team/keys"))
    kind.open(kind.make("")).wrap(b"d" * 32, b"here")
    assert {namespace for _method, _path, namespace in engine.seen} == {"team/keys"}


def test_a_key_that_somebody_made_is_taken(engine: Transit, config: KekConfig) -> None:
    engine.keys["mine"] = TransitKey("aes256-gcm96", exportable=False)
    assert TransitKind(config).make("mine").details == {"mount": "transit", "key": "mine"}


@pytest.mark.parametrize(
    ("type_", "exportable"),
    [("aes256-gcm96", True), ("chacha20-poly1305", False)],
    ids=["exportable", "type"],
)
def test_a_key_that_is_not_safe_is_refused(
    engine: Transit, config: KekConfig, type_: str, exportable: bool
) -> None:
    engine.keys["loose"] = TransitKey(type_, exportable)
    with pytest.raises(StartError, match="hint") as refused:
        TransitKind(config).make("loose")
    assert refused.value.code == "kek_unsafe"


@pytest.mark.parametrize("name", ["../sys/seal", "a b", "x" * 101])
def test_a_name_that_is_no_keys_name_is_refused(engine: Transit, config: KekConfig, name: str) -> None:
    with pytest.raises(StartError, match="hint"):
        TransitKind(config).make(name)
    assert engine.seen == []


FAULTS: dict[str, tuple[int, bytes, str]] = {
    "sealed": (503, b'{"errors":["Vault is sealed"]}', "refused"),
    "permission denied": (403, b'{"errors":["permission denied"]}', "refused"),
    "no such mount": (404, b'{"errors":["no handler for route"]}', "key_missing"),
    "no JSON": (502, b"<html>bad gateway</html>", "refused"),
    "data of another form": (200, b'{"data":[]}', "malformed"),
    "no plaintext": (200, b'{"data":{"plaintext":"!"}}', "malformed"),
}


@pytest.mark.parametrize(("status", "body", "code"), FAULTS.values(), ids=FAULTS)
def test_an_engine_that_fails_is_unavailable_and_the_data_is_not_called_damaged(
    engine: Transit, kek: TransitKek, status: int, body: bytes, code: str
) -> None:
    wrapped = kek.wrap(b"d" * 32, b"here")
    engine.answers.append((status, body))
    with pytest.raises(KekUnavailableError) as refused:
        kek.unwrap(wrapped, b"here", kek.version)
    assert refused.value.code == code
    assert kek.unwrap(wrapped, b"here", kek.version) == b"d" * 32


def test_a_wrap_without_ciphertext_is_unavailable(engine: Transit, kek: TransitKek) -> None:
    engine.answers.append((200, b'{"data":{}}'))
    with pytest.raises(KekUnavailableError):
        kek.wrap(b"d" * 32, b"here")


def test_a_destruction_that_the_engine_refuses_is_told(
    engine: Transit, config: KekConfig, kek: TransitKek
) -> None:
    engine.answers.append((403, b'{"errors":["permission denied"]}'))
    description = KekDescription("transit", {"mount": "transit", "key": kek._key})
    with pytest.raises(KekUnavailableError, match="403"):
        TransitKind(config).destroy(description)


def test_an_engine_that_never_answers_is_given_up_after_the_time_that_was_set(
    engine: Transit, config: KekConfig
) -> None:
    kind = TransitKind(changed(config, timeout_s=0.1))
    kek = kind.open(kind.make(""))
    engine.silent.set()
    with pytest.raises(KekUnavailableError) as refused:
        kek.wrap(b"d" * 32, b"here")
    assert refused.value.code == "timeout"


def test_an_engine_that_is_not_there_is_unavailable(config: KekConfig) -> None:
    kind = TransitKind(changed(config, transit_url="http://127.0.0.1:1"))
    with pytest.raises(KekUnavailableError) as refused:
        kind.make("")
    assert refused.value.code == "unreachable"


def test_a_token_that_was_changed_in_its_file_is_used_at_once(
    engine: Transit, kek: TransitKek, token_file: Path
) -> None:
    engine.token = "hvs." + secrets.token_hex(16)
    with pytest.raises(KekUnavailableError):
        kek.health()
    token_file.chmod(0o600)
    token_file.write_text(engine.token)
    kek.health()


SETTINGS: dict[str, dict[str, str]] = {
    "no address": {"transit_url": ""},
    "no such scheme": {"transit_url": "ftp://127.0.0.1"},
    "in the clear beyond this machine": {"transit_url": "http://openbao.example:8200"},
    "no authorities": {"transit_url": "https://127.0.0.1:1", "transit_ca_file": "/nowhere.pem"},
    "no token": {"transit_token_file": ""},
}


@pytest.mark.parametrize("values", SETTINGS.values(), ids=SETTINGS)
def test_settings_that_cannot_work_are_refused_with_a_hint(config: KekConfig, values: dict[str, str]) -> None:
    with pytest.raises(StartError, match="hint") as refused:
        TransitKind(changed(config, **values)).make("")
    assert refused.value.code == "kek_not_set"


def test_over_https_the_certificate_is_verified(config: KekConfig) -> None:
    kind = TransitKind(changed(config, transit_url="https://127.0.0.1:1"))
    assert kind._engine._tls is not None
    assert kind._engine._tls.verify_mode is ssl.CERT_REQUIRED
    with pytest.raises(KekUnavailableError):
        kind.make("")


def test_a_first_start_makes_its_kek_in_the_engine_and_a_second_one_finds_it(
    tmp_path: Path, config: KekConfig
) -> None:
    for _start in range(2):
        foundation = lay_foundation(tmp_path / "data", INSTANCE, LOG, config)
        assert foundation.kek.version.startswith("transit-")
        foundation.close()


def test_a_file_kek_migrates_to_the_engine_and_the_file_can_be_destroyed(
    tmp_path: Path, config: KekConfig
) -> None:
    with Ring(tmp_path, changed(config, provider="file"), approvals=Everything()) as ring:
        kept = Kept(ring.vault)
        old = ring.ring.version
        ring.do(lambda changes: changes.migrate("transit", ""))
        assert set(ring.counts()) == {ring.ring.version}
        ring.do(lambda changes: changes.destroy(old))
    with Ring(tmp_path, config) as again:
        assert kept.all_open(again.vault)


def test_an_engine_that_goes_away_in_the_middle_of_a_migration_pauses_it(
    tmp_path: Path, engine: Transit, config: KekConfig
) -> None:
    with Ring(tmp_path, changed(config, provider="file")) as ring:
        kept = Kept(ring.vault)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sealgate.vault.kek_ring.PAUSE_S", 0.0)
            # Made, looked at, looked at again, tried out (wrap and unwrap): then it is sealed for two calls.
            whole = engine.answer
            calls = iter(range(1000))

            def sealed_for_a_while(*words: Any) -> tuple[int, dict[str, Any] | None]:
                return (503, {"errors": ["sealed"]}) if next(calls) in (6, 7) else whole(*words)

            patch.setattr(engine, "answer", sealed_for_a_while)
            ring.do(lambda changes: changes.migrate("transit", ""))
        assert "kek_rewrapping_paused error=KekUnavailableError" in ring.log.getvalue()
        assert set(ring.counts()) == {ring.ring.version}
        assert kept.all_open(ring.vault)


def test_while_the_engine_is_away_what_is_open_goes_on_and_the_rest_is_unavailable(
    tmp_path: Path, engine: Transit, config: KekConfig
) -> None:
    with Ring(tmp_path, changed(config, timeout_s=0.1)) as ring:
        kept = Kept(ring.vault)
        assert kept.all_open(ring.vault)
    with Ring(tmp_path, changed(config, timeout_s=0.1)) as again:
        (at, credential, key), (other, its, _), _ = kept.keys
        assert again.vault.opens(at, credential) == key
        engine.silent.set()
        assert again.vault.opens(at, credential) == key
        asked = len(engine.seen)
        for _ in range(3):
            with pytest.raises(RefusedError, match="unavailable"):
                again.vault.opens(other, its)
        assert len(engine.seen) == asked + 1, "an engine that did not answer is left alone for a while"
        assert "kek_unavailable" in again.log.getvalue()
        assert "alarm" not in again.log.getvalue()


def test_a_token_file_that_is_gone_while_the_vault_runs_makes_the_kek_unavailable_and_nothing_damaged(
    tmp_path: Path, config: KekConfig, token_file: Path
) -> None:
    with Ring(tmp_path, config) as ring:
        Kept(ring.vault, organizations=1)
        token_file.unlink()
        with pytest.raises(KekUnavailableError) as refused:
            ring.ring.health()
        assert refused.value.code == "kek_secret_unreadable"
        assert ring.report().items[0].health == "kek_secret_unreadable"


def test_no_provider_has_a_text_form_with_a_secret(engine: Transit, kek: TransitKek) -> None:
    assert repr(kek) == f"<TransitKek {kek.version}>"
    assert engine.token not in repr(vars(kek))
