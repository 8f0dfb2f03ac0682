"""A vault's folder that somebody rewrites: what lies in it, how it is rewritten, and what holds all the same.

Counterparts: `test_vault_rows`, which generates its attacks from the schema, and the control there, which
shows that a vault without its MACs fails what is held here. The attacker may write every byte of vault.db,
has every older copy of it, owns an organization of the same vault, and has neither KEK nor anchor.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sealgate.ids import new_id
from sealgate.log import LineLog
from sealgate.messages.erasing import AskReceipt, AskReceipts, Erase, Erased, ErasureKind, Receipts
from sealgate.messages.frames import Refusal, RefusedError
from sealgate.messages.tickets import (
    AskPseudonym,
    Credentials,
    CredentialState,
    IssueTicket,
    ListCredentials,
    Pseudonym,
    Revoke,
    Switch,
    TicketIssued,
)
from sealgate.vault import base64url
from sealgate.vault.approvals import Action, NotApprovedError
from sealgate.vault.events import EVENTS
from sealgate.vault.faults import StartError
from sealgate.vault.inspection import Inspection
from sealgate.vault.open_counts import CountPages, minutes_of
from sealgate.vault.passkeys import Assertion, Registered
from sealgate.vault.proposals import Proposals
from sealgate.vault.receipts import Receipt, key_of, verify
from sealgate.vault.tickets import TicketRefusedError
from tests.vault.authenticator import Passkey, cbor, cose
from tests.vault.deployment import EVIL_ORIGIN, ORIGIN, Addresses, canary_key, owner, ticket_order
from tests.vault.still import StillVault

NOT_APPROVED = (Action.KEK_DESTROY, "file-aaaa")
DONE = (Action.INVITE, "Cleo")
Cell = str | int | float | bytes | None


@dataclass
class Theirs:
    """One party's application and its key."""

    at: Addresses
    credential: str = ""
    keys: dict[int | None, bytes] = field(default_factory=dict)
    """By version; None: of the one that is active."""


@dataclass
class Attacked:
    """The stopped vault of before the attack. `copies` are databases of earlier times, the oldest first."""

    folder: Path
    victim: Theirs = field(default_factory=lambda: Theirs(Addresses(new_id("org"), new_id("app"))))
    bystander: Theirs = field(default_factory=lambda: Theirs(Addresses(new_id("org"), new_id("app"))))
    attacker: Theirs = field(
        default_factory=lambda: Theirs(Addresses(new_id("org"), new_id("app"), origin=EVIL_ORIGIN))
    )
    revoked: str = ""
    erased: Addresses = field(default_factory=lambda: Addresses(new_id("org"), new_id("app")))
    erased_credential: str = ""
    ticket: str = ""
    """The one that is good still."""
    tickets_over: list[str] = field(default_factory=list)
    """Used ones, and one whose version somebody else's key took."""
    receipt: str = ""
    told: Receipt | None = None
    pseudonym: str = ""
    passkeys: dict[str, Passkey] = field(default_factory=dict)
    sealing_keys: frozenset[bytes] = frozenset()
    """Every public key that the vault made itself."""
    copies: list[Path] = field(default_factory=list)

    @property
    def database(self) -> Path:
        return self.folder / "data" / "vault.db"

    def is_victims(self, row: Sequence[Cell]) -> bool:
        """True for a row that belongs to nobody else."""
        others = (self.bystander, self.attacker)
        return not {each.at.organization for each in others} & set(row) and not {
            each.credential for each in others
        } & set(row)

    def is_live(self, row: Sequence[Cell]) -> bool:
        """True for a row of the victim's that is not of what is revoked or erased."""
        over = {self.revoked, self.erased.organization, self.erased_credential}
        return self.is_victims(row) and not over & set(row)

    def rows(self, table: str) -> list[tuple[Cell, ...]]:
        """Every row as it stands before the attack."""
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(f"SELECT * FROM {table}").fetchall()

    def old_rows(self, table: str) -> list[list[tuple[Cell, ...]]]:
        """The table as it was at every earlier time at which it was another one."""
        found: list[list[tuple[Cell, ...]]] = []
        for copy in self.copies:
            with closing(sqlite3.connect(copy)) as connection, contextlib.suppress(sqlite3.OperationalError):
                rows = connection.execute(f"SELECT * FROM {table}").fetchall()
                if rows != self.rows(table) and rows not in found:
                    found.append(rows)
        return found


def furnish(folder: Path) -> Attacked:
    """Let a vault live through everything that leaves rows; gives it stopped."""
    scene = Attacked(folder)
    victim = scene.victim
    keys = [canary_key(), canary_key(), canary_key()]
    victim.keys = {None: keys[1]} | dict(enumerate(keys, 1))
    with StillVault(folder) as vault:
        victim.credential = _deposit(vault, scene, ticket_order(victim.at), keys[0])
        for each in (scene.bystander, scene.attacker):
            key = canary_key()
            each.keys = {None: key, 1: key}
            each.credential = vault.deposit(ticket_order(each.at), key)
        scene.revoked = _deposit(vault, scene, ticket_order(victim.at), canary_key())
        scene.erased_credential = vault.deposit(ticket_order(scene.erased), canary_key())
        _copy(scene)
        staging = ticket_order(victim.at, victim.credential, stage=True)
        scene.tickets_over.append(vault.issue(staging).ticket)
        _deposit(vault, scene, staging, keys[1])
        _copy(scene)
        vault.ask(Switch(**owner(victim.at), credential=victim.credential))
        _deposit(vault, scene, staging, keys[2])
        vault.ask(Revoke(**owner(victim.at), credential=scene.revoked))
        _copy(scene)
        scene.ticket = vault.issue(staging).ticket
        _enrol_and_approve(vault, scene)
        vault.audit.flush()
        _copy(scene)
        _erase(vault, scene)
        _count_an_open(vault, scene)
        _copy(scene)
        _count_an_open(vault, scene)
        told = vault.ask(AskPseudonym(**owner(victim.at), subject="somebody"))
        assert isinstance(told, Pseudonym)
        scene.pseudonym = told.value
        vault.audit.close()
    scene.sealing_keys = frozenset(row[4] for row in scene.rows("keyring") if isinstance(row[4], bytes))
    return scene


def _enrol_and_approve(vault: StillVault, scene: Attacked) -> None:
    """Two people; what both approved and was done; what one of them approved so far."""
    for name in ("Ada", "Bea"):
        _copy(scene)
        invited, _ = vault.stores.administrators.invite(None, name, "", vault.clock.now_s, approved=False)
        before = vault.stores.administrators.find(invited.administrator)
        assert before is not None
        passkey = Passkey()
        made = Registered(passkey.id, cbor(cose(passkey.private)), 0)
        vault.stores.administrators.enrol(before, made, ("usb",), vault.clock.now_s)
        scene.passkeys[name] = passkey
    for action, subject, people in ((*DONE, ("Ada", "Bea")), (*NOT_APPROVED, ("Ada",))):
        for name in people:
            _approve(vault, scene.passkeys[name], action, subject)
        _copy(scene)
        if len(people) == 2:
            proposals = _proposals(vault)
            proposals.use_up(proposals.require(action, subject))
    vault.stores.administrators.invite(None, "Dee", "", vault.clock.now_s, approved=False)


def _approve(vault: StillVault, passkey: Passkey, action: Action, subject: str) -> None:
    proposals = _proposals(vault)
    with pytest.raises(NotApprovedError) as missing:
        proposals.require(action, subject)
    link = missing.value.missing.proposal.link.partition("=")[2]
    given = passkey.assertion(proposals.challenge(proposals.look(link)))
    fields = ("id", "client_data", "authenticator_data", "signature")
    proposals.approve(link, Assertion(*(base64url.decode(given[each]) for each in fields)))


def _proposals(vault: StillVault) -> Proposals:
    return Proposals(
        vault.config.instance,
        vault.config.public_url,
        vault.foundation,
        vault.stores.administrators,
        clock=vault.clock,
        log=LineLog("vault", EVENTS, vault.log),
    )


def _deposit(vault: StillVault, scene: Attacked, order: IssueTicket, key: bytes) -> str:
    ticket = vault.issue(order).ticket
    scene.tickets_over.append(ticket)
    return vault.hand_in(ticket, vault.sealed(ticket, key)).version.credential


def _count_an_open(vault: StillVault, scene: Attacked) -> None:
    vault.opens(scene.victim.at, scene.victim.credential)
    vault.stores.opens.flush()
    vault.stores.counts.flush(vault.clock.now_s)


def _erase(vault: StillVault, scene: Attacked) -> None:
    subject = scene.erased.organization
    order = Erase(kind=ErasureKind.ORGANIZATION, subject=subject, organization=subject)
    erased = vault.ask(order)
    assert isinstance(erased, Erased)
    scene.receipt = erased.erasure.receipt
    scene.told = verify(erased.signed, key_of(vault.erasures.public_key()))


def _audit(vault: StillVault, _scene: Attacked) -> None:
    examination = vault.audit.examine()
    for _piece in examination.pieces():
        pass
    vault.audit.tell(examination)
    if examination.findings:
        raise RefusedError(Refusal(code="audit", message="the audit is not whole"))


def _counts(vault: StillVault, _scene: Attacked) -> None:
    pages = CountPages(vault.foundation.database, vault.foundation.seal)
    records, _ = pages.page("", 0, 0)
    for record in records:
        assert sum(minutes_of(record).opened) <= 4, "an open that never was"


def _copy(scene: Attacked) -> None:
    copy = scene.folder / f"copy-{len(scene.copies)}.db"
    with closing(sqlite3.connect(scene.database)) as origin, closing(sqlite3.connect(copy)) as target:
        origin.backup(target)
    scene.copies.append(copy)


@dataclass(frozen=True)
class Outcome:
    """What came of an attack under which everything held."""

    started: bool
    refused: frozenset[str]
    log: str
    """What the vault wrote, or the words with which it refused to start."""


@contextlib.contextmanager
def copied(scene: Attacked, folder: Path) -> Iterator[Path]:
    """A copy of the folder to attack; gives its database."""
    shutil.copytree(scene.folder / "data", folder / "data")
    try:
        yield folder / "data" / "vault.db"
    finally:
        shutil.rmtree(folder / "data")


def use(scene: Attacked, folder: Path, *, others: bool = True) -> Outcome:
    """Start the vault on what the attacker left, use all of it, and hold it to what is promised.

    `others`: nobody else's rows were touched, so the bystander is served.
    """
    try:
        vault = StillVault(folder)
    except StartError as error:
        return Outcome(False, frozenset(), f"{error} hint: {error.hint}")
    with vault:
        refused = {name for name, used in USES.items() if _refused(used, vault, scene)}
        if others:
            assert vault.opens(scene.bystander.at, scene.bystander.credential) == scene.bystander.keys[None]
    return Outcome(True, frozenset(refused), vault.log.getvalue())


def _refused(used: Callable[[StillVault, Attacked], None], vault: StillVault, scene: Attacked) -> bool:
    try:
        used(vault, scene)
    except (RefusedError, TicketRefusedError):
        return True
    return False


def _open(vault: StillVault, scene: Attacked) -> None:
    refused = 0
    for version, key in scene.victim.keys.items():
        try:
            opened = vault.opens(scene.victim.at, scene.victim.credential, version)
        except RefusedError:
            refused += 1
        else:
            assert opened == key, f"another key came out as version {version}"
    if refused:
        assert refused == len(scene.victim.keys), "some versions of a damaged credential open"
        raise RefusedError(Refusal(code="all", message="every version was refused"))


def _open_elsewhere(vault: StillVault, scene: Attacked) -> None:
    """Whatever is asked for that is not bound so gives no key of the victim's."""
    secret = set(scene.victim.keys.values())
    for asked in _wrong(scene):
        for credential in (scene.victim.credential, scene.attacker.credential, scene.bystander.credential):
            with contextlib.suppress(RefusedError):
                assert vault.opens(asked, credential) not in secret, f"the key travels to {asked}"


def _wrong(scene: Attacked) -> Iterator[Addresses]:
    victim, attacker = scene.victim.at, scene.attacker.at
    yield attacker
    for organization in (victim.organization, attacker.organization):
        for application in (victim.application, attacker.application):
            for origin in (ORIGIN, EVIL_ORIGIN):
                asked = Addresses(organization, application, origin=origin)
                if asked != victim:
                    yield asked


def _open_what_is_over(vault: StillVault, scene: Attacked) -> None:
    for at, credential in ((scene.victim.at, scene.revoked), (scene.erased, scene.erased_credential)):
        for version in (None, 1):
            with contextlib.suppress(RefusedError):
                vault.opens(at, credential, version)
                raise AssertionError("a key that was destroyed opens")


def _look_at_ticket(vault: StillVault, scene: Attacked) -> None:
    plan = vault.deposits.plan(scene.ticket, vault.clock.now_s)
    at, ticket = scene.victim.at, plan.ticket
    bound = (ticket.organization, ticket.application, ticket.provider, ticket.origin, ticket.credential)
    assert bound == (at.organization, at.application, at.provider, at.origin, scene.victim.credential)
    assert {pair.public_key for pair in plan.keys.pairs} <= scene.sealing_keys, "a planted sealing key"


def _ask_for_a_ticket(vault: StillVault, scene: Attacked) -> None:
    issued = vault.ask(ticket_order(scene.victim.at))
    assert isinstance(issued, TicketIssued)
    plan = vault.deposits.plan(issued.ticket, vault.clock.now_s)
    assert {pair.public_key for pair in plan.keys.pairs} <= scene.sealing_keys, "a planted sealing key"


def _use_a_ticket_again(vault: StillVault, scene: Attacked) -> None:
    for ticket in scene.tickets_over:
        with contextlib.suppress(TicketRefusedError):
            vault.deposits.plan(ticket, vault.clock.now_s)
            raise AssertionError("a ticket works twice")


def _list(vault: StillVault, scene: Attacked) -> None:
    listed = vault.ask(ListCredentials(**owner(scene.victim.at)))
    assert isinstance(listed, Credentials)
    shown = {row.credential: row for row in listed.items}
    for credential in set(shown) - {scene.victim.credential, scene.revoked}:
        assert shown[credential].state == CredentialState.DAMAGED, "a planted credential is shown"
    ours = shown.get(scene.victim.credential)
    if ours is not None and ours.state == CredentialState.ACTIVE:
        assert (ours.origin, ours.version) == (ORIGIN, 2)
        assert ours.last_four == scene.victim.keys[2][-4:].decode()
    over = shown.get(scene.revoked)
    assert over is None or over.state in {CredentialState.REVOKED, CredentialState.DAMAGED}


def _receipt(vault: StillVault, scene: Attacked) -> None:
    subject = scene.erased.organization
    vault.ask(AskReceipts(organization=subject))
    answer = vault.ask(AskReceipt(receipt=scene.receipt, organization=subject))
    assert isinstance(answer, Erased)
    said, told = verify(answer.signed, key_of(vault.erasures.public_key())), scene.told
    assert told is not None
    assert (said.kind, said.subject, said.envelopes) == (told.kind, told.subject, told.envelopes)
    assert (said.ordered_at, said.erased_at, said.final_by) == (
        told.ordered_at,
        told.erased_at,
        told.final_by,
    )


def _pseudonym(vault: StillVault, scene: Attacked) -> None:
    told = vault.ask(AskPseudonym(**owner(scene.victim.at), subject="somebody"))
    assert isinstance(told, Pseudonym)
    assert told.value == scene.pseudonym, "the same person has another pseudonym"


def _administrators(vault: StillVault, scene: Attacked) -> None:
    counted = {key.passkey for each in vault.stores.administrators.whole() for key in each.passkeys}
    enrolled = {each.id for each in scene.passkeys.values()}
    assert counted <= enrolled, "a passkey that nobody enrolled counts"
    assert vault.stores.administrators.are_two, "one alone may change administrators"
    shown = {each.proposal: len(each.approved) for each in _proposals(vault).every()}
    vault.stores.administrators.every()
    if counted != enrolled or sorted(shown.values()) != [1, 2]:
        raise RefusedError(Refusal(code="people", message="not everything of them is believed"))


def _do_what_was_not_approved(vault: StillVault, _scene: Attacked) -> None:
    for action, subject in (NOT_APPROVED, DONE):
        with contextlib.suppress(NotApprovedError):
            _proposals(vault).require(action, subject)
            raise AssertionError("granted without two approvals")


def _end_it_all(vault: StillVault, scene: Attacked) -> None:
    """What ends things is done, or refused in words; and nothing of it opens after that."""
    victim, erased = scene.victim.at, scene.erased
    organization = Erase(
        kind=ErasureKind.ORGANIZATION, subject=erased.organization, organization=erased.organization
    )
    for end in (
        Revoke(**owner(erased), credential=scene.erased_credential),
        Revoke(**owner(victim), credential=scene.revoked),
        organization,
        Erase(kind=ErasureKind.APPLICATION, subject=victim.application, organization=victim.organization),
    ):
        with contextlib.suppress(RefusedError):
            vault.ask(end)
    for _piece in vault.erasures.pieces():
        pass
    with contextlib.suppress(RefusedError):
        listed = vault.ask(AskReceipts(organization=victim.organization))
        assert isinstance(listed, Receipts)
        assert None not in {each.erased_at for each in listed.items}, "an erasure that does not end"
    _open_what_is_over(vault, scene)


def _inspect(vault: StillVault, _scene: Attacked) -> None:
    Inspection(vault.config, vault.foundation).look("", "")


USES: dict[str, Callable[[StillVault, Attacked], None]] = {
    "open": _open,
    "open elsewhere": _open_elsewhere,
    "open what is over": _open_what_is_over,
    "look at a ticket": _look_at_ticket,
    "use a ticket again": _use_a_ticket_again,
    "list": _list,
    "receipt": _receipt,
    "pseudonym": _pseudonym,
    "inspect": _inspect,
    "audit": _audit,
    "counts": _counts,
    "administrators": _administrators,
    "do what was not approved": _do_what_was_not_approved,
    "ask for a ticket": _ask_for_a_ticket,
    "end it all": _end_it_all,
}
