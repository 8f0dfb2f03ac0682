"""Keepers of KEKs that are slow, away, refusing or talking nonsense, at each moment: nothing is half done.

The same for AWS KMS (moto over HTTP) and the transit engine (its stand-in), behind a way that goes wrong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest

from sealgate.log import NullLog
from sealgate.messages.erasing import AskReceipt, Erase, Erased, ErasureKind
from sealgate.messages.frames import RefusedError
from sealgate.vault import kek_aws
from sealgate.vault.events import EVENTS
from sealgate.vault.faults import StartError
from sealgate.vault.foundation import lay_foundation
from sealgate.vault.kek import KekUnavailableError
from sealgate.vault.kek_config import KekConfig
from sealgate.vault.kek_folder import kek_entries
from sealgate.vault.kek_transit import TransitKind
from tests.vault.deployment import Addresses, canary_key, ticket_order
from tests.vault.faulty_way import CUT, SILENT, Fault
from tests.vault.keepers import Keeper, all_keepers, keeper_called
from tests.vault.keks import Everything, Kept, Ring
from tests.vault.transit_standin import transit

pytestmark = pytest.mark.usefixtures("aws_credentials", "row_by_row")

INSTANCE = "inst_" + "a" * 20
LOG = NullLog(EVENTS)
SHORT_S = 0.3
"""Patience with who is known not to answer."""
KEEPERS = ("aws-kms", "transit")


@pytest.fixture(params=KEEPERS)
def keeper(request: pytest.FixtureRequest, kms: str, tmp_path: Path) -> Iterator[Keeper]:
    with keeper_called(request.param, kms, tmp_path) as found:
        yield found


@contextmanager
def impatient(ring: Ring) -> Iterator[None]:
    """Within this, the ring waits for no keeper for long."""
    config = ring.ring._config
    ring.ring._config = msgspec.structs.replace(config, timeout_s=SHORT_S)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sealgate.vault.kek_ring.AGAIN_S", SHORT_S)
        yield
    ring.ring._config = config


def kms_says(code: str, status: int = 400) -> Fault:
    return Fault(status, json.dumps({"__type": code, "message": "no"}).encode())


def engine_says(status: int, *errors: str) -> Fault:
    return Fault(status, json.dumps({"errors": errors}).encode())


BOTH = {
    "silent": SILENT,
    "closes the connection": CUT,
    "server error": Fault(500, b"<html>oops</html>"),
    "garbled": Fault(200, b"\x00\xff{{{"),
    "an empty answer": Fault(200, b"{}"),
    "a list": Fault(200, b"[1]"),
    "other types": Fault(200, b'{"CiphertextBlob":7,"Plaintext":7,"data":{"ciphertext":7,"plaintext":7}}'),
    "oversized": Fault(200, b'{"data":{"ciphertext":"' + b"A" * 2_000_000 + b'"}}'),
    "byte by byte": Fault(200, b" " * 1000 + b"{}", dripping=True),
}
FAULTS: dict[str, dict[str, Fault]] = {
    "aws-kms": BOTH
    | {
        "permission denied": kms_says("AccessDeniedException"),
        "key disabled": kms_says("DisabledException"),
        "key waits for its deletion": kms_says("KMSInvalidStateException"),
        "key is gone": kms_says("NotFoundException"),
        "credentials expired": kms_says("ExpiredTokenException"),
        "throttled": kms_says("ThrottlingException"),
        "not available": kms_says("KeyUnavailableException", 500),
    },
    "transit": BOTH
    | {
        "permission denied": engine_says(403, "permission denied"),
        "key is gone": engine_says(404),
        "sealed": engine_says(503, "Vault is sealed"),
        "throttled": engine_says(429, "request path rate limit"),
        "redirected": Fault(307),
    },
}
CASES = [(name, fault) for name in KEEPERS for fault in FAULTS[name]]


@pytest.fixture
def broken(request: pytest.FixtureRequest, kms: str, tmp_path: Path) -> Iterator[tuple[Keeper, Fault]]:
    name, fault = request.param
    with keeper_called(name, kms, tmp_path) as found:
        yield found, FAULTS[name][fault]


each_fault = pytest.mark.parametrize("broken", CASES, indirect=True, ids=[" ".join(case) for case in CASES])


@each_fault
def test_a_deposit_while_its_keeper_fails_is_refused_whole_and_works_once_it_is_back(
    tmp_path: Path, broken: tuple[Keeper, Fault]
) -> None:
    keeper, fault = broken
    with Ring(tmp_path, keeper.config) as ring:
        kept = Kept(ring.vault, organizations=1)
        assert kept.all_open(ring.vault)
        before = ring.counts()
        order = ticket_order(Addresses())
        keeper.way.breaks(fault)
        with impatient(ring), pytest.raises(RefusedError) as refused:
            ring.vault.ask(order)
        assert refused.value.refusal.code == "vault_unavailable"
        assert refused.value.refusal.hint
        assert f"kek_unavailable kek={ring.ring.version} code=" in ring.log.getvalue()
        assert "alarm" not in ring.log.getvalue()
        assert kept.all_open(ring.vault), "keys that are open go on"
        keeper.way.mends()
        assert ring.counts() == before
        assert ring.vault.deposit(order, canary_key())


@each_fault
def test_a_start_while_its_keeper_fails_is_refused_with_a_hint_and_works_once_it_is_back(
    tmp_path: Path, broken: tuple[Keeper, Fault]
) -> None:
    keeper, fault = broken
    lay_foundation(tmp_path / "data", INSTANCE, LOG, keeper.config).close()
    keeper.way.breaks(fault)
    with pytest.raises(StartError, match="hint: ") as refused:
        lay_foundation(tmp_path / "data", INSTANCE, LOG, keeper.changed(timeout_s=SHORT_S))
    assert refused.value.code in {"kek_unavailable", "kek_unsafe"}
    keeper.way.mends()
    lay_foundation(tmp_path / "data", INSTANCE, LOG, keeper.config).close()


@pytest.mark.parametrize("at", range(1, 12))
def test_a_keeper_that_goes_away_in_the_middle_of_a_rotation_stops_it_whole_or_pauses_it(
    tmp_path: Path, keeper: Keeper, at: int
) -> None:
    with Ring(tmp_path, keeper.config) as ring:
        kept = Kept(ring.vault, organizations=1)
        old = ring.ring.version
        keeper.way.breaks_for(CUT, at, at + 1)
        with suppress(RefusedError):
            ring.rotate()
        if ring.ring.version == old:  # refused before anything was changed
            assert set(ring.counts()) == {old}
            ring.rotate()
        assert ring.report().left == 0
        assert set(ring.counts()) == {ring.ring.version}
        assert kept.all_open(ring.vault)
        assert "alarm" not in ring.log.getvalue()
    with Ring(tmp_path, keeper.config) as again:
        assert kept.all_open(again.vault)


def test_an_erasure_is_done_while_the_keeper_is_away_and_its_receipt_comes_later(
    tmp_path: Path, keeper: Keeper
) -> None:
    with Ring(tmp_path, keeper.config) as ring:
        at, credential, _key = Kept(ring.vault, organizations=1).keys[0]
    with Ring(tmp_path, keeper.config) as ring:
        keeper.way.breaks(SILENT)
        order = Erase(kind=ErasureKind.ORGANIZATION, subject=at.organization, organization=at.organization)
        with impatient(ring):
            erased = ring.vault.ask(order)
        assert isinstance(erased, Erased)
        assert erased.erasure.erased_at is not None
        assert erased.signed == ""
        with pytest.raises(RefusedError, match="no_credential"):
            ring.vault.opens(at, credential)
        assert "kek_unavailable" in ring.log.getvalue()
        keeper.way.mends()
        question = AskReceipt(organization=at.organization, receipt=erased.erasure.receipt)
        receipt = ring.vault.ask(question)
        assert isinstance(receipt, Erased)
        assert receipt.signed


def test_a_key_of_the_same_keeper_that_is_another_one_opens_nothing_and_says_so(
    tmp_path: Path, keeper: Keeper
) -> None:
    data = tmp_path / "data"
    lay_foundation(data, INSTANCE, LOG, keeper.config).close()
    other = tmp_path / "other"
    lay_foundation(other, INSTANCE, LOG, keeper.config).close()
    (mine,), (theirs,) = kek_entries(data).values(), kek_entries(other).values()
    mine.path.chmod(0o600)
    mine.path.write_bytes(theirs.path.read_bytes())
    mine.path.rename(data / theirs.path.name)
    with pytest.raises(StartError, match="hint: ") as refused:
        lay_foundation(data, INSTANCE, LOG, keeper.config)
    assert refused.value.code == "wrong_kek"


def test_a_keeper_that_hangs_is_waited_for_once_and_then_only_briefly(
    tmp_path: Path, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealgate.vault.kek_ring.PAUSE_S", 3600.0)
    with Ring(tmp_path, keeper.config) as ring:
        keeper.way.breaks(SILENT)
        for _ in range(5):
            with impatient(ring), pytest.raises(KekUnavailableError) as refused:
                ring.ring.wrap(b"d" * 32, b"here")
            assert refused.value.code == "timeout"
        assert ring.log.getvalue().count("kek_unavailable") == 1
        asked = keeper.way.asked
        with pytest.raises(KekUnavailableError):
            ring.ring.wrap(b"d" * 32, b"here")
        assert keeper.way.asked == asked


GUIDE = Path(__file__).parents[2] / "docs" / "howto" / "kek.md"


def test_the_kms_statement_of_the_guide_is_what_the_vault_asks_for_and_no_more() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", GUIDE.read_text(), re.S)
    (statement,) = json.loads(block)["Statement"]
    source = (Path(kek_aws.__file__)).read_text()
    asked = set(re.findall(r"client\.([a-z_]+)\(", source)) - {"client"}
    makes_and_destroys = {"create_key", "schedule_key_deletion"}
    assert makes_and_destroys < asked
    named = {"kms:" + "".join(word.title() for word in name.split("_")) for name in asked}
    more = {"kms:CreateKey", "kms:ScheduleKeyDeletion"}
    assert named == {*statement["Action"], *more}
    assert all(f"`{action}`" in GUIDE.read_text() for action in more)


def test_the_transit_policy_of_the_guide_names_every_path_that_is_asked_for() -> None:
    (block,) = re.findall(r"```hcl\n(.*?)```", GUIDE.read_text(), re.S)
    rows = re.findall(r'path "transit/([^"]+)"', block)
    allowed = [re.escape(row).replace(r"\*", "[^/]*") + "$" for row in rows]
    with transit() as engine, TemporaryDirectory() as folder:
        token = Path(folder) / "token"
        token.write_text(engine.token)
        token.chmod(0o400)
        kind = TransitKind(KekConfig(transit_url=engine.url, transit_token_file=str(token)))
        description = kind.make("")
        kek = kind.open(description)
        kek.unwrap(kek.wrap(b"d" * 32, b"here"), b"here", kek.version)
        kind.destroy(description)
        paths = {path.removeprefix("/v1/transit/") for _method, path, _namespace in engine.seen}
    assert paths
    assert all(any(re.match(row, path) for row in allowed) for path in paths), paths


def test_a_keeper_is_asked_as_often_as_the_guide_says(tmp_path: Path, keeper: Keeper) -> None:
    def asked(act: Callable[[], object]) -> int:
        before = keeper.way.asked
        act()
        return keeper.way.asked - before

    with Ring(tmp_path, keeper.config) as ring:
        order, key = ticket_order(at := Addresses()), canary_key()
        assert asked(lambda: ring.vault.ask(order)) == 3
        credential = ring.vault.deposit(order, key)
    with Ring(tmp_path, keeper.config) as again:
        assert asked(lambda: again.vault.opens(at, credential)) == 2
        assert asked(lambda: [again.vault.opens(at, credential) for _ in range(20)]) == 0
        assert asked(lambda: again.vault.ask(ticket_order(at))) == 0


CARRIES = {
    "aws-kms": ("EncryptionContext", ("Plaintext", "CiphertextBlob")),
    "transit": ("associated_data", ("plaintext", "ciphertext")),
}
"""Where a request says what it is bound to, and what makes it a request to wrap or unwrap."""


def test_every_wrap_and_unwrap_on_the_wire_says_what_it_is_bound_to(tmp_path: Path, keeper: Keeper) -> None:
    bound_to, secrets_of = CARRIES[keeper.name]

    def sent() -> list[tuple[str, object]]:
        bodies = [json.loads(each) for each in keeper.way.bodies if each.startswith(b"{")]
        keeper.way.bodies.clear()
        return [(name, body[bound_to]) for body in bodies for name in secrets_of if name in body]

    with Ring(tmp_path, keeper.config) as ring:
        at, credential, _key = Kept(ring.vault, organizations=1).keys[0]
        wrapped = [context for name, context in sent() if name == secrets_of[0]]
        assert len({json.dumps(each) for each in wrapped}) == len(wrapped) == 4, "one each, none like another"
    with Ring(tmp_path, keeper.config) as again:
        assert again.vault.opens(at, credential)
        unwrapped = [context for name, context in sent() if name == secrets_of[1]]
        assert unwrapped
        assert all(each in wrapped for each in unwrapped)


MOVES = [(one, other) for one in ("file", *KEEPERS) for other in ("file", *KEEPERS) if one != other]


@pytest.mark.parametrize(("one", "other"), MOVES, ids=[f"{one} to {other}" for one, other in MOVES])
def test_from_every_keeper_to_every_other_with_both_alive_meanwhile(
    tmp_path: Path, kms: str, one: str, other: str
) -> None:
    with all_keepers(kms, tmp_path) as reached:
        config = msgspec.structs.replace(reached, provider=one)
        with Ring(tmp_path, config, approvals=Everything()) as ring:
            kept = Kept(ring.vault, organizations=2)
            before = ring.ring.version
            ring.do(lambda changes: changes.migrate(other, ""))
            assert [each.state for each in ring.report().items] == ["live", "current"]
            assert [each.health for each in ring.report().items] == ["ok", "ok"]
            assert set(ring.counts()) == {ring.ring.version}
            assert kept.all_open(ring.vault)
        with Ring(tmp_path, config, approvals=Everything()) as again:
            assert kept.all_open(again.vault)
            again.do(lambda changes: changes.destroy(before))
            assert kept.all_open(again.vault)
