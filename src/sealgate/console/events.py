"""Every line that the console may write to its log; never an e-mail, an address or free text."""

from __future__ import annotations

from sealgate.listening.certificates import TLS_EVENTS
from sealgate.log import Event, EventTable, Kind, Level

EVENTS: EventTable = {
    **TLS_EVENTS,
    "started": Event(
        Level.INFO,
        {"host": Kind.ID, "port": Kind.NUMBER, "url": Kind.ID, "instance": Kind.ID},
        "Ready for visitors and proxies.",
    ),
    "stopped": Event(Level.INFO, {}, "Drained and closed."),
    "migrated": Event(Level.INFO, {"revision": Kind.ID}, "The database has this form now."),
    "vault_connected": Event(Level.INFO, {}, "Keys can be deposited and revoked."),
    "vault_disconnected": Event(
        Level.WARNING, {}, "Pages go on; deposits and revocations wait for the vault. See the vault's log."
    ),
    "vault_refused": Event(Level.WARNING, {"code": Kind.ID}, "The vault refused what a page asked for."),
    "signed_in": Event(Level.INFO, {"user": Kind.ID}, "Somebody signed in."),
    "sign_in_refused": Event(Level.INFO, {"reason": Kind.ID}, "A sign-in failed or was throttled."),
    "invitation_accepted": Event(Level.INFO, {"user": Kind.ID}, "An invitation was used up."),
    "request_refused": Event(
        Level.INFO,
        {"reason": Kind.ID, "route": Kind.ID},
        "A request was turned away before it reached a page.",
    ),
    "request_failed": Event(
        Level.ERROR,
        {"kind": Kind.ID, "route": Kind.ID, "where": Kind.ID},
        "A page failed. `kind` and `where` name the error's type and the code; the visitor saw no details.",
    ),
    "task_failed": Event(
        Level.ERROR, {"kind": Kind.ID, "where": Kind.ID}, "Something in the background failed; a defect."
    ),
    "handover_failed": Event(
        Level.ERROR,
        {"kind": Kind.ID, "where": Kind.ID},
        "A key that was awaited could not be taken into use; it is tried again in a minute.",
    ),
    "erasure_waits": Event(
        Level.WARNING,
        {"kind": Kind.ID, "subject": Kind.ID},
        "The vault went away while something was being erased; it is asked again until it answers.",
    ),
    "destinations_failed": Event(
        Level.ERROR,
        {"kind": Kind.ID, "where": Kind.ID},
        "A change of where keys may go could not be written into the record; it is tried again in a minute.",
    ),
    "mail_sent": Event(
        Level.INFO, {"user": Kind.ID, "notices": Kind.NUMBER}, "An owner was told of changes by e-mail."
    ),
    "mail_failed": Event(
        Level.WARNING,
        {"user": Kind.ID, "reason": Kind.ID, "again_s": Kind.NUMBER},
        "The mail server did not take a letter of notices; it is tried again. Look at [mail] and its server.",
    ),
    "mailing_failed": Event(
        Level.ERROR,
        {"kind": Kind.ID, "where": Kind.ID},
        "What is to be sent could not be read or noted; it is tried again in half a minute.",
    ),
    "erasing_failed": Event(
        Level.ERROR,
        {"kind": Kind.ID, "where": Kind.ID},
        "What follows from an erasure could not be written here; it is tried again in five seconds.",
    ),
    "feed_failed": Event(
        Level.ERROR,
        {"kind": Kind.ID, "request": Kind.ID, "where": Kind.ID},
        "A proxy's request failed; it will ask again. Look at the disk and the database.",
    ),
    "swept": Event(
        Level.INFO,
        {"usage": Kind.NUMBER, "sign_ins": Kind.NUMBER, "invitations": Kind.NUMBER},
        "What was too old is deleted, by each organization's retention.",
    ),
    "usage_priced": Event(
        Level.INFO, {"rows": Kind.NUMBER, "table": Kind.PATH}, "Usage that had no price has one now."
    ),
    "audit_whole": Event(
        Level.INFO,
        {"entries": Kind.NUMBER, "head": Kind.ID},
        "The record of changes was checked. Keep `head` elsewhere: a later check can be held to it.",
    ),
    "audit_broken": Event(
        Level.ERROR,
        {"findings": Kind.NUMBER, "fault": Kind.ID},
        "The record of changes is not as the console wrote it. Run `sealgate console audit --check`.",
    ),
    "housekeeping_failed": Event(
        Level.ERROR,
        {"kind": Kind.ID, "where": Kind.ID},
        "Deleting what is too old, or what else is done daily, failed; it is tried again tomorrow.",
    ),
    "key_tested": Event(
        Level.INFO, {"application": Kind.ID, "result": Kind.ID}, "Somebody had a proxy test a key."
    ),
    "application_changed": Event(
        Level.INFO, {"application": Kind.ID, "change": Kind.ID, "cursor": Kind.NUMBER}, "Proxies are told."
    ),
    "usage_counted": Event(
        Level.DEBUG,
        {
            "proxy": Kind.ID,
            "epoch": Kind.ID,
            "records": Kind.NUMBER,
            "new": Kind.NUMBER,
            "through": Kind.NUMBER,
        },
        "A batch of usage is stored; `new` is less than `records` where a proxy sent something twice.",
    ),
}
