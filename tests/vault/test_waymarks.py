"""Waymarks: a proxy that remembers shows when both files were put back; one that lies stops nothing."""

from __future__ import annotations

import asyncio
import io
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec import structs

from sealgate.ids import new_id
from sealgate.log import NullLog
from sealgate.messages.frames import RefusedError
from sealgate.messages.opening import CredentialChanged as Changed
from sealgate.messages.opening import OpeningReply, OpenRefusal, Renew, ShowWaymark, Waymark
from sealgate.messages.tickets import CredentialRevoked, TicketIssued
from sealgate.vault.config import VaultConfig
from sealgate.vault.events import EVENTS
from sealgate.vault.faults import RolledBackError, StartError
from sealgate.vault.process import OPENER_SOCKET
from sealgate.vault.restoring import opened
from sealgate.vault.waymarks import Waymarks
from tests.vault.deployment import (
    Addresses,
    Clock,
    Deployment,
    canary_key,
    connected,
    running,
    ticket_order,
    vault_config,
)
from tests.vault.still import StillVault

KEY = canary_key()
Edit = Callable[[ShowWaymark], ShowWaymark]


def kept(found: Waymark | ShowWaymark) -> ShowWaymark:
    """A waymark as a proxy shows it."""
    return ShowWaymark(number=found.number, tag=found.tag, mac=found.mac)


def now(vault: Deployment) -> ShowWaymark:
    """The newest waymark."""
    return kept(vault.vault._waymarks.current())


async def shown(vault: Deployment, waymark: ShowWaymark) -> Waymark:
    answer = await vault.proxy.ask(waymark)
    assert isinstance(answer, Waymark)
    return answer


class House:
    """A vault that can be stopped, and whose files can be put back."""

    def __init__(self, config: VaultConfig, assets: Path) -> None:
        self.config, self.assets = config, assets
        self.at = Addresses()
        self.log = io.StringIO()
        self._copy = config.data_dir.with_name("copy")

    @asynccontextmanager
    async def vault(self) -> AsyncIterator[Deployment]:
        async with running(self.config, Clock(), self.log, self.assets) as vault:
            yield vault

    def copy(self) -> None:
        shutil.copytree(self.config.data_dir, self._copy)

    def put_back(self) -> None:
        shutil.rmtree(self.config.data_dir)
        shutil.copytree(self._copy, self.config.data_dir)


@pytest.fixture
def house(config: VaultConfig, assets: Path) -> House:
    return House(config, assets)


async def lived(house: House) -> tuple[str, ShowWaymark]:
    """A credential, a copy of every file, a change after it, and what a proxy kept; then all is put back."""
    async with house.vault() as vault:
        credential = await vault.sealed_key(house.at, KEY)
    house.copy()
    async with house.vault() as vault:
        await vault.sealed_key(house.at, canary_key(), credential)
        remembered = now(vault)
    house.put_back()
    return credential, remembered


async def code_of(asked: object) -> str:
    with pytest.raises(RefusedError) as error:
        await asked  # type: ignore[misc]
    return error.value.refusal.code


async def test_every_proxy_is_told_how_far_the_vault_is_soon_after_each_change(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealgate.vault.waymarks.TELL_EVERY_S", 0.01)
    heard: asyncio.Queue[Waymark] = asyncio.Queue()
    async with house.vault() as vault:
        client, link = await connected(house.config, OPENER_SOCKET, new_id("prx"), OpeningReply | Changed)
        client.on_notice = lambda notice: heard.put_nowait(notice) if isinstance(notice, Waymark) else None
        await vault.sealed_key(house.at, KEY)
        async with asyncio.timeout(10):
            while kept(await heard.get()) != now(vault):
                pass
        link.cancel()
        await asyncio.gather(link, return_exceptions=True)


async def test_a_waymark_of_this_history_is_answered_with_the_newest(house: House) -> None:
    async with house.vault() as vault:
        first = now(vault)
        credential = await vault.sealed_key(house.at, KEY)
        assert kept(await shown(vault, first)) == now(vault)
        assert kept(await shown(vault, now(vault))) == now(vault)
        assert (await vault.open(house.at, credential))[1] == KEY


async def test_both_files_put_back_are_found_by_one_proxy_that_remembers(house: House) -> None:
    credential, remembered = await lived(house)
    async with house.vault() as vault:
        assert await code_of(shown(vault, remembered)) == OpenRefusal.ROLLED_BACK
        assert await code_of(vault.open(house.at, credential)) == OpenRefusal.ROLLED_BACK
        assert await code_of(vault.proxy.ask(Renew(credential=credential, version=1))) == (
            OpenRefusal.ROLLED_BACK
        )
        assert await code_of(shown(vault, remembered)) == OpenRefusal.ROLLED_BACK
    told = house.log.getvalue()
    assert told.count("error vault alarm_rollback") == 1
    assert f"witnessed={remembered.number}" in told


async def test_an_old_copy_takes_no_ticket_and_no_deposit_and_still_revokes(house: House) -> None:
    credential, remembered = await lived(house)
    async with house.vault() as vault:
        issued = await vault.ticket(house.at)
        await code_of(shown(vault, remembered))
        assert await code_of(vault.ask(ticket_order(house.at), TicketIssued)) == OpenRefusal.ROLLED_BACK
        assert await code_of(vault.switch(house.at, credential)) == OpenRefusal.ROLLED_BACK
        assert (await vault.deposit(issued.ticket, KEY)).status == 503
        assert [each.credential for each in (await vault.list(house.at)).items][-1] == credential
        assert isinstance(await vault.revoke(house.at, credential), CredentialRevoked)
    assert "desk_refused code=vault_rolled_back operation=IssueTicket" in house.log.getvalue()


async def test_an_old_copy_does_not_start_again_before_the_ceremony(house: House) -> None:
    credential, remembered = await lived(house)
    async with house.vault() as vault:
        await code_of(shown(vault, remembered))
    with pytest.raises(StartError, match=f"a proxy has seen change {remembered.number}") as error:
        async with house.vault():
            pass
    assert error.value.code == "rolled_back"
    with opened(house.config, clock=Clock(), log=NullLog(EVENTS)) as restoring:
        found = restoring.compare()
        assert (found.seen, found.is_needed) == (remembered.number, True)
        restoring.accept(found.epoch)
    async with house.vault() as vault:
        assert (await vault.open(house.at, credential))[1] == KEY
        # What proxies of the lost history remember does not stop the vault again.
        assert (await shown(vault, remembered)).number > remembered.number
        assert (await vault.open(house.at, credential))[1] == KEY


async def test_another_history_of_the_same_length_is_found_too(house: House) -> None:
    credential, remembered = await lived(house)
    async with house.vault() as vault:
        for _ in range(3):
            await vault.sealed_key(house.at, canary_key(), credential)
        assert now(vault).number > remembered.number
        assert await code_of(shown(vault, remembered)) == OpenRefusal.ROLLED_BACK
    with pytest.raises(StartError, match="old copies"):
        async with house.vault():
            pass


LIES: dict[str, Edit] = {
    "a higher number": lambda each: structs.replace(each, number=each.number + 1),
    "another tag": lambda each: structs.replace(each, tag="0" * 32),
    "another MAC": lambda each: structs.replace(each, mac=bytes(32)),
    "no MAC": lambda each: structs.replace(each, mac=b""),
    "no tag": lambda each: structs.replace(each, tag=""),
    "below zero": lambda each: structs.replace(each, number=-1),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
async def test_a_proxy_that_lies_stops_nothing_and_is_noted(house: House, lie: Edit) -> None:
    async with house.vault() as vault:
        credential = await vault.sealed_key(house.at, KEY)
        assert await code_of(shown(vault, lie(now(vault)))) == OpenRefusal.WAYMARK_FOREIGN
        assert (await vault.open(house.at, credential))[1] == KEY
    assert "warning vault waymark_refused proxy=prx_" in house.log.getvalue()
    assert not (house.config.data_dir / "seen").exists()


async def test_a_waymark_of_another_vault_stops_nothing(house: House, assets: Path, tmp_path: Path) -> None:
    other = House(vault_config(tmp_path / "o", instance=house.config.instance), assets)
    async with other.vault() as vault:
        await vault.sealed_key(house.at, KEY)
        foreign = now(vault)
    async with house.vault() as vault:
        stranger, link = await connected(house.config, OPENER_SOCKET, "not a name", OpeningReply)
        assert await code_of(stranger.ask(foreign)) == OpenRefusal.WAYMARK_FOREIGN
        link.cancel()
        await asyncio.gather(link, return_exceptions=True)
    assert "waymark_refused proxy=unnamed" in house.log.getvalue()


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\xff", b'{"is":"show-waymark","number":9,"tag":"x","mac":"AA=="}']
)
async def test_a_note_that_the_vault_did_not_write_is_ignored_and_cleared_away(
    house: House, content: bytes
) -> None:
    async with house.vault():
        pass
    (house.config.data_dir / "seen").write_bytes(content)
    async with house.vault():
        assert not (house.config.data_dir / "seen").exists()


async def test_with_a_full_disk_an_old_copy_opens_nothing_all_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential, remembered = await lived(house)
    monkeypatch.setattr("sealgate.vault.waymarks.write_durably", _disk_full)
    async with house.vault() as vault:
        await code_of(shown(vault, remembered))
        assert await code_of(vault.open(house.at, credential)) == OpenRefusal.ROLLED_BACK
    assert "database_failed error=OSError operation=note-waymark" in house.log.getvalue()


def _disk_full(*_args: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_halted_witness_lets_things_end_and_nothing_begin(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        at = Addresses()
        credential = vault.deposit(ticket_order(at), KEY)
        vault.foundation.witness.is_halted = True
        with pytest.raises(RolledBackError):
            vault.deposit(ticket_order(at, credential), KEY)
        vault.stores.credentials.revoke(at.organization, at.application, credential, 1.0)


def test_proxies_are_told_once_and_again_when_another_one_comes(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        base, config = vault.foundation, vault.config
        marks = Waymarks(config.instance, config.data_dir, base.keys.waymarks, base.witness, NullLog(EVENTS))
        told: list[object] = []
        for peers in (("a",), ("a",), ("a", "b")):
            marks.tell(lambda notice: told.append(notice) or 1, peers)  # type: ignore[func-returns-value]
        assert len(told) == 2
        base.witness.is_halted = True
        marks.tell(lambda notice: told.append(notice) or 1, ("c",))  # type: ignore[func-returns-value]
        assert len(told) == 2
