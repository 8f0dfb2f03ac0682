"""How long `sealgate up` takes until everything answers, and how much memory its three processes hold then.

A first start makes ids, KEK, databases and the invitation; a second finds them. Also told: the processor time
that the three processes spent until then, which a busy machine does not blur.

    .venv/bin/python bench/up.py [--runs 3]
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.up_running import RunningUp, wait_for

WITHIN_S = 2.0
WITHIN_MB = 250.0
TICKS_S = os.sysconf("SC_CLK_TCK")


def measured(running: RunningUp) -> tuple[float, float, float, str]:
    """(seconds to ready, MB of the three, processor seconds, each process's MB) of one start."""
    began = time.monotonic()
    running.spawn()
    wait_for(lambda: "Sealgate runs" in running.said.read_text())
    took = time.monotonic() - began
    sizes = {name: resident_mb(running.pid(name)) for name in ("vault", "console", "proxy")}
    spent = sum(processor_s(running.pid(name)) for name in sizes)
    running.stop()
    each = ", ".join(f"{name} {size:.0f}" for name, size in sizes.items())
    return took, sum(sizes.values()), spent, each


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "VmRSS" in line)
    return int(line.split()[1]) / 1024


def processor_s(pid: int) -> float:
    """User and system time of a process so far (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_S


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    starts: dict[str, list[tuple[float, float, float, str]]] = {"first": [], "second": []}
    for _ in range(runs):
        with tempfile.TemporaryDirectory(prefix="sg-") as folder:
            for kept in starts.values():
                kept.append(measured(RunningUp(Path(folder))))
    for name, kept in starts.items():
        times = [each[0] for each in kept]
        sizes = [each[1] for each in kept]
        print(  # noqa: T201
            f"{name:6} start: ready in {statistics.median(times):.2f} s (fastest {min(times):.2f}, limit "
            f"{WITHIN_S:.0f}), {statistics.median(sizes):.0f} MB (limit {WITHIN_MB:.0f}: {kept[-1][3]}), "
            f"{min(each[2] for each in kept):.2f} s of processor time"
        )
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")  # noqa: T201


if __name__ == "__main__":
    main()
