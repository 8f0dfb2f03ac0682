"""Which groups of tests this machine can run: a group that cannot run is named, or required.

`SEALGATE_REQUIRE=all` (as CI sets it) turns a missing tool into a failure. Nothing is skipped silently.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def _has_chromium() -> bool:
    return shutil.which("chromium") is not None


def _has_node() -> bool:
    return (ROOT / "web" / "node_modules" / "openai").is_dir()


GROUPS = {
    "chromium": (_has_chromium, "a real browser is missing: install Debian's package `chromium`"),
    "node": (_has_node, "the front end's packages are missing: run `make web`"),
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what cannot run here, or fail if it is required."""
    left_out: dict[str, int] = {}
    for item in items:
        for group, (present, hint) in GROUPS.items():
            if item.get_closest_marker(group) and not present():
                left_out[group] = left_out.get(group, 0) + 1
                item.add_marker(pytest.mark.skip(reason=hint))
    if left_out and os.environ.get("SEALGATE_REQUIRE") == "all":
        missing = "; ".join(f"{group}: {GROUPS[group][1]}" for group in left_out)
        pytest.exit(f"required groups of tests cannot run: {missing}", returncode=4)
    config.stash[LEFT_OUT] = left_out


LEFT_OUT: pytest.StashKey[dict[str, int]] = pytest.StashKey()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say plainly which groups did not run."""
    for group, count in config.stash.get(LEFT_OUT, {}).items():
        terminalreporter.write_line(f"left out: {count} tests of group {group!r} ({GROUPS[group][1]})")
