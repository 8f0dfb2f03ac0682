"""What Prometheus may know of a vault: counts and states; never whose.

Counterparts: `status`, which it shows, and `admin`. Labels come from our own tables alone (codes, events,
keepers, sockets): neither a client nor an edited database can make a series.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from sealgate.vault.keks import CURRENT
from sealgate.vault.status import OK, Counters, Status, Stored

PREFIX: Final = "sealgate_vault_"
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")

Sample = tuple[Mapping[str, str], float]
Family = tuple[str, str, str, list[Sample]]


def metrics_page(status: Status) -> bytes:
    """The text exposition format, version 0.0.4."""
    lines: list[str] = []
    for name, kind, meaning, samples in _families(status):
        lines += (f"# HELP {PREFIX}{name} {meaning}", f"# TYPE {PREFIX}{name} {kind}")
        lines += (_line(name, *sample) for sample in samples)
    return ("\n".join(lines) + "\n").encode()


def _families(status: Status) -> Iterator[Family]:
    yield from _counters(status.counters)
    yield from _states(status)
    yield from _audit(status)
    yield from _quotas(status)
    if status.stored is not None:
        yield from _rows(status.stored, status)
    yield _gauge("resident_memory_bytes", "Memory of the process.", _resident_bytes())
    open_files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    yield _gauge("open_files", "Open files and sockets of the process.", open_files)


def _counters(counters: Counters) -> Iterator[Family]:
    yield _counter("opens_total", "Keys opened for proxies.", counters.opens)
    yield _counter("deposits_total", "Keys that came in.", counters.deposits)
    yield _counter("tickets_issued_total", "Tickets that the console asked for.", counters.tickets_issued)
    yield _counter("erasures_total", "Erasures whose rows are destroyed.", counters.erasures)
    refused = {
        "open": counters.open_refusals,
        "ticket": counters.ticket_refusals,
        "deposit": counters.deposit_refusals,
        "desk": counters.desk_refusals,
        "operator": counters.operator_refusals,
    }
    samples: list[Sample] = [
        ({"of": name, "code": code}, number)
        for name, codes in refused.items()
        for code, number in codes.items()
    ]
    yield "refusals_total", "counter", "What was refused: of whom, and why.", samples
    faults: list[Sample] = [({"code": code}, number) for code, number in counters.kek_faults.items()]
    yield "kek_faults_total", "counter", "Times that a KEK's keeper did not do its part.", faults
    alarms: list[Sample] = [({"event": event}, number) for event, number in counters.alarms.items()]
    yield "alarms_total", "counter", "Changes of the vault's files from outside: look at once.", alarms


def _states(status: Status) -> Iterator[Family]:
    ready = status.readiness
    yield _gauge("ready", "1 if /readyz says so.", ready.ready)
    yield _gauge("database_usable", "1 if vault.db can be read.", ready.database == OK)
    yield _gauge("anchor_written", "1 if the anchor is up to date.", ready.anchor == OK)
    yield _gauge("kek_usable", "1 if the current KEK's keeper answers.", ready.kek == OK)
    yield _gauge("memory_locked", "1 if opened keys cannot reach swap.", status.memory_locked)
    yield _gauge("rows_damaged", "Rows that the last whole check found damaged.", status.checked.damaged)
    yield _gauge(
        "rows_checked_timestamp_seconds", "When that check ended; 0: not yet.", status.checked.ended_at
    )
    yield _gauge("disk_free_bytes", "Room on the disk of vault.db.", status.disk_free_bytes)
    connected: list[Sample] = [({"socket": each.socket}, each.count) for each in status.sockets]
    yield "connected", "gauge", "Processes that are connected, by socket.", connected
    current = next(each for each in status.kek.versions if each.state == CURRENT)
    age: list[Sample] = [({"keeper": current.keeper}, status.now - current.made_at)]
    yield "kek_age_seconds", "gauge", "Age of the current KEK.", age
    yield _gauge("kek_rewrapping", "1 while rows are being wrapped anew.", status.kek.rewrapping)


def _audit(status: Status) -> Iterator[Family]:
    audit = status.audit
    yield _gauge("audit_entries", "Entries of the audit.", audit.entries)
    yield _gauge("audit_waiting", "Entries that are not written yet.", audit.waiting)
    yield _gauge("audit_behind", "1 while the audit cannot be written.", audit.behind)
    counted = "Events that came too fast to be audited singly."
    yield _counter("audit_counted_total", counted, audit.counted)
    looked = "When the whole audit was looked through last; 0: not yet."
    yield _gauge("audit_checked_timestamp_seconds", looked, audit.checked_at)
    yield _gauge("audit_findings", "What that found and nobody accepted.", audit.findings)


def _quotas(status: Status) -> Iterator[Family]:
    """By system user: those that the configuration names, and no others."""
    by_uid = {str(each.uid): each for each in status.quotas}
    quota: list[Sample] = [({"uid": uid}, each.quota) for uid, each in by_uid.items()]
    yield "open_quota", "gauge", "Keys that proxies may have opened in a minute.", quota
    used: list[Sample] = [({"uid": uid}, each.used) for uid, each in by_uid.items()]
    yield "open_quota_used", "gauge", "Opens in this minute, within the quota.", used
    refused: list[Sample] = [({"uid": uid}, each.refused) for uid, each in by_uid.items()]
    yield "open_quota_refused", "gauge", "Opens in this minute beyond the quota, and refused.", refused


def _rows(stored: Stored, status: Status) -> Iterator[Family]:
    yield _gauge("kek_rows_left", "Rows that another KEK than the current one wraps.", status.kek.left)
    yield _gauge("organizations", "Organizations that have sealing keys.", stored.organizations)
    credentials: list[Sample] = [
        ({"state": "active"}, stored.credentials_active),
        ({"state": "revoked"}, stored.credentials_revoked),
    ]
    yield "credentials", "gauge", "Credentials by state.", credentials
    yield _gauge("sealing_pairs", "Sealing key pairs that are held.", stored.sealing_pairs)


def _counter(name: str, meaning: str, value: float) -> Family:
    return name, "counter", meaning, [({}, value)]


def _gauge(name: str, meaning: str, value: float) -> Family:
    return name, "gauge", meaning, [({}, value)]


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    number = int(value) if isinstance(value, bool) else value
    shown = ",".join(f'{label}="{text}"' for label, text in labels.items())
    return f"{PREFIX}{name}{{{shown}}} {number}" if shown else f"{PREFIX}{name} {number}"
