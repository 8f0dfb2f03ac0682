"""Which groups of tests this machine can run: a group that cannot run is named, or required.

`SEALGATE_REQUIRE=all` (as CI sets it) turns a missing tool into a failure. Nothing is skipped silently.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.coverage_gate import gate

# Also where the environment says otherwise, as in many containers: what a test starts finds ours compiled.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

ROOT = Path(__file__).parent.parent
SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")
"""Where Debian has the library of its software token."""


def _has_chromium() -> bool:
    return shutil.which("chromium") is not None


def _has_node() -> bool:
    return (ROOT / "web" / "node_modules" / "openai").is_dir()


def _has_tours() -> bool:
    installed = (ROOT / ".venv" / "tours" / ".ready", ROOT / "examples" / "tours" / "node_modules" / ".ready")
    return all(each.exists() for each in installed)


def _has_go() -> bool:
    return shutil.which("go") is not None


def _has_php() -> bool:
    return shutil.which("php") is not None


def _has_ruby() -> bool:
    return shutil.which("ruby") is not None


def _has_fronts() -> bool:
    return all(shutil.which(each) for each in ("caddy", "nginx", "curl"))


def _has_systemd() -> bool:
    return all(shutil.which(each) for each in ("systemd-analyze", "systemd-sysusers"))


def _has_softhsm() -> bool:
    return SOFTHSM.exists() and shutil.which("softhsm2-util") is not None


def _is_root() -> bool:
    return os.geteuid() == 0


def _has_redis() -> bool:
    return any(shutil.which(each) for each in ("redis-server", "valkey-server"))


GROUPS = {
    "chromium": (_has_chromium, "a real browser is missing: install Debian's package `chromium`"),
    "front": (_has_fronts, "install Debian's packages `caddy`, `nginx-light` and `curl`"),
    "redis": (_has_redis, "a limit store is missing: install Debian's package `redis-server`"),
    "root": (_is_root, "run as root: the memory of hardened processes is read, and other users are tried"),
    "softhsm": (_has_softhsm, "a PKCS#11 token is missing: install Debian's package `softhsm2`"),
    "systemd": (_has_systemd, "systemd's tools are missing: install Debian's package `systemd`"),
    "node": (_has_node, "the front end's packages are missing: run `make web`"),
    "tours": (_has_tours, "LangChain and Vercel's AI SDK are missing: run `make tours`"),
    "go": (_has_go, "Go is missing: install Debian's package `golang-go`"),
    "php": (_has_php, "PHP is missing: install Debian's package `php-cli`"),
    "ruby": (_has_ruby, "Ruby is missing: install Debian's package `ruby`"),
}

# Groups that no machine must have: they need a service that somebody runs, named by a variable.
OPTIONAL: dict[str, tuple[Callable[[], bool], str]] = {
    "transit": (
        lambda: "SEALGATE_TEST_TRANSIT_URL" in os.environ,
        "name a HashiCorp Vault or OpenBao by SEALGATE_TEST_TRANSIT_URL, and a token for its transit engine "
        "by SEALGATE_TEST_TRANSIT_TOKEN_FILE; a stand-in is tried in any case",
    ),
}


def _missing() -> dict[str, str]:
    return {group: hint for group, (present, hint) in GROUPS.items() if not present()}


def _unnamed() -> dict[str, str]:
    return {group: hint for group, (present, hint) in OPTIONAL.items() if not present()}


def pytest_configure(config: pytest.Config) -> None:
    """Fail at once where a required group cannot run; hold the coverage where it is measured."""
    missing = _missing()
    if missing and os.environ.get("SEALGATE_REQUIRE") == "all":
        told = "; ".join(f"{group}: {hint}" for group, hint in missing.items())
        pytest.exit(f"required groups of tests cannot run: {told}", returncode=4)
    if found := gate(config, missing_groups=bool(missing)):
        config.pluginmanager.register(found, "coverage gate")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what cannot run here."""
    for group, hint in (_missing() | _unnamed()).items():
        for item in items:
            if item.get_closest_marker(group):
                item.add_marker(pytest.mark.skip(reason=hint))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say plainly which groups did not run."""
    for group, hint in (_missing() | _unnamed()).items():
        terminalreporter.write_line(f"left out: the tests of group {group!r} ({hint})")
