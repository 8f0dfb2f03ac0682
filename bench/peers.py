"""`make bench-peers`: installs other gateways to compare with, each into an environment of its own.

Counterpart: `gateways.py` runs what is there. Nothing of it is a dependency of ours, and nothing of it is committed;
install scripts of packages do not run.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
PEERS = HERE / ".peers"
NPM = HERE.parent / ".venv" / "node"


def main() -> int:
    """Install what is missing; gives 1 where something could not be had, after trying the rest."""
    failed = 0
    for line in (HERE / "peers.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            kind, name, package = line.split()
            sys.stdout.write(f"{package}\n")
            failed |= (_pip if kind == "pip" else _npm)(PEERS / name, package)
    return failed


def _pip(folder: Path, package: str) -> int:
    if not (folder / "bin" / "pip").exists():
        venv.create(folder, with_pip=True)
    command = (str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", package)
    return subprocess.run(command, check=False).returncode


def _npm(folder: Path, package: str) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    npm = (str(NPM / "bin" / "node"), str(NPM / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"))
    flags = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
    return subprocess.run((*npm, "install", *flags, package), cwd=folder, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
