"""The gate that holds the branch coverage of `envelope` and `vault` shuts, and opens, when it should.

Tried on a small project of the same shape, since a test cannot run the run that it is part of.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

PROJECT = """
[tool.pytest.ini_options]
testpaths = ["tests"]
addopts = "-q"
[tool.coverage.run]
branch = true
parallel = true
source_pkgs = ["sealed"]
[tool.coverage.report]
fail_under = 100
"""
CONFTEST = """
from tests.coverage_gate import gate

def pytest_configure(config):
    if found := gate(config, missing_groups=False):
        config.pluginmanager.register(found)
"""
SEALED = """
def opened(key):
    if key:
        return "yes"
    return "no"

if __name__ == "__main__":
    print(opened("x"))
"""
TESTS = {
    "one side": "from sealed import opened\n\ndef test_it(): assert opened(1) == 'yes'\n",
    "other side": "from sealed import opened\n\ndef test_it(): assert opened(0) == 'no'\n",
    "main": (
        "import subprocess, sys\n\n"
        "def test_it(): assert subprocess.check_output([sys.executable, '-m', 'sealed']) == b'yes\\n'\n"
    ),
    "nothing": "def test_it(): pass\n",
}


def run(folder: Path, placed: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a project with tests at these places; gives what pytest said."""
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "sealed.py").write_text(SEALED)
    for place, test in placed.items():
        path = folder / "tests" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(TESTS[test])
    (folder / "tests" / "__init__.py").touch()
    (folder / "tests" / "conftest.py").write_text(CONFTEST)
    shutil.copy(ROOT / "tests" / "coverage_gate.py", folder / "tests")
    named = {
        "COVERAGE_PROCESS_START": str(folder / "pyproject.toml"),
        "COVERAGE_FILE": str(folder / "seen" / "data"),
        "PYTHONPATH": str(folder),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        argv, cwd=folder, env=os.environ | named, capture_output=True, text=True, check=False, timeout=100
    )


WHOLE = {
    "envelope/test_a.py": "one side",
    "envelope/test_b.py": "other side",
    "vault/test_c.py": "main",
    "test_d.py": "nothing",
}


def test_a_run_in_which_every_branch_was_taken_passes(tmp_path: Path) -> None:
    done = run(tmp_path, WHOLE)
    assert "their own tests: 100.00 %" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0
    assert "4 passed" in done.stdout.splitlines()[-1]


def test_a_branch_that_only_other_tests_take_is_missing_and_the_run_fails(tmp_path: Path) -> None:
    placed = WHOLE | {"envelope/test_b.py": "nothing", "test_d.py": "other side"}
    done = run(tmp_path, placed, "-p", "xdist", "-n", "2", "--dist", "loadfile")
    assert "sealed.py" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 1
    assert "4 passed" in done.stdout.splitlines()[-1]


def test_a_process_that_another_test_starts_counts_for_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, WHOLE | {"vault/test_c.py": "nothing", "test_d.py": "main"})
    assert done.returncode == 1, done.stdout + done.stderr


def test_a_run_of_some_tests_shows_what_it_saw_and_is_not_judged(tmp_path: Path) -> None:
    done = run(tmp_path, WHOLE, "tests/envelope")
    assert "not judged" in done.stdout, done.stdout + done.stderr
    assert "sealed.py" in done.stdout
    assert done.returncode == 0
