"""Writes what a run measured into docs/performance.md and the README, between their markers, with a plot.

Counterpart: `compare.py`, whose figures these are. The page says what is met and what is not; it hides nothing.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "performance.md"
README = DOCS.parent / "README.md"
FIGURES = DOCS / "performance" / "figures.json"
PLOT = DOCS / "performance" / "requests.svg"
BEGIN, END = "<!-- figures: made by `make bench` -->\n", "<!-- end of figures -->\n"
OURS = "Sealgate"
TARGETS_OF = {"nginx": 0.35, "Envoy": 1.0, "TensorZero": 3.0, "Portkey": 15.0, "LiteLLM": 50.0}

Figures = dict[str, Any]


def write(run: Figures) -> None:
    """The page's section, the README's, the plot, and the figures that all are made from."""
    run = rounded(run)
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps(run, indent=1) + "\n")
    if "plain" in run:
        PLOT.write_text(plot(run))
        _put(README, summary(run))
    _put(PAGE, section(run))


def _put(page: Path, text: str) -> None:
    before, rest = page.read_text().split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(before + BEGIN + text + END + after)


def summary(run: Figures) -> str:
    """What stands in the README: the one table that everybody looks for first."""
    found = run["plain"]["requests"]
    own = found[OURS]["per_core_s"]
    without = {name: each["without"] for name, each in run["gateways"].items()}
    without[OURS] = "nothing: all of it was on"
    lines = [
        f"| {name} | {each['per_core_s']:,.0f} | {1 if name == OURS else _ratio(own, each['per_core_s'])} "
        f"| {without[name]} |\n"
        for name, each in found.items()
    ]
    return "".join(
        ["| | requests per second of a core | ours to it | it ran without |\n|---|---|---|---|\n", *lines]
    )


def add(run: Figures, rows: list[str]) -> None:
    """Some rows, measured by themselves, beside those of the page's run; the page says so."""
    before = json.loads(FIGURES.read_text())
    later = [each for each in before.get("later", []) if each["rows"] != rows]
    told = {"rows": rows, "when": run["when"], "words": run["words"]}
    write({**before, **{row: run[row] for row in rows}, "later": [*later, told]})


def rounded(value: Any) -> Any:
    """Figures as exact as they are worth."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    return value


def section(run: Figures) -> str:
    """All that is between the markers."""
    parts = [f"Measured {run['when']}: {run['words']}.", ""]
    for each in run.get("later", []):
        parts += [
            f"Measured by themselves on {each['when']}: {', '.join(each['rows'])} ({each['words']}).",
            "",
        ]
    if "left out" in run:
        parts += [f"Left out, since it failed in this run: {', '.join(run['left out'])}.", ""]
    if "plain" in run:
        parts += ["![Requests in a second of one core](performance/requests.svg)", ""]
    for write_part in (_requests, _tls, _long, _waits, _streams, _held, _rest, _correct, _targets, _without):
        lines = write_part(run)
        parts += [*lines, ""] if lines else []
    return "\n".join(parts).rstrip() + "\n"


def _table(title: str, heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [
        f"**{title}**", "", f"| {' | '.join(heads)} |", "|" + "---|" * len(heads),
        *(f"| {' | '.join(row)} |" for row in rows),
    ]  # fmt: skip


def _rates(title: str, found: Figures) -> list[str]:
    own = found[OURS]["per_core_s"]
    rows = [
        (
            name,
            f"{each['per_core_s']:,.0f}",
            "1" if name == OURS else _ratio(own, each["per_core_s"]),
            f"{each['per_s']:,.0f}",
            f"{100 * each['busy']:.0f} %",
            f"{each['failed']:.0f}",
        )
        for name, each in found.items()
    ]
    heads = (
        "",
        "requests per second of a core",
        "ours to it",
        "requests per second",
        "core in use",
        "failed",
    )
    return _table(title, heads, rows)


def _ratio(own: float, other: float) -> str:
    return f"{own / other:.2f}" if other else "–"


def _requests(run: Figures) -> list[str]:
    return (
        _rates("In the clear, 1 KB prompts, 64 connections", run["plain"]["requests"])
        if "plain" in run
        else []
    )


def _tls(run: Figures) -> list[str]:
    return _rates("TLS 1.3 on both sides", run["tls"]) if "tls" in run else []


def _long(run: Figures) -> list[str]:
    if "long" not in run:
        return []
    lines = _rates("8 KB prompts", run["long"])
    for name, words in (
        ("sessions", "every request a new session"),
        ("cold", "no key kept: each opened anew"),
    ):
        if name in run:
            each = run[name][OURS]
            lines.append(
                f"| {OURS}, {words} | {each['per_core_s']:,.0f} | | {each['per_s']:,.0f} "
                f"| {100 * each['busy']:.0f} % | {each['failed']:.0f} |"
            )
    return lines


def _waits(run: Figures) -> list[str]:
    if "plain" not in run:
        return []
    found = run["plain"]["one connection"]
    direct = found["direct"]
    rows = [
        (name, *(f"{each[key] / 1000:.2f}" for key in ("p50_us", "p99_us")),
         *(f"{(each[key] - direct[key]) / 1000:.2f}" for key in ("p50_us", "p99_us")))
        for name, each in found.items()
    ]  # fmt: skip
    return _table("One connection, milliseconds", ("", "p50", "p99", "p50 added", "p99 added"), rows)


def _streams(run: Figures) -> list[str]:
    lines = []
    if "streams" in run:
        found = dict(run["streams"])
        count = found.pop("streams")
        rows = [
            (name, f"{each['late']['count']:,}", *(f"{each['late'][key] / 1000:.1f}" for key in _LATE),
             f"{100 * each.get('busy', 0):.0f} %", str(each["failed"] + each["missed"]))
            for name, each in found.items()
        ]  # fmt: skip
        heads = ("", "events", "p50", "p99", "p99.9", "core in use", "failed")
        lines += _table(
            f"{count:,} streams of 50 events a second: lateness of an event, milliseconds", heads, rows
        )
    if "first byte" in run:
        found = dict(run["first byte"])
        rate = found.pop("rate")
        rows = [
            (name, *(f"{each['first'][key] / 1000:.2f}" for key in ("p50_us", "p99_us")),
             str(each["failed"] + each["missed"]))
            for name, each in found.items()
        ]  # fmt: skip
        title = f"First byte of a stream at half load ({rate:,} streams a second), milliseconds"
        lines += ["", *_table(title, ("", "p50", "p99", "failed"), rows)]
    return lines


_LATE = ("p50_us", "p99_us", "p999_us")


def _held(run: Figures) -> list[str]:
    rows = [
        (words, f"{each['held']:,}", f"{each['kb_each']:.0f} KB",
         *(f"{each[key] / 1000:.2f}" for key in ("p50_us_alone", "p50_us_meanwhile", "p99_us_alone", "p99_us_meanwhile")))
        for words, each in ((words, run.get(name)) for name, words in (("held", "in the clear"), ("held tls", "TLS")))
        if each
    ]  # fmt: skip
    heads = ("", "open streams", "memory of each", "p50 alone", "p50 meanwhile", "p99 alone", "p99 meanwhile")
    return (
        _table("Open streams on which nothing moves, and what others wait (milliseconds)", heads, rows)
        if rows
        else []
    )


def _rest(run: Figures) -> list[str]:
    rows = []
    if "start" in run:
        rows += [
            ("start to the first answer", f"{run['start']['start_s']:.2f} s"),
            ("memory at rest", f"{run['start']['rest_mb']:.0f} MB"),
        ]
    if "left" in run:
        left = run["left"]
        rows.append(
            (f"{left['streams']:,} clients leave mid-stream: the provider's end, p50 and p99",
             f"{left['p50_ms']:.1f} ms, {left['p99_ms']:.1f} ms")
        )  # fmt: skip
    if "forged" in run:
        good, forged = (run["forged"][name] / 1000 for name in ("good_us", "forged_us"))
        rows.append(
            ("processor time of a request: of a known session, with a forged token",
             f"{good:.2f} ms, {forged:.2f} ms")
        )  # fmt: skip
    if "known" in run:
        of = run["known"]
        rows += [
            (f"{of['applications']:,} applications, {of['known']:,} kept: questions to the console for each",
             f"{of['asked_each']:.2f}"),
            ("the same: memory of one that is kept; the process with as many seen as are kept twice, and with all",
             f"{of['kb_each']:.0f} KB; {of['full_mb']:.0f} MB, {of['after_mb']:.0f} MB"),
        ]  # fmt: skip
    if "workers" in run:
        alone, one, two = (run["workers"][name]["per_core_s"] for name in ("one alone", "one", "two"))
        rows += [
            (
                "requests per second of a core: alone, one worker with a store, two",
                f"{alone:,.0f}, {one:,.0f}, {two:,.0f}",
            ),
            ("two workers on two cores, to one worker that counts in the same store", f"{2 * two / one:.2f}"),
            ("the same, to one process that counts alone", f"{2 * two / alone:.2f}"),
        ]
    return _table("Beside these", ("", "measured"), rows) if rows else []


def _correct(run: Figures) -> list[str]:
    if "correct" not in run:
        return []
    rows = [(name, *(_YES[answer] for answer in each.values())) for name, each in run["correct"].items()]
    heads = ("", *next(iter(run["correct"].values())))
    return _table("Right, beside fast", heads, rows)


_YES = {True: "yes", False: "**no**", None: "–"}


def _targets(run: Figures) -> list[str]:
    rows = [
        (what, target, measured, "met" if met else "**not met**")
        for what, target, measured, met in targets(run)
    ]
    return _table("Against what we set out for", ("", "target", "measured", ""), rows) if rows else []


Target = tuple[str, str, str, bool]


def targets(run: Figures) -> list[Target]:
    """What is asked of this run, what came out, and whether it is met."""
    return [*_speed_targets(run), *_wait_targets(run), *_size_targets(run)]


def _least(what: str, ratio: float, least: float) -> Target:
    return what, f"≥ {least:g}×", f"{ratio:.2f}×", ratio >= least


def _most(what: str, value: float, most: float, unit: str) -> Target:
    return what, f"≤ {most:g} {unit}", f"{value:.3g} {unit}", value <= most


def _speed_targets(run: Figures) -> list[Target]:
    found = []
    rates = {name: each["per_core_s"] for name, each in run.get("plain", {}).get("requests", {}).items()}
    for name, floor in TARGETS_OF.items():
        if rates.get(name):
            found.append(
                _least(f"requests per second of a core, to {name}", rates[OURS] / rates[name], floor)
            )
    if "nginx" in run.get("tls", {}):
        ratio = run["tls"][OURS]["per_core_s"] / run["tls"]["nginx"]["per_core_s"]
        found.append(_least("the same with TLS on both sides, to nginx", ratio, 0.3))
    if "workers" in run:
        one, two = (run["workers"][name]["per_core_s"] for name in ("one", "two"))
        found.append(_least("two workers on two cores, to one, both with a store", 2 * two / one, 1.8))
    return found


def _wait_targets(run: Figures) -> list[Target]:
    found = []
    if "plain" in run:
        one = run["plain"]["one connection"]
        for key, limit in (("p50_us", 0.25), ("p99_us", 1.0)):
            added = (one[OURS][key] - one["direct"][key]) / 1000
            found.append(_most(f"added at one connection, {key[:3]}", added, limit, "ms"))
    if "first byte" in run:
        added = _added(run["first byte"], "first")
        found.append(_most("first byte of a stream at half load, added, p99", added, 2, "ms"))
    if "streams" in run:
        found.append(
            _most("events of many streams, added lateness, p99", _added(run["streams"], "late"), 20, "ms")
        )
    if "left" in run:
        found.append(_most("the provider's end after a client left, p99", run["left"]["p99_ms"], 50, "ms"))
    return found


def _added(found: Figures, key: str) -> float:
    ours, direct = (found[name][key]["p99_us"] for name in (OURS, "direct"))
    return float(ours - direct) / 1000


def _size_targets(run: Figures) -> list[Target]:
    found = []
    for name, words, limit in (("held", "in the clear", 64), ("held tls", "TLS", 110)):
        if name in run:
            found.append(_most(f"an open stream, {words}", run[name]["kb_each"], limit, "KB"))
    if "start" in run:
        found.append(_most("memory at rest", run["start"]["rest_mb"], 80, "MB"))
        found.append(_most("start to the first answer", run["start"]["start_s"], 1, "s"))
    if "script" in run:
        found.append(_most("the assistant's script, compressed", run["script"]["kb"], 30, "KB"))
    if "known" in run:
        of = run["known"]
        found += [
            _most(
                "questions to the console for an application that is not known yet", of["asked_each"], 1, ""
            ),
            _most(
                "memory with ten times as many applications as are kept, to that with two times",
                of["after_mb"] / of["full_mb"],
                1.1,
                "×",
            ),
        ]
    if "forged" in run:
        ratio = run["forged"]["forged_us"] / run["forged"]["good_us"]
        found.append(_most("a forged token's processor time, to a known session's request", ratio, 1, "×"))
    return found


def _without(run: Figures) -> list[str]:
    lines = ["**What each ran without**", ""]
    lines += [f"- {name} {each['version']}: {each['without']}." for name, each in run["gateways"].items()]
    return [
        *lines,
        f"- {OURS}: nothing. The session is verified, policy, limits and two budgets hold, usage is metered and journaled, "
        "and the real vault opens the key.",
    ]


# The plot.

_WIDTH, _LEFT, _BAR = 720, 110, 22


def plot(run: Figures) -> str:
    """Bars of requests in a second of one core; ink on paper, and light on dark by themselves."""
    groups = [("in the clear", run["plain"]["requests"])]
    if "tls" in run:
        groups.append(("TLS on both sides", run["tls"]))
    most = max(each["per_core_s"] for _title, found in groups for each in found.values())
    lines, at = [], 8
    for title, found in groups:
        lines.append(f'<text x="8" y="{at + 14}" class="title">{title}</text>')
        at += 26
        for name, each in sorted(found.items(), key=lambda item: -item[1]["per_core_s"]):
            width = max(1, (_WIDTH - _LEFT - 90) * each["per_core_s"] / most)
            kind = "ours" if name == OURS else "bar"
            lines += [
                f'<text x="{_LEFT - 8}" y="{at + 15}" text-anchor="end">{html.escape(name)}</text>',
                f'<rect x="{_LEFT}" y="{at + 3}" width="{width:.1f}" height="{_BAR - 7}" class="{kind}"/>',
                f'<text x="{_LEFT + width + 6:.1f}" y="{at + 15}">{each["per_core_s"]:,.0f}</text>',
            ]
            at += _BAR
        at += 10
    return _SVG.format(width=_WIDTH, height=at, lines="\n".join(lines))


_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" \
aria-label="Requests in a second of one core, by gateway">
<style>
rect.paper {{ fill: #fbf9f4 }} text {{ font: 13px system-ui, sans-serif; fill: #1d1b18 }} text.title {{ font-weight: 600 }}
rect.bar {{ fill: #a39d92 }} rect.ours {{ fill: #9c2a1f }}
@media (prefers-color-scheme: dark) {{
  rect.paper {{ fill: #191715 }} text {{ fill: #ece7dd }} rect.bar {{ fill: #6e675d }} rect.ours {{ fill: #d8604f }}
}}
</style>
<rect class="paper" width="{width}" height="{height}"/>
{lines}
</svg>
"""
