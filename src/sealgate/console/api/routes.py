"""Every way of the management API: the one literal table.

The door, the OpenAPI document and the tests are driven by it. A way without a scope is open to everybody, and
says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Final

from msgspec import Struct

from sealgate.console.api import addon, applications, erasures, records, versions
from sealgate.console.api import bodies as b
from sealgate.console.api.call import Call, Reply
from sealgate.console.api.tokens import Scope

ROOT = "/api/v1"
DOCUMENT = f"{ROOT}/openapi.json"

Answering = Callable[[Call], Awaitable[Reply]]


class Query(Enum):
    """Query parameters; a way refuses those that it does not name."""

    CURSOR = ("cursor", "string", "`next` of the page before.")
    LIMIT = ("limit", "integer", "Rows of a page, 1 to 100.")
    APPLICATION = ("application", "string", "Only this application: its id or external name.")
    PLAN = ("plan", "boolean", "`true`: answer what it would be and change nothing.")


class Way(Struct, frozen=True):
    """One row of the table."""

    method: str
    path: str
    answer: Answering
    needs: Scope
    gives: type[Struct]
    words: str
    takes: type[Struct] | None = None
    query: tuple[Query, ...] = ()
    status: int = 200
    conditional: bool = False
    """True: `If-Match` and `If-None-Match` are heeded."""
    vault: bool = False
    """True: asks the vault, so it may answer `vault_away` or `vault_refused`."""


S, Q = Scope, Query
APP: Final = f"{ROOT}/applications/{{application}}"
PAGED: Final = (Q.CURSOR, Q.LIMIT)

WAYS: Final[Sequence[Way]] = (
    Way("GET", f"{ROOT}/status", records.status, S.READ, b.StatusView, "Versions, and who is connected."),
    Way("GET", f"{ROOT}/organization", applications.organization, S.READ, b.OrganizationView,
        "The organization that the token belongs to."),
    Way("GET", f"{ROOT}/organization/budgets", applications.budgets, S.READ, b.OrganizationBudgets,
        "What all applications may use together."),
    Way("PUT", f"{ROOT}/organization/budgets", applications.put_budgets, S.WRITE, b.OrganizationBudgets,
        "Make these the organization's budgets.", b.OrganizationBudgets),
    Way("GET", f"{ROOT}/applications", applications.index, S.READ, b.ApplicationList,
        "Every application.", query=PAGED),
    Way("GET", APP, applications.show, S.READ, b.ApplicationView, "One application whole."),
    Way("PUT", APP, applications.put, S.WRITE, b.ApplicationView,
        "Make an application what the body says; a new external name makes a new one (201).",
        b.ApplicationWanted, query=(Q.PLAN,), conditional=True),
    Way("PATCH", APP, applications.patch, S.WRITE, b.ApplicationView,
        "Change what is given.", b.ApplicationChange, conditional=True),
    Way("GET", f"{APP}/origins", applications.origins, S.READ, b.OriginsBody, "Its browser origins."),
    Way("PUT", f"{APP}/origins", applications.put_origins, S.WRITE, b.OriginsBody,
        "Make these its browser origins.", b.OriginsBody, conditional=True),
    Way("GET", f"{APP}/session-keys", applications.session_keys, S.READ, b.SessionKeyList,
        "Its session keys, revoked ones too."),
    Way("POST", f"{APP}/session-keys", applications.add_session_key, S.WRITE, b.SessionKeyView,
        "Register the public half of a session key.", b.SessionKeyWanted, status=201, conditional=True),
    Way("DELETE", f"{APP}/session-keys/{{kid}}", applications.revoke_session_key, S.WRITE, b.SessionKeyView,
        "Stop believing what a session key signs."),
    Way("GET", f"{ROOT}/destinations", addon.destinations, S.READ, b.DestinationList,
        "Where keys may go, by the vault's word.", vault=True),
    Way("GET", f"{APP}/add-on", addon.show, S.READ, b.AddonView,
        "State of the add-on and its credentials, masked.", vault=True),
    Way("PUT", f"{APP}/add-on/active", addon.set_active, S.WRITE, b.AddonView,
        "Let requests through, or refuse them; the key stays.", b.ActiveBody, vault=True),
    Way("POST", f"{APP}/add-on/tickets", addon.take_ticket, S.KEYS, b.TicketView,
        "Take a ticket to deposit a key with.", b.TicketWanted, status=201, vault=True),
    Way("POST", f"{APP}/add-on/settle", addon.settle, S.KEYS, b.AddonView,
        "Use a key that was deposited for another destination, if one waits.", vault=True),
    Way("POST", f"{APP}/add-on/switch", versions.switch, S.KEYS, b.AddonView,
        "Use the staged version from now on.", b.VersionNamed, vault=True),
    Way("POST", f"{APP}/add-on/roll-back", versions.roll_back, S.KEYS, b.AddonView,
        "Use the previous version again.", b.VersionNamed, vault=True),
    Way("POST", f"{APP}/add-on/discard", versions.discard, S.KEYS, b.AddonView,
        "Have the vault destroy a staged or a previous version.", b.VersionNamed, vault=True),
    Way("POST", f"{APP}/add-on/revoke", addon.revoke, S.KEYS, b.RevokedView,
        "Have the vault destroy a key at once.", b.CredentialNamed, vault=True),
    Way("POST", f"{APP}/add-on/erase", erasures.erase_credential, S.ERASE, b.ErasureView,
        "Have everything of a credential destroyed for good.", b.EraseCredentialWanted, vault=True),
    Way("POST", f"{APP}/erase", erasures.erase_application, S.ERASE, b.ErasureView,
        "Have everything of an application destroyed for good.", b.EraseWanted, vault=True),
    Way("POST", f"{ROOT}/organization/erase", erasures.erase_organization, S.ERASE, b.ErasureView,
        "Have everything of the organization destroyed for good.", b.EraseWanted, vault=True),
    Way("GET", f"{ROOT}/erasures", erasures.index, S.READ, b.ErasureList,
        "Every erasure, and how far it is from being final."),
    Way("GET", f"{ROOT}/erasures/{{receipt}}", erasures.show, S.READ, b.ReceiptView,
        "One erasure with its receipt, signed as things stand now.", vault=True),
    Way("GET", f"{ROOT}/usage", records.usage, S.USAGE, b.UsageList,
        "Settled exchanges, the last counted first.", query=(Q.APPLICATION, *PAGED)),
    Way("GET", f"{ROOT}/usage/totals", records.totals, S.USAGE, b.UsageTotalsView,
        "Sums over everything that is kept.", query=(Q.APPLICATION,)),
    Way("GET", f"{ROOT}/audit", records.changes, S.READ, b.ChangeList,
        "The record of changes, the newest first.", query=(Q.APPLICATION, *PAGED)),
)  # fmt: skip
