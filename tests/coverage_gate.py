"""Branch coverage of `envelope` and `vault`, from their own tests alone, held at a floor that only rises.

Counterparts: `[tool.coverage]` in pyproject.toml, and the Makefile's `test` and `coverage`, which name it in
the environment: measuring begins with each process, before anything of ours is imported. In here it pauses
while other tests run, and the sum is taken at the end of one run of all tests. Without the variable, nothing
in here does anything.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Generator
from pathlib import Path

import pytest
from coverage import Coverage
from coverage.exceptions import CoverageWarning

VARIABLE = "COVERAGE_PROCESS_START"
DATA = "COVERAGE_FILE"
"""Both are coverage.py's own: its settings, and where every process leaves what it saw."""
FOLDERS = tuple(Path(__file__).parent / name for name in ("envelope", "vault"))


def gate(config: pytest.Config, *, missing_groups: bool) -> CoverageGate | None:
    """The gate of a run that measures; None for any other."""
    measuring = Coverage.current()
    if measuring is None or VARIABLE not in os.environ:
        return None
    return CoverageGate(config, measuring, complete=_is_complete(config) and not missing_groups)


class CoverageGate:
    """A plugin of pytest's: in every worker it measures, in the process that leads them it judges."""

    def __init__(self, config: pytest.Config, measuring: Coverage, *, complete: bool) -> None:
        self._measuring = measuring
        self._settings = os.environ[VARIABLE]
        self._paused: bool | None = None
        """None while tests are collected: what is imported then is measured, what is started is not."""
        self._complete = complete
        self._report = ""
        named = [Path(each.partition("::")[0]).resolve() for each in config.args]
        self._asked_for = all(any(each.is_relative_to(folder) for folder in FOLDERS) for each in named)
        self._leads = not hasattr(config, "workerinput")
        if not (self._leads and config.getoption("numprocesses", None)):
            # Workers have started with it. A module of tests that copies the environment must not get it:
            # what those tests start is not measured.
            os.environ.pop(VARIABLE)
        if self._leads:
            data = Path(os.environ[DATA])
            data.parent.mkdir(parents=True, exist_ok=True)
            for left in data.parent.glob(f"{data.name}*"):
                left.unlink()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Measure this test, and the processes that it starts, if it is one of the two folders'."""
        self._pause(not any(item.path.is_relative_to(each) for each in FOLDERS))
        return (yield)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A worker writes down what it saw; who leads adds everything up, after the workers have ended."""
        self._pause(True)
        self._measuring.save()
        if not self._leads:
            return
        percent, floor, table = _sum(self._settings)
        self._report = f"branch coverage of envelope and vault from their own tests: {percent:.2f} %"
        self._report += f", at least {floor:g} % is asked for\n"
        self._report += "" if percent == 100.0 else table
        if self._complete and percent < floor and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what is missing, before pytest's own last line."""
        if not self._complete and not self._asked_for:
            return
        for line in self._report.splitlines():
            terminalreporter.write_line(line)
        if not self._complete:
            terminalreporter.write_line("not judged: this run does not have all tests of the two folders")

    def _pause(self, paused: bool) -> None:
        if paused == self._paused:
            return
        if paused:
            self._measuring.stop()
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = self._settings
            if self._paused is not None:
                self._measuring.start()
        self._paused = paused


def _is_complete(config: pytest.Config) -> bool:
    """True for a run of both folders in which nobody selects tests."""
    named = {Path(each).resolve() for each in config.args}
    tests = Path(__file__).parent
    selected = config.getoption("keyword") or config.getoption("markexpr") or config.getoption("lf", False)
    return not selected and (tests in named or set(FOLDERS) <= named)


def _sum(settings: str) -> tuple[float, float, str]:
    """The share of what was seen, exact; the floor (`fail_under`); and the table of what was not seen."""
    adding = Coverage(config_file=settings)
    with warnings.catch_warnings():
        # A process that a test kills leaves a file that it had only begun: that one adds nothing.
        warnings.simplefilter("ignore", CoverageWarning)
        adding.combine()
    table = io.StringIO()
    percent = adding.report(file=table, show_missing=True, skip_covered=True)
    floor = adding.get_option("report:fail_under")
    assert isinstance(floor, int | float)
    return percent, float(floor), table.getvalue()
