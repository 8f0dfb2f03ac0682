"""KEKs in AWS KMS, over HTTP: against moto's server, one that stalls, and one that is not there."""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from sealgate.log import NullLog
from sealgate.messages.frames import RefusedError
from sealgate.vault.events import EVENTS
from sealgate.vault.faults import StartError
from sealgate.vault.foundation import lay_foundation
from sealgate.vault.kek import KekDescription, KekError, KekUnavailableError
from sealgate.vault.kek_aws import PENDING_DAYS, AwsKek, AwsKind
from sealgate.vault.kek_config import KekConfig
from tests.vault.keks import Everything, Kept, Ring

pytestmark = pytest.mark.usefixtures("aws_credentials")

INSTANCE = "inst_" + "a" * 20
LOG = NullLog(EVENTS)


def config_at(endpoint: str, **values: Any) -> KekConfig:
    return KekConfig(
        **({"provider": "aws-kms", "aws_region": "eu-central-1", "aws_endpoint": endpoint} | values)
    )


@pytest.fixture
def config(kms: str) -> KekConfig:
    return config_at(kms)


@pytest.fixture
def kek(config: KekConfig) -> AwsKek:
    kind = AwsKind(config)
    return kind.open(kind.make(""))


def test_what_kms_wraps_it_unwraps_for_the_same_context_only(kek: AwsKek) -> None:
    data_key = secrets.token_bytes(32)
    wrapped = kek.wrap(data_key, b"here")
    assert data_key not in wrapped
    assert kek.unwrap(wrapped, b"here", kek.version) == data_key
    with pytest.raises(KekError):
        kek.unwrap(wrapped, b"there", kek.version)


@pytest.mark.parametrize("at", [0, 40, -1])
def test_an_altered_wrap_gives_no_data_key(kek: AwsKek, at: int) -> None:
    wrapped = bytearray(kek.wrap(b"d" * 32, b"here"))
    wrapped[at] ^= 1
    with pytest.raises((KekError, KekUnavailableError)):
        kek.unwrap(bytes(wrapped), b"here", kek.version)


def test_nothing_unwraps_to_nothing(kek: AwsKek) -> None:
    with pytest.raises(KekError):
        kek.unwrap(b"", b"here", kek.version)


@pytest.mark.parametrize("code", ["InvalidCiphertextException", "IncorrectKeyException"])
def test_kms_word_that_it_did_not_wrap_this_is_told_from_all_others(
    kek: AwsKek, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    def answer(**_request: object) -> object:
        raise ClientError({"Error": {"Code": code, "Message": ""}}, "Decrypt")

    monkeypatch.setattr(kek._client, "decrypt", answer)
    with pytest.raises(KekError):
        kek.unwrap(b"x", b"here", kek.version)


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException", "KMSInternalException"])
def test_a_kms_that_refuses_is_unavailable(kek: AwsKek, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    def answer(**_request: object) -> object:
        raise ClientError({"Error": {"Code": code, "Message": ""}}, "Encrypt")

    monkeypatch.setattr(kek._client, "encrypt", answer)
    with pytest.raises(KekUnavailableError, match=code):
        kek.wrap(b"d" * 32, b"here")


def test_without_credentials_it_is_unavailable(kek: AwsKek, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(**_request: object) -> object:
        raise NoCredentialsError

    monkeypatch.setattr(kek._client, "describe_key", answer)
    with pytest.raises(KekUnavailableError) as refused:
        kek.health()
    assert refused.value.code == "sdk"


def test_a_disabled_key_is_unavailable(kek: AwsKek) -> None:
    kek.health()
    kek._client.disable_key(KeyId=kek._key.rpartition("/")[2])
    with pytest.raises(KekUnavailableError) as refused:
        kek.health()
    assert refused.value.code == "key_disabled"


def test_a_key_that_somebody_made_is_taken_by_its_alias_and_kept_by_its_arn(
    config: KekConfig, kek: AwsKek
) -> None:
    alias = f"alias/sealgate-{secrets.token_hex(4)}"
    kek._client.create_alias(AliasName=alias, TargetKeyId=kek._key)
    assert AwsKind(config).make(alias).details == {"key": kek._key}


def test_a_key_for_signatures_is_refused(config: KekConfig, kek: AwsKek) -> None:
    made = kek._client.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    with pytest.raises(StartError, match="hint"):
        AwsKind(config).make(made["KeyMetadata"]["Arn"])


def test_a_region_must_be_set(kms: str) -> None:
    with pytest.raises(StartError, match=r"aws_region.*hint"):
        AwsKind(config_at(kms, aws_region="")).make("")


def test_a_missing_library_is_told_with_the_extra_to_install(
    config: KekConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(StartError, match=r"sealgate\[aws\]"):
        AwsKind(config).make("")


def test_destroying_is_final_when_kms_says_and_may_be_repeated(config: KekConfig, kek: AwsKek) -> None:
    kind = AwsKind(config)
    description = kind.make(kek._key)
    first = kind.destroy(description)
    assert kind.destroy(description) == first
    state = kek._client.describe_key(KeyId=kek._key)["KeyMetadata"]
    assert state["KeyState"] == "PendingDeletion"
    assert first == state["DeletionDate"].timestamp()
    assert PENDING_DAYS == 7
    with pytest.raises(KekUnavailableError):
        kek.health()


@contextmanager
def stalling() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_kms_that_never_answers_is_given_up_after_the_time_that_was_set(kek: AwsKek) -> None:
    with stalling() as silent:
        description = KekDescription("aws-kms", {"key": kek._key})
        slow = AwsKind(config_at(silent, timeout_s=0.2)).open(description)
        with pytest.raises(KekUnavailableError) as refused:
            slow.wrap(b"d" * 32, b"here")
    assert refused.value.code == "timeout"


def test_variables_that_name_a_proxy_are_not_followed(
    kek: AwsKek, config: KekConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stalling() as silent:
        monkeypatch.setenv("HTTP_PROXY", silent)
        monkeypatch.setenv("http_proxy", silent)
        kind = AwsKind(config)
        kind.open(kind.make("")).health()


def test_a_first_start_makes_its_kek_in_kms_and_a_second_one_finds_it(
    tmp_path: Path, config: KekConfig
) -> None:
    for _start in range(2):
        foundation = lay_foundation(tmp_path, INSTANCE, LOG, config)
        assert foundation.kek.version.startswith("aws-kms-")
        foundation.close()


def test_a_start_while_kms_is_away_is_refused_after_some_tries(tmp_path: Path, config: KekConfig) -> None:
    lay_foundation(tmp_path, INSTANCE, LOG, config).close()
    with pytest.MonkeyPatch.context() as patch, stalling() as silent:
        patch.setattr("sealgate.vault.kek_ring.START_PAUSE_S", 0.0)
        with pytest.raises(StartError, match="hint") as refused:
            lay_foundation(tmp_path, INSTANCE, LOG, config_at(silent, timeout_s=0.1))
    assert refused.value.code == "kek_unavailable"
    lay_foundation(tmp_path, INSTANCE, LOG, config).close()


def test_a_file_kek_migrates_to_kms_and_back(tmp_path: Path, kms: str) -> None:
    config = config_at(kms, provider="file")
    with Ring(tmp_path, config, approvals=Everything()) as ring:
        kept = Kept(ring.vault)
        ring.do(lambda changes: changes.migrate("aws-kms", ""))
        in_kms = ring.ring.version
        assert set(ring.counts()) == {in_kms}
        ring.do(lambda changes: changes.migrate("file", ""))
        report = ring.do(lambda changes: changes.destroy(in_kms))
        destroyed = next(each for each in report.items if each.version == in_kms)
        assert destroyed.destroyed_at is not None
        assert destroyed.destroyed_at > destroyed.made_at - 10 * 365 * 86_400
    with Ring(tmp_path, config) as again:
        assert kept.all_open(again.vault)


def test_migrating_to_a_kms_that_is_away_changes_nothing(tmp_path: Path) -> None:
    with stalling() as silent, Ring(tmp_path, config_at(silent, provider="file", timeout_s=0.1)) as ring:
        before = ring.ring.version
        with pytest.raises(RefusedError, match="kek_unavailable"):
            ring.do(lambda changes: changes.migrate("aws-kms", ""))
        assert ring.ring.version == before
        assert [each.state for each in ring.report().items] == ["current"]


def test_a_vault_that_needs_no_foreign_library_loads_none() -> None:
    program = (
        "import sys, sealgate.vault.process\n"
        "print([name for name in ('boto3', 'botocore', 'pkcs11') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_a_provider_has_no_text_form_but_its_version(kek: AwsKek) -> None:
    assert repr(kek) == f"<AwsKek {kek.version}>"
