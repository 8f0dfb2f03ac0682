"""`sealgate usage` and `sealgate status`: what the console knows, for people and for other programs.

Counterpart: the management API's usage and status ways. There is no text to show: none is kept.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from rich.console import Console as Screen
from rich.table import Table

from sealgate.scripts.consoles import API
from sealgate.scripts.talking import Connection

PAGE_ROWS = 100
COLUMNS: Final[Sequence[str]] = (
    "request",
    "started_at",
    "application",
    "pseudonym",
    "endpoint",
    "action",
    "model",
    "outcome",
    "status",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "estimated",
    "first_byte_ms",
    "duration_ms",
    "pictures",
    "sound_ms",
    "credential",
    "provider",
    "tries",
    "cost_nano_usd",
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def usage_rows(console: Connection, application: str, most: int) -> Iterator[Mapping[str, Any]]:
    """The newest exchanges first, page by page; at most `most`, 0 for all."""
    cursor, left = "", most
    while True:
        size = min(PAGE_ROWS, left) if most else PAGE_ROWS
        query = {"limit": str(size), "cursor": cursor, "application": application}
        asked = urlencode({name: value for name, value in query.items() if value})
        page = console.ask("GET", f"{API}/usage?{asked}").plain()
        yield from page["items"]
        left -= len(page["items"])
        cursor = page["next"] or ""
        if not cursor or (most and left <= 0):
            return


def usage_totals(console: Connection, application: str) -> Mapping[str, Any]:
    """Sums over everything that is kept."""
    query = f"?{urlencode({'application': application})}" if application else ""
    totals: Mapping[str, Any] = console.ask("GET", f"{API}/usage/totals{query}").plain()
    return totals


def usage_json(rows: Sequence[Mapping[str, Any]], totals: Mapping[str, Any]) -> str:
    """One JSON document."""
    return json.dumps({"items": list(rows), "totals": dict(totals)}, indent=2)


def usage_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """RFC 4180 with a head; no cell can be taken for a formula (OWASP, CSV injection)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(row.get(name)) for name in COLUMNS] for row in rows)
    return text.getvalue()


def usage_table(rows: Sequence[Mapping[str, Any]], totals: Mapping[str, Any], screen: Screen) -> None:
    """A table and the sums below it."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, side in (
        ("Time (UTC)", "left"),
        ("Action", "left"),
        ("Model", "left"),
        ("In", "right"),
        ("Out", "right"),
        ("Cost $", "right"),
        ("Outcome", "left"),
        ("ms", "right"),
    ):
        table.add_column(name, justify=side, no_wrap=True)  # type: ignore[arg-type]
    for row in rows:
        mark = "≈" if row["estimated"] else ""
        table.add_row(
            str(row["started_at"])[:19].replace("T", " "),
            row["action"] or row["endpoint"],
            row["model"],
            f"{mark}{row['input_tokens']}",
            f"{mark}{row['output_tokens']}",
            _dollars(row["cost_nano_usd"]),
            row["outcome"],
            str(row["duration_ms"]),
        )
    screen.print(table if rows else "Nothing used yet.")
    about = " (≈ partly estimated)" if totals["estimated"] else ""
    screen.print(
        f"{len(rows)} of {totals['exchanges']} exchanges; in all {totals['input_tokens']} tokens in, "
        f"{totals['output_tokens']} out{about}",
        highlight=False,
    )


def status_lines(status: Mapping[str, Any], origin: str) -> Iterator[str]:
    """The status for people, one line each, with what to do about it."""
    yield f"console   {origin}, release {status['version']}, protocol {status['protocol']}"
    yield f"instance  {status['instance']}"
    if status["vault_connected"]:
        yield "vault     connected"
    else:
        yield "vault     NOT connected. hint: see the vault's log; keys cannot be deposited or revoked now"
    if status["proxies"]:
        yield f"proxies   {len(status['proxies'])} connected: {', '.join(status['proxies'])}"
    else:
        yield "proxies   NONE connected. hint: see the proxy's log; changes do not reach it now"


def is_well(status: Mapping[str, Any]) -> bool:
    """True if vault and at least one proxy are connected."""
    return bool(status["vault_connected"] and status["proxies"])


def _dollars(nano: int | None) -> str:
    """At list price; empty where the model has none."""
    return "" if nano is None else f"{nano / 1e9:.6f}"


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return f"'{value}" if value.lstrip().startswith(_FORMULA) else value
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value
