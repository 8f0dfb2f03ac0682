"""The page for operators, as HTML without a script: what stands in `status`, in words.

Counterparts: `admin`, which serves it, and web/status, whose style sheet it wears. Whatever comes from the
database or from another process goes through `_text`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from urllib.parse import quote

from sealgate.vault.audit import AuditState
from sealgate.vault.keks import CURRENT, DESTROYING
from sealgate.vault.quotas import QuotaState
from sealgate.vault.status import (
    OK,
    Counters,
    KekRingState,
    KekState,
    OrganizationKeys,
    Organizations,
    Pair,
    Readiness,
    Status,
    Stored,
)

_MIB = 1_048_576
_WORDS = {
    "ok": "ok",
    "behind": "cannot be written",
    "unusable": "cannot be read",
    "damaged": "damaged",
    "no_answer": "no answer yet",
    "gone": "key destroyed",
}


def page(status: Status, found: Organizations, only: str, after: str) -> str:
    """The whole page; `only` and `after` are what was asked for."""
    body = (
        _front(status),
        _section("The KEK", _keks(status.kek, status.now)),
        _section("Who is connected", _sockets(status)),
        _section("Quotas", _quotas(status.quotas)),
        _section("Since the start", _counted(status.counters)),
        _section("Audit", _audit(status.audit)),
        _section("In the database", _stored(status.stored) + _looked_through(status)),
        _section("Sealing keys", _listing(found, only, after, status.now)),
    )
    return _frame(status.instance, "".join(body))


def _frame(instance: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex">'
        "<title>Vault · Sealgate</title>"
        '<link rel="icon" type="image/svg+xml" href="/assets/seal.svg">'
        '<link rel="stylesheet" href="/assets/status.css"></head><body>'
        '<header class="brand"><img src="/assets/seal.svg" alt="" width="32" height="32">'
        '<span class="name">Sealgate</span> <span class="part">Vault, for operators</span>'
        '<nav aria-label="The same for machines"><a href="/status.json">JSON</a>'
        '<a href="/metrics">Metrics</a><a href="/readyz">Ready?</a></nav></header>'
        f"<main>{body}</main>"
        f'<footer class="aside">Instance {_code(instance)}. Nothing here is secret, and nothing here changes'
        " anything: that is for the commands <code>sealgate kek</code> and <code>sealgate vault</code>."
        "</footer></body></html>"
    )


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>"


def _front(status: Status) -> str:
    ready = status.readiness
    words = _state("ready", "good") if ready.ready else _state("not ready", "bad")
    facts = (
        ("Database", _health(ready.database)),
        ("Anchor", _health(ready.anchor)),
        ("KEK", _health(ready.kek)),
        ("Memory of opened keys", _state(*_LOCKED[status.memory_locked])),
        ("Running for", _age(status.now - status.started_at)),
        ("Release", _text(status.release)),
        ("Room on its disk", f"{status.disk_free_bytes // _MIB:,} MiB"),
        ("As of", _moment(status.now)),
    )
    return f"<h1>Vault {words}</h1>{_faults(ready)}{_facts(facts)}"


_LOCKED = {True: ("locked", "good"), False: ("not locked: raise RLIMIT_MEMLOCK", "warn")}
_FAULTS = {
    "database": "vault.db does not answer as it should. Look for alarms in the vault's log, and at its disk.",
    "anchor": "The anchor cannot be written, so no change is accepted. Is the disk full?",
    "kek": (
        "The KEK's keeper does not answer, or refuses. Keys that are open go on; new organizations, and keys"
        " not opened since the start, wait. Look at the keeper and at the settings under [kek]."
    ),
}


def _faults(ready: Readiness) -> str:
    return "".join(f"<p>{text}</p>" for name, text in _FAULTS.items() if getattr(ready, name) != OK)


def _keks(ring: KekRingState, now_s: float) -> str:
    words = "Every row is wrapped by the current one."
    if ring.left:
        words = f"{ring.left:,} rows are still wrapped by another than the current one."
    if ring.rewrapping:
        words += " They are being wrapped anew now."
    if ring.fault:
        words += f" The last try ended with {_text(ring.fault)}; it is repeated by itself."
    names = ("Version", "Keeper", "State", "Health", "Age", "*Rows")
    rows = [_kek(each, now_s) for each in ring.versions]
    return f"<p>{words}</p>" + _table("KEK versions, the oldest first", names, rows)


def _kek(kek: KekState, now_s: float) -> Sequence[str]:
    kind = {CURRENT: "good", DESTROYING: "warn"}.get(kek.state, "plain")
    state = _state(kek.state, kind)
    if kek.destroyed_at is not None:
        state += f" {'final since' if kek.destroyed_at <= now_s else 'final on'} {_moment(kek.destroyed_at)}"
    age = _age(now_s - kek.made_at)
    return (_code(kek.version), _text(kek.keeper), state, _health(kek.health), age, f"{kek.rows:,}")


def _sockets(status: Status) -> str:
    rows = [
        (_text(each.socket), f"{each.count:,}", _peers(each.peers, each.count)) for each in status.sockets
    ]
    return _table("Processes on this machine's sockets", ("Who", "*Connected", "Names"), rows)


def _quotas(quotas: Sequence[QuotaState]) -> str:
    names = ("System user", "Name", "Whose keys", "*A minute", "*Used", "*Refused")
    rows = [
        (
            str(each.uid),
            _text(each.name) or '<span class="aside">none given</span>',
            f"of {each.organizations:,} on its list" if each.organizations else "everybody’s",
            f"{each.quota:,}",
            f"{each.used:,}",
            _state(f"{each.refused:,}", "bad") if each.refused else "0",
        )
        for each in quotas
    ]
    return _table("Keys that proxies may have opened, and this minute", names, rows)


def _audit(audit: AuditState) -> str:
    waiting = _state(f"{audit.waiting:,}: the disk is full?", "bad") if audit.behind else f"{audit.waiting:,}"
    when = _moment(audit.checked_at) if audit.checked_at else "not once since the start"
    found = _state("nothing", "good") if audit.checked_at else "not known yet"
    if audit.findings:
        found = _state(f"{audit.findings:,}: sealgate vault audit --check names them", "bad")
    facts = (
        ("Entries", f"{audit.entries:,}"),
        ("Waiting to be written", waiting),
        ("Counted, not written singly", f"{audit.counted:,}"),
        ("Looked through", when),
        ("Found", found),
    )
    return _facts(facts)


def _peers(peers: Sequence[str], count: int) -> str:
    if not peers:
        return '<span class="aside">nobody</span>'
    more = f" and {count - len(peers):,} more" if count > len(peers) else ""
    return " ".join(_code(each) for each in peers) + more


def _counted(counters: Counters) -> str:
    alarms = sum(counters.alarms.values())
    rows = [
        ("Keys opened for proxies", f"{counters.opens:,}", ""),
        ("Opens refused", *_refused(counters.open_refusals)),
        ("Tickets issued", f"{counters.tickets_issued:,}", ""),
        ("Tickets refused", *_refused(counters.ticket_refusals)),
        ("Keys deposited", f"{counters.deposits:,}", ""),
        ("Deposits refused", *_refused(counters.deposit_refusals)),
        ("Erasures", f"{counters.erasures:,}", ""),
        ("The console refused", *_refused(counters.desk_refusals)),
        ("Operators refused", *_refused(counters.operator_refusals)),
        ("KEK not usable", *_refused(counters.kek_faults)),
        (
            "Alarms",
            f"{alarms:,}",
            _state("look into the log now", "bad") + " " + _refused(counters.alarms)[1] if alarms else "",
        ),
    ]
    return _table("Counted in memory; the log says more of each", ("What", "*How often", "Codes"), rows)


def _refused(codes: Mapping[str, int]) -> tuple[str, str]:
    named = " ".join(f"{_code(code)} {number:,}" for code, number in codes.items() if number)
    return f"{sum(codes.values()):,}", named


def _stored(stored: Stored | None) -> str:
    if stored is None:
        return "<p>Counting takes longer than usual. Look again in a moment.</p>"
    return _facts(
        (
            ("Organizations", f"{stored.organizations:,}"),
            ("Credentials in use", f"{stored.credentials_active:,}"),
            ("Credentials revoked", f"{stored.credentials_revoked:,}"),
            ("Versions of keys", f"{stored.versions:,}"),
            ("Sealing key pairs", f"{stored.sealing_pairs:,}"),
            ("Tickets, used ones too", f"{stored.tickets:,}"),
        )
    )


def _looked_through(status: Status) -> str:
    checked = status.checked
    when = _moment(checked.ended_at) if checked.ended_at else "not once since the start"
    if checked.under_way:
        when += f"; {checked.under_way:,} rows of the present round"
    damaged = _state("none", "good") if checked.ended_at else "not known yet"
    if checked.damaged:
        damaged = _state(f"{checked.damaged:,}: sealgate vault check names them", "bad")
    two = _state("yes", "good") if status.two_administrators else _state("no", "plain")
    return _facts(
        (
            ("Every row checked", when),
            ("Damaged rows", damaged),
            ("Two administrators can approve", two),
        )
    )


def _listing(found: Organizations, only: str, after: str, now_s: float) -> str:
    search = (
        '<form method="get" action="/"><label>Organization <input name="organization" autocomplete="off"'
        f' spellcheck="false" placeholder="org_…" value="{_text(only)}"></label><button>Show</button></form>'
    )
    names = ("Epoch", "Suite", "Key id", "Age", "*Keys sealed to it")
    groups = [_organization(each, names, now_s) for each in found.items]
    shown = _framed("Public halves; each organization has a pair of every suite", names, groups)
    if not groups and only:
        shown = f"<p>The vault has never seen {_code(only)}.</p>"
    elif not groups:
        shown = "<p>An organization gets its sealing keys with its first ticket. There is none yet.</p>"
    return f"{search}{shown}{_way(found, only, after)}"


def _way(found: Organizations, only: str, after: str) -> str:
    links = []
    if only or after:
        links.append('<a href="/">From the beginning</a>')
    if found.after:
        links.append(f'<a href="/?after={quote(found.after)}">Next page</a>')
    return f'<p class="aside way">{found.total:,} in all. {" ".join(links)}</p>'


def _organization(keys: OrganizationKeys, names: Sequence[str], now_s: float) -> str:
    head = f"<strong>{_code(keys.organization)}</strong>"
    if keys.verifies:
        head += f'<br>{_code(keys.epochs[0].words)} <span class="aside">New keys: {_due(keys, now_s)}.</span>'
    else:
        head += (
            f"<br>{_state('damaged', 'bad')} Its keyring was edited outside the vault, and is not used."
            " Restore vault.db; see the alarms in the log."
        )
    title = f'<tr role="row"><th scope="rowgroup" role="rowheader" colspan="{len(names)}">{head}</th></tr>'
    rows = [_pair(epoch.epoch, pair, now_s) for epoch in keys.epochs for pair in epoch.pairs]
    return f'<tbody role="rowgroup">{title}{_rows(names, rows)}</tbody>'


def _due(keys: OrganizationKeys, now_s: float) -> str:
    if keys.next_epoch_at is None:
        return "only when asked for"
    return "due now" if keys.next_epoch_at <= now_s else f"in {_age(keys.next_epoch_at - now_s)}"


def _pair(epoch: int, pair: Pair, now_s: float) -> Sequence[str]:
    age = _age(now_s - pair.made_at)
    return (str(epoch), _text(pair.suite), _code(pair.key_id), age, f"{pair.envelopes:,}")


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    return '<dl class="facts">' + "".join(f"<div><dt>{n}</dt><dd>{v}</dd></div>" for n, v in facts) + "</dl>"


def _table(caption: str, names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are HTML; a name that begins with * is a column of numbers."""
    return _framed(caption, names, [f'<tbody role="rowgroup">{_rows(names, rows)}</tbody>'])


def _framed(caption: str, names: Sequence[str], groups: Iterable[str]) -> str:
    """A table around its groups of rows. The roles are written out: a narrow layout would lose them."""
    head = "".join(
        f'<th scope="col" role="columnheader"{_numbers(name)}>{_plain(name)}</th>' for name in names
    )
    return (
        f'<div class="wide"><table role="table"><caption>{_text(caption)}</caption>'
        f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>{"".join(groups)}</table></div>'
    )


def _rows(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join(
        f'<tr role="row">{"".join(_cell(*each) for each in zip(names, cells, strict=True))}</tr>'
        for cells in rows
    )


def _cell(name: str, content: str) -> str:
    return f'<td role="cell" data-name="{_plain(name)}"{_numbers(name)}><span>{content}</span></td>'


def _plain(name: str) -> str:
    return name.removeprefix("*")


def _numbers(name: str) -> str:
    return ' class="number"' if name.startswith("*") else ""


def _health(code: str) -> str:
    kind = {OK: "good", "gone": "plain", "no_answer": "warn"}.get(code, "bad")
    return _state(_WORDS.get(code, code.replace("_", " ")), kind)


def _state(words: str, kind: str) -> str:
    return f'<span class="state {kind}">{_text(words)}</span>'


def _code(text: str) -> str:
    return f"<code>{_text(text)}</code>"


def _text(text: str) -> str:
    return escape(text, quote=True)


def _moment(at_s: float) -> str:
    machine = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_s))
    return f'<time datetime="{machine}">{machine.replace("T", " ").replace("Z", " UTC")}</time>'


def _age(seconds: float) -> str:
    """One unit, rounded down: `3 days`."""
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        number = int(seconds // length)
        if number:
            return f"{number:,} {unit}{'s' if number > 1 else ''}"
    return "less than a minute"
