"""What the proxy may write to its log: one literal table, without content and without addresses.

Counterpart: `sealgate.log`, which refuses every other event and field. Requests are not logged one by one:
their outcomes are counted and go to the console.
"""

# ruff: noqa: E501 - a table reads better with one row per line

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sealgate.listening.certificates import TLS_EVENTS
from sealgate.log import Event, Kind, Level

_ID, _NUMBER, _PATH, _FLAG = Kind.ID, Kind.NUMBER, Kind.PATH, Kind.FLAG

EVENTS: Final[Mapping[str, Event]] = {
    **TLS_EVENTS,
    "started": Event(Level.INFO, {"host": _ID, "port": _NUMBER, "admin": _ID, "instance": _ID, "epoch": _ID}, "It serves."),
    "draining": Event(Level.INFO, {"exchanges": _NUMBER}, "It takes no new connections, answers those that are there, and lets what runs end."),
    "stopped": Event(Level.INFO, {"cut": _NUMBER}, "It ended; `cut` exchanges were still running."),
    "proxy_variables_ignored": Event(Level.WARNING, {"variable": _ID}, "The environment never decides which way a key goes; unset the variable, or set `egress.proxy`."),
    "egress_proxy_used": Event(Level.INFO, {"host": _ID, "port": _NUMBER}, "Connections to providers go through this proxy; it sees their names and nothing else."),
    "plain_http_allowed": Event(Level.WARNING, {}, "DANGEROUS outside tests: keys for http:// destinations on this machine travel unencrypted."),
    "wire_shown": Event(Level.WARNING, {}, "`--debug-wire`: lines on standard error tell sizes and moments of what people are answered, and no content. For a test."),
    "slots_not_locked": Event(Level.WARNING, {}, "Keys may reach swap; raise the memory-lock limit."),
    "vault_connected": Event(Level.INFO, {}, "Keys can be opened."),
    "waymark_refused": Event(Level.ERROR, {"code": _ID}, "The vault's files are an old copy, or this proxy's memory of it is not of this vault."),
    "waymark_not_saved": Event(Level.ERROR, {"errno": _NUMBER}, "What this proxy remembers of the vault could not be written."),
    "vault_lost": Event(Level.WARNING, {"held": _NUMBER}, "Keys that are held serve until their leases end; start the vault."),
    "vault_refused_hello": Event(Level.ERROR, {"code": _ID}, "The vault does not talk to this proxy; compare release and instance."),
    "console_connected": Event(Level.INFO, {}, "Settings follow at once and usage is delivered."),
    "console_lost": Event(Level.WARNING, {"known": _NUMBER}, "Known applications are served for up to a day; start the console."),
    "console_refused_hello": Event(Level.ERROR, {"code": _ID}, "The console does not talk to this proxy; compare release and instance."),
    "credential_dropped": Event(Level.INFO, {"credential": _ID, "event": _ID, "cut": _NUMBER}, "The vault said that it changed."),
    "credential_refused": Event(Level.WARNING, {"credential": _ID, "code": _ID}, "The vault does not open it."),
    "key_probed": Event(Level.INFO, {"credential": _ID, "version": _NUMBER, "result": _ID, "status": _NUMBER, "duration_ms": _NUMBER}, "The console had this key tested; version 0 is the active one."),
    "application_damaged": Event(Level.ERROR, {"application": _ID, "code": _ID}, "Its document cannot be read; save it again in the console."),
    "snapshot_loaded": Event(Level.INFO, {"applications": _NUMBER, "age_s": _NUMBER}, "Applications known from before."),
    "snapshot_refused": Event(Level.WARNING, {"path": _PATH, "code": _ID}, "The file is not usable and is ignored."),
    "snapshot_failed": Event(Level.ERROR, {"path": _PATH, "errno": _NUMBER}, "A restart without the console would know less; free disk space."),
    "checkpoint_loaded": Event(Level.INFO, {"counters": _NUMBER}, "What budgets had used when the last run ended; the journal adds what came after."),
    "checkpoint_refused": Event(Level.ERROR, {"path": _PATH, "code": _ID}, "The file is not usable: budgets count what the journal still has, and nothing before it."),
    "checkpoint_failed": Event(Level.ERROR, {"path": _PATH, "errno": _NUMBER}, "Budgets could not be saved; the journal keeps what is needed to count them again. Free disk space."),
    "journal_recovered": Event(Level.INFO, {"epochs": _NUMBER, "settled": _NUMBER, "lost": _NUMBER}, "Exchanges of an earlier run; `lost` were running when it died."),
    "journal_damaged": Event(Level.ERROR, {"path": _PATH, "offset": _NUMBER}, "A segment ends in bytes that are no record; what follows is not counted."),
    "journal_filling": Event(Level.WARNING, {"segments": _NUMBER, "most": _NUMBER}, "Half of `proxy.journal_limit_mib` waits for the console: see whether it runs and has a processor to run on, before new requests have to be refused."),
    "journal_full": Event(Level.ERROR, {"errno": _NUMBER, "segments": _NUMBER}, "No room for the next segment: requests are refused until there is."),
    "journal_room": Event(Level.INFO, {"segments": _NUMBER}, "There is room again."),
    "limit_store_connected": Event(Level.INFO, {"owed": _NUMBER}, "Limits and budgets are counted with other processes; `owed` counts what goes there first."),
    "limit_store_lost": Event(Level.ERROR, {"store": _ID, "code": _ID}, "The limit store does not answer: each limit does what was declared for it (`limits.*_while_away`). Start it; nothing else is needed."),
    "limit_store_emptied": Event(Level.ERROR, {}, "The limit store lost what it had counted; each process told it anew what it knows."),
    "telemetry_lost": Event(Level.WARNING, {"collector": _ID, "code": _ID}, "The collector does not take traces and metrics: look at it and at `[telemetry]`. Requests go on; what does not fit is dropped and counted."),
    "telemetry_delivered": Event(Level.INFO, {"dropped": _NUMBER}, "It takes them again; so many exchanges were dropped since the start."),
    "usage_refused": Event(Level.ERROR, {"code": _ID}, "The console does not take usage; it is kept."),
    "upstream_refused": Event(Level.WARNING, {"application": _ID, "code": _ID, "status": _NUMBER, "request": _ID}, "The provider did not do what was asked."),
    "key_echoed": Event(Level.ERROR, {"application": _ID, "request": _ID}, "The provider's answer held the application's key; it did not pass. Ask the provider why, and replace the key."),
    "try_failed": Event(Level.INFO, {"application": _ID, "credential": _ID, "code": _ID, "request": _ID}, "A request goes to another source, or again to this one: nothing had gone down."),
    "breaker_opened": Event(Level.WARNING, {"credential": _ID, "code": _ID, "rest_s": _NUMBER}, "A credential, or one model at it, failed at its provider several times in a row and is left alone for so long."),
    "breaker_closed": Event(Level.INFO, {"credential": _ID}, "It works again."),
    "upstream_failed": Event(Level.WARNING, {"application": _ID, "code": _ID, "request": _ID}, "No whole answer came from the provider."),
    "journal_unwritten": Event(Level.ERROR, {"errno": _NUMBER}, "The end of an exchange found no room: requests are refused until it is written; free disk space."),
    "journal_not_flushed": Event(Level.ERROR, {"errno": _NUMBER}, "The disk does not take the journal: a crash of the machine now would lose usage; look at the disk."),
    "loop_fault": Event(Level.ERROR, {"error": _ID, "place": _ID}, "A fault of the proxy itself, outside a request; report it."),
    "exchange_broken": Event(Level.ERROR, {"error": _ID, "place": _ID, "request": _ID}, "A fault of the proxy itself ended a request; report it."),
}  # fmt: skip
