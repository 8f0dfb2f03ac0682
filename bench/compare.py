"""`make bench`: ours beside the gateways that are installed here, in one run, and the page that says how it went.

Every row of docs/performance.md but the vault's. Counterparts: `rows.py` measures, `page.py` writes.

    .venv/bin/python bench/compare.py [--quick] [--only plain,tls [--add]] [--keep]

`--quick` shows in two minutes that everything works; `--only` measures some rows and leaves the page alone, as `--keep` does;
with `--add` they stand on the page beside the others, which says so.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench import correct, known, many, page, rows
from bench.gateways import GATEWAYS
from bench.installation import Installation
from bench.rows import OURS, QUICK, Amount, Figures
from bench.scene import Scene, say

PLAIN = ("plain", "long", "sessions", "cold", "forged", "first byte", "streams", "held", "start", "workers")
TLS = ("tls", "held tls")
ALONE = ("left", "known", "script", "correct")


def main() -> None:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument(
        "--add", action="store_true", help="with --only: put these rows beside the page's others"
    )
    arguments = parser.parse_args()
    wanted = arguments.only.split(",") if arguments.only else [*PLAIN, *TLS, *ALONE]
    began_s = time.monotonic()
    run = measure(QUICK if arguments.quick else Amount(), wanted)
    say(f"took {time.monotonic() - began_s:.0f} s")
    sys.stdout.write(page.section(run))
    if arguments.only and arguments.add:
        page.add(run, wanted)
    elif not (arguments.keep or arguments.only):
        page.write(run)


def measure(amount: Amount, wanted: list[str]) -> Figures:
    """One run of these rows."""
    run: Figures = {
        "when": f"{dt.datetime.now(dt.UTC):%Y-%m-%d}",
        "words": words(amount),
        "gateways": {
            each.name: {"version": each.version(), "without": each.without} for each in GATEWAYS if each.there
        },
    }
    with tempfile.TemporaryDirectory(prefix="sg-") as name, Scene(Path(name)) as scene:
        for tls, all_rows in ((False, PLAIN), (True, TLS)):
            if any(row in wanted for row in all_rows):
                with scene.installation(tls=tls) as installation:
                    for row in all_rows:
                        if row in wanted:
                            note(run, row, partial(one, row, scene, installation, amount, run))
                            installation.stop("proxy")
        if "left" in wanted:
            note(run, "left", partial(many.leave, scene, min(1_000, amount.streams)))
        if "known" in wanted:
            note(run, "known", partial(known.known, amount.applications))
        if "script" in wanted:
            note(run, "script", rows.assistants_script)
        if "correct" in wanted:
            note(run, "correct", partial(correct.everybody, scene))
    return run


def note(run: Figures, row: str, measured: Callable[[], Figures]) -> None:
    """Measure one row; what fails is left out, said, and stands on the page as left out."""
    say(f"== {row}")
    try:
        run[row] = measured()
    except Exception as error:  # noqa: BLE001 - edge: nine rows that were measured are not lost with the tenth
        say(f"left out: {row}: {type(error).__name__}: {error}")
        run.setdefault("left out", []).append(row)


def one(row: str, scene: Scene, installation: Installation, amount: Amount, run: Figures) -> Figures:
    """One row's figures."""
    if row == "first byte":
        rates = run.get("plain", {}).get("requests", {}).get(OURS, {})
        return rows.first_byte(scene, installation, amount, rates.get("per_s", 1_000) / 2)
    if row == "held tls":
        return rows.held_streams(scene, installation, amount, tls=True)
    measures = {
        "plain": rows.plain, "long": rows.long_prompt, "sessions": rows.new_sessions, "cold": rows.cold_keys,
        "forged": rows.forged_tokens,
        "streams": rows.streams, "held": rows.held_streams, "start": rows.starting, "workers": rows.workers,
        "tls": rows.both_tls,
    }  # fmt: skip
    return measures[row](scene, installation, amount)


def words(amount: Amount) -> str:
    """What this run is, in words."""
    kind = (
        f"{amount.rounds} rounds of {amount.seconds:g} s, medians"
        if amount != QUICK
        else "one short round, a trial"
    )
    return (
        f"{kind}; {os.cpu_count()} cores, one for the gateway, the other for load and provider; "
        f"Python {platform.python_version()}, load of the machine at the start {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
