"""Every line that the vault may write to its log: ids, codes and counts, never a key, a ticket or an address.

Events named `alarm_…` mean that somebody changed the vault's files: look at once.
"""

from __future__ import annotations

from sealgate.listening.certificates import TLS_EVENTS
from sealgate.log import Event, EventTable, Kind, Level

_CREDENTIAL = {"organization": Kind.ID, "application": Kind.ID, "credential": Kind.ID, "version": Kind.NUMBER}
_PASSKEY = {
    "administrator": Kind.ID,
    "organization": Kind.ID,
    "passkey": Kind.ID,
    "passkeys": Kind.NUMBER,
}

EVENTS: EventTable = {
    **TLS_EVENTS,
    "started": Event(
        Level.INFO,
        {"host": Kind.ID, "port": Kind.NUMBER, "admin": Kind.ID, "kek": Kind.ID, "instance": Kind.ID},
        "Ready for proxies, console and browsers.",
    ),
    "stopped": Event(Level.INFO, {}, "Closed; nothing is half done."),
    "refused_to_start": Event(
        Level.ERROR, {"code": Kind.ID}, "The message with its hint is on standard error."
    ),
    "kek_made": Event(
        Level.WARNING,
        {"path": Kind.PATH, "kek": Kind.ID, "advice": Kind.ID},
        "First start. Back this file up now, to another place than vault.db: without it no key can be opened,"
        " and whoever has both can open all.",
    ),
    "kek_rotated": Event(
        Level.WARNING,
        {"kek": Kind.ID, "before": Kind.ID, "path": Kind.PATH},
        "Another KEK is current now. Back it up apart from vault.db, as the first one; keep the one before"
        " until nothing is wrapped by it and no backup needs it.",
    ),
    "kek_rewrapping": Event(
        Level.INFO, {"kek": Kind.ID, "rows": Kind.NUMBER}, "So many rows are being wrapped anew, bit by bit."
    ),
    "kek_rewrapped": Event(
        Level.INFO,
        {"kek": Kind.ID, "rows": Kind.NUMBER, "left": Kind.NUMBER},
        "Done. `left` rows could not be: they do not verify, or their KEK did not unwrap them.",
    ),
    "kek_rewrapping_paused": Event(
        Level.WARNING,
        {"error": Kind.ID},
        "A KEK's keeper or the disk did not do its part; it is tried again by itself. Nothing is lost.",
    ),
    "kek_unavailable": Event(
        Level.ERROR,
        {"kek": Kind.ID, "code": Kind.ID},
        "The KEK's keeper (token, KMS, Transit) does not answer or refuses. Keys that are open go on; new"
        " organizations, and keys not opened since the start, wait.",
    ),
    "kek_destroying": Event(
        Level.WARNING,
        {"kek": Kind.ID, "proposal": Kind.ID},
        "Approved: this KEK's key is being destroyed.",
    ),
    "kek_destroyed": Event(
        Level.WARNING, {"kek": Kind.ID}, "What only this KEK wrapped, such as old backups, opens no more."
    ),
    "operator_asked": Event(
        Level.INFO, {"operation": Kind.ID, "uid": Kind.NUMBER}, "A command over the operator's socket."
    ),
    "operator_refused": Event(
        Level.WARNING,
        {"code": Kind.ID, "operation": Kind.ID, "uid": Kind.NUMBER},
        "A command over the operator's socket was not done.",
    ),
    "peer_refused": Event(
        Level.WARNING,
        {"socket": Kind.ID, "code": Kind.ID, "uid": Kind.NUMBER},
        "Somebody connected to a socket of the vault's who may not, or who was not understood.",
    ),
    "audit_behind": Event(
        Level.ERROR,
        {"error": Kind.ID, "waiting": Kind.NUMBER},
        "The audit cannot be written (disk full?). It waits in memory, up to 10,000 entries; the rest is"
        " counted. Everything else goes on.",
    ),
    "audit_counted": Event(
        Level.WARNING,
        {"of": Kind.ID, "code": Kind.ID, "uid": Kind.NUMBER, "count": Kind.NUMBER},
        "So many events of a kind came too fast from one system user (-1: from nobody in particular) to be"
        " audited singly; the log has each.",
    ),
    "audit_accepted": Event(
        Level.WARNING,
        {"code": Kind.ID, "number": Kind.NUMBER, "until": Kind.NUMBER, "uid": Kind.NUMBER},
        "An operator took a finding of the audit's check for explained.",
    ),
    "alarm_audit": Event(
        Level.ERROR,
        {"code": Kind.ID, "number": Kind.NUMBER, "count": Kind.NUMBER},
        "Somebody changed the audit or its head: `sealgate vault audit --check` says where.",
    ),
    "plain_http_allowed": Event(
        Level.WARNING,
        {"origin": Kind.ID},
        "DANGEROUS: dangerously_allow_plain_http_to_loopback is set, and this destination gets keys in the"
        " clear. Never bind a key of worth to it.",
    ),
    "memory_not_locked": Event(
        Level.WARNING, {}, "The system refused mlock: an opened key could reach swap. Raise RLIMIT_MEMLOCK."
    ),
    "proxy_variable_ignored": Event(
        Level.WARNING, {"name": Kind.ID}, "The vault connects to nobody; unset the variable."
    ),
    "ticket_issued": Event(
        Level.INFO, {**_CREDENTIAL, "origin": Kind.ID}, "The console asked for a deposit."
    ),
    "ticket_refused": Event(
        Level.WARNING,
        {
            "code": Kind.ID,
            "credential": Kind.ID,
            "organization": Kind.ID,
            "application": Kind.ID,
        },
        "A browser brought a ticket that does not count: unknown, used, expired, outdated or damaged.",
    ),
    "deposited": Event(
        Level.INFO,
        {**_CREDENTIAL, "replaced": Kind.FLAG, "staged": Kind.FLAG, "told": Kind.NUMBER},
        "A key came in: in use at once, or staged.",
    ),
    "deposit_refused": Event(
        Level.WARNING,
        {**_CREDENTIAL, "code": Kind.ID},
        "An envelope did not open for the ticket's purpose, or held no possible key. The ticket stays good.",
    ),
    "versions_changed": Event(
        Level.INFO,
        {**_CREDENTIAL, "told": Kind.NUMBER},
        "The console switched, rolled back or discarded; `version` is the one in use now.",
    ),
    "sealing_keys_rotated": Event(
        Level.INFO,
        {"organization": Kind.ID, "epoch": Kind.NUMBER},
        "New deposits are sealed to new keys, with another fingerprint; what is stored follows bit by bit.",
    ),
    "sealing_keys_destroyed": Event(
        Level.INFO,
        {"organization": Kind.ID, "epoch": Kind.NUMBER},
        "Nothing was sealed to this epoch's keys any more, so both halves are gone.",
    ),
    "sealing_keys_kept": Event(
        Level.WARNING,
        {"organization": Kind.ID, "epoch": Kind.NUMBER, "rows": Kind.NUMBER},
        "Rows that do not verify or open are sealed to this old epoch, so its keys are kept. Restore them, or"
        " revoke those credentials.",
    ),
    "reseal_failed": Event(
        Level.WARNING,
        {"error": Kind.ID, "credential": Kind.ID},
        "The key was opened and served, but could not be sealed to the newest keys; it is tried again.",
    ),
    "revoked": Event(Level.INFO, {**_CREDENTIAL, "told": Kind.NUMBER}, "The envelopes are destroyed."),
    "erasing": Event(
        Level.WARNING,
        {"receipt": Kind.ID, "kind": Kind.ID, "subject": Kind.ID, "told": Kind.NUMBER},
        "An erasure began: nothing of this opens any more, and proxies were told.",
    ),
    "erased": Event(
        Level.WARNING,
        {"receipt": Kind.ID, "kind": Kind.ID, "subject": Kind.ID},
        "Every row of it is destroyed, in the write-ahead log too. Backups are a matter of the KEK: see the"
        " receipt.",
    ),
    "erasure_unsealable": Event(
        Level.INFO,
        {"receipt": Kind.ID},
        "No sealing key is left that what was erased was sealed to. A KEK made from now on cannot open it.",
    ),
    "erasure_spared": Event(
        Level.ERROR,
        {"receipt": Kind.ID, "credential": Kind.ID},
        "A row that was edited named what is erased, and the audit knows its key as somebody else's: it stays"
        " as it is, and opens nothing. Somebody writes into vault.db: restore it.",
    ),
    "erasure_paused": Event(
        Level.WARNING,
        {"error": Kind.ID},
        "An erasure met a full disk, a backup being taken or a damaged row. It is refused already, and gone"
        " on with by itself.",
    ),
    "erasure_due": Event(
        Level.WARNING,
        {"receipt": Kind.ID, "days": Kind.NUMBER},
        "In so many days (below zero: since then) this erasure should be final and is not: `sealgate vault"
        " receipts` says what it waits for.",
    ),
    "administrator_invited": Event(
        Level.WARNING,
        {"administrator": Kind.ID, "organization": Kind.ID},
        "A link was made with which one passkey is enrolled; without organization: for the whole vault.",
    ),
    "administrator_removed": Event(
        Level.WARNING, {"administrator": Kind.ID}, "No passkey of this administrator counts any more."
    ),
    "passkey_enrolled": Event(
        Level.WARNING, _PASSKEY, "From now on this passkey approves. Does its administrator know of it?"
    ),
    "passkey_removed": Event(Level.WARNING, _PASSKEY, "This passkey counts no more."),
    "invitation_refused": Event(
        Level.WARNING,
        {"code": Kind.ID, "administrator": Kind.ID},
        "A browser brought an invitation that does not count: unknown, used, expired, damaged, or made"
        " without approval before two administrators were there.",
    ),
    "passkey_refused": Event(
        Level.WARNING,
        {"code": Kind.ID, "administrator": Kind.ID, "passkey": Kind.ID},
        "An enrolment or approval does not verify; nothing was done. `counter_behind`: the passkey may have"
        " been copied.",
    ),
    "deposit_approved": Event(
        Level.INFO, {**_CREDENTIAL, "administrator": Kind.ID}, "The deposit before it, and who approved it."
    ),
    "proposed": Event(
        Level.WARNING,
        {"proposal": Kind.ID, "action": Kind.ID},
        "An operator wants what two administrators must approve.",
    ),
    "approved": Event(
        Level.WARNING,
        {
            "proposal": Kind.ID,
            "action": Kind.ID,
            "administrator": Kind.ID,
            "approvals": Kind.NUMBER,
        },
        "An administrator approved a proposal with a passkey.",
    ),
    "open_refused": Event(
        Level.WARNING,
        {
            "code": Kind.ID,
            "cause": Kind.ID,
            "operation": Kind.ID,
            "organization": Kind.ID,
            "application": Kind.ID,
            "credential": Kind.ID,
            "proxy": Kind.ID,
            "uid": Kind.NUMBER,
        },
        "A proxy asked for what it may not have. `cause` says more than the proxy was told.",
    ),
    "opens_over_quota": Event(
        Level.WARNING,
        {"uid": Kind.NUMBER, "proxy": Kind.ID, "count": Kind.NUMBER, "quota": Kind.NUMBER},
        "In one minute the proxies of this system user asked for so many keys beyond `quota`, and did not get"
        " them. Taken over, or the quota is too small: `sealgate vault opens` shows what they opened.",
    ),
    "desk_refused": Event(
        Level.WARNING,
        {
            "code": Kind.ID,
            "operation": Kind.ID,
            "organization": Kind.ID,
            "application": Kind.ID,
            "credential": Kind.ID,
            "uid": Kind.NUMBER,
        },
        "The console asked for what it may not have, or for nonsense.",
    ),
    "alarm_row": Event(
        Level.ERROR,
        {"table": Kind.ID, "subject": Kind.ID},
        "A row of vault.db was edited, planted, removed or restored outside the vault. It is refused.",
    ),
    "waymark_refused": Event(
        Level.WARNING,
        {"proxy": Kind.ID, "uid": Kind.NUMBER},
        "A proxy showed a waymark that this vault never wrote. It counts for nothing; look at that proxy.",
    ),
    "rows_checked": Event(
        Level.INFO,
        {"rows": Kind.NUMBER, "damaged": Kind.NUMBER},
        "Every row was looked at. For damaged ones see the alarms, and `sealgate vault check`.",
    ),
    "alarm_rollback": Event(
        Level.ERROR,
        {"witnessed": Kind.NUMBER, "found": Kind.NUMBER},
        "vault.db and its anchor do not belong together, or both are old copies and a proxy remembers. The"
        " vault does not start, or opens nothing more: see `sealgate vault restore`.",
    ),
    "restored": Event(
        Level.WARNING,
        {"accepted": Kind.NUMBER, "number": Kind.NUMBER},
        "A restore ceremony accepted vault.db as of the first change; its history goes on at the second.",
    ),
    "witness_behind": Event(
        Level.ERROR,
        {"number": Kind.NUMBER},
        "The anchor file could not be written (disk full?). No change is accepted until it can be.",
    ),
    "anchor_shortened": Event(
        Level.INFO,
        {"number": Kind.NUMBER},
        "The anchor's old lines gave way to a summary of where everything stood at this change.",
    ),
    "database_failed": Event(
        Level.ERROR, {"error": Kind.ID, "operation": Kind.ID}, "Disk full, locked or broken."
    ),
    "page_refused": Event(
        Level.WARNING,
        {"code": Kind.ID, "page": Kind.ID},
        "A browser posted what the sealing page never would. Wrong tickets are `ticket_refused`.",
    ),
    "page_failed": Event(
        Level.ERROR, {"error": Kind.ID, "page": Kind.ID}, "A page ended in an unexpected error."
    ),
    "loop_failed": Event(Level.ERROR, {"error": Kind.ID}, "Something failed outside any request."),
}
