"""Half load for a long time: whether memory, open files and latency stay where they are.

Counterparts: `installation.py` with every promise on, `load.c` at a fixed pace. Writes a table of lines and a
plot into a folder, and says at the end whether anything grew.

    .venv/bin/python bench/soak.py [--minutes 20] [--rate 0] [--out docs/performance]

Memory is told without mapped files: the journal's segments are files of a fixed size that fill up and are deleted
once they are counted. A rate of 0 measures first what the proxy takes, and goes on with half of that.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.installation import memory_kb
from bench.rows import OURS, Amount, Figures, Target, in_turn, ours
from bench.scene import Scene, say

SLICE_S = 10
GROWTH_MB = 2.0
"""Settling of the allocator; what leaks grows beyond it in minutes."""


def main() -> None:
    """Soak, and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--rate", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "docs" / "performance")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sg-") as name, Scene(Path(name)) as scene:
        lines = soak(scene, arguments.minutes, arguments.rate)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "soak.json").write_text(json.dumps(lines) + "\n")
    (arguments.out / "soak.svg").write_text(plot(lines))
    sys.stdout.write(verdict(lines) + "\n")


def soak(scene: Scene, minutes: float, rate: int) -> list[Figures]:
    """One line for each slice of ten seconds; every fourth request is streamed."""
    lines: list[Figures] = []
    with scene.installation() as installation, ours(scene, installation) as own:
        rate = rate or half(scene, own)
        tokens = installation.tokens(64)
        whole = scene.requests("soak", model="bench", stream=False, tokens=tokens[:48])
        streamed = scene.requests("soak-streams", model="bench", stream=True, tokens=tokens[48:])
        whole.write_bytes(whole.read_bytes() + b"\0" + streamed.read_bytes())
        scene.load("requests", own.port, 0, whole, 64, rate, SLICE_S)
        began_s = time.monotonic()
        while time.monotonic() < began_s + 60 * minutes:
            found = scene.load("requests", own.port, 0, whole, 64, rate, SLICE_S)
            lines.append(
                {
                    "at_s": round(time.monotonic() - began_s),
                    "rate": rate,
                    "mb": round(memory_kb(own.pid, "Pss_Anon") / 1024, 2),
                    "mapped_mb": round(memory_kb(own.pid, "Pss_File") / 1024, 2),
                    "files": len(list(Path(f"/proc/{own.pid}/fd").iterdir())),
                    "p50_ms": found["last"]["p50_us"] / 1000,
                    "p99_ms": found["last"]["p99_us"] / 1000,
                    "failed": found["failed"] + found["missed"],
                }
            )
            say(json.dumps(lines[-1]))
    return lines


def half(scene: Scene, own: Target) -> int:
    """Half of what it takes."""
    return max(20, int(in_turn(scene, [own], Amount(rounds=1, seconds=5))[OURS]["per_s"] / 2))


def verdict(lines: list[Figures]) -> str:
    """Whether the last third lies above the middle one, in words. The first is for warming up."""
    third = max(1, len(lines) // 3)
    grown = []
    for key, unit, room in (("mb", "MB", GROWTH_MB), ("files", "files", 8)):
        before, after = (
            statistics.median(each[key] for each in part)
            for part in (lines[third : 2 * third] or lines, lines[-third:])
        )
        grown.append(
            f"{key}: {before:g} → {after:g} {unit}, {'flat' if after - before <= room else 'IT GROWS'}"
        )
    failed = sum(each["failed"] for each in lines)
    return f"{lines[-1]['at_s']} s at {lines[-1]['rate']}/s; {'; '.join(grown)}; failed {failed}"


def _scale(most: float) -> str:
    return f"{most:,.0f}" if most >= 10 else f"{most:.2g}"


_WIDTH, _HEIGHT, _LEFT = 720, 90, 60
_PANELS = (
    ("mb", "memory without mapped files, MB"),
    ("mapped_mb", "mapped files, MB"),
    ("files", "open files"),
    ("p50_ms", "p50, ms"),
    ("p99_ms", "p99, ms"),
)


def plot(lines: list[Figures]) -> str:
    """Four panels over one time; each begins at nothing, so that flat looks flat."""
    parts = []
    end = max(1, lines[-1]["at_s"])
    for row, (key, title) in enumerate(_PANELS):
        top = row * (_HEIGHT + 40) + 30
        most = max(each[key] for each in lines) * 1.15 or 1
        points = " ".join(
            f"{_LEFT + (_WIDTH - _LEFT - 10) * each['at_s'] / end:.1f},{top + _HEIGHT * (1 - each[key] / most):.1f}"
            for each in lines
        )
        parts += [
            f'<text x="8" y="{top - 8}" class="title">{title}</text>',
            f'<text x="{_LEFT - 8}" y="{top + 12}" text-anchor="end">{_scale(most)}</text>',
            f'<text x="{_LEFT - 8}" y="{top + _HEIGHT}" text-anchor="end">0</text>',
            f'<path d="M{_LEFT} {top}V{top + _HEIGHT}H{_WIDTH - 10}" class="axis"/>',
            f'<polyline points="{points}" class="line"/>',
        ]
    height = len(_PANELS) * (_HEIGHT + 40) + 20
    parts.append(f'<text x="{_WIDTH - 10}" y="{height - 6}" text-anchor="end">{end / 60:.0f} minutes</text>')
    return _SVG.format(width=_WIDTH, height=height, lines="\n".join(parts))


_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" \
aria-label="Memory, open files and latency at half load">
<style>
rect {{ fill: #fbf9f4 }} text {{ font: 13px system-ui, sans-serif; fill: #1d1b18 }} text.title {{ font-weight: 600 }}
.axis {{ fill: none; stroke: #a39d92 }} .line {{ fill: none; stroke: #9c2a1f; stroke-width: 1.5 }}
@media (prefers-color-scheme: dark) {{
  rect {{ fill: #191715 }} text {{ fill: #ece7dd }} .axis {{ stroke: #6e675d }} .line {{ stroke: #d8604f }}
}}
</style>
<rect width="{width}" height="{height}"/>
{lines}
</svg>
"""


if __name__ == "__main__":
    main()
