"""The command line, loaded once and run many times: each run is a fork of a process that loaded it.

Counterpart: `house.anew`, which starts it as people do. A run sees the same: its words, environment, folder,
standard streams that are pipes, and no terminal. Loading Python anew each time was most of what these tests
cost.
"""

from __future__ import annotations

import contextlib
import functools
import io
import multiprocessing
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path

from sealgate.cli import main

LOADED = (
    "pytest",  # the parent's main module, which each fork looks at
    "typer.rich_utils",
    "sealgate.scripts.commands",
    "sealgate.scripts.operating_commands",
    "tests.scripts.ready",
)


@functools.cache
def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(LOADED))
    return context


def ran(
    words: Sequence[str], typed: bytes, environment: Mapping[str, str], folder: Path, before: str = ""
) -> tuple[int, bytes, bytes]:
    """Exit code, standard output and standard error of one run; blocks. `before`: Python that comes first."""
    (stdin, to_it), (from_it, stdout), (heard, stderr) = _pipe(), _pipe(), _pipe()
    process = _server().Process(
        target=_run, args=(stdin, stdout, stderr, list(words), dict(environment), folder, before)
    )
    process.start()
    for each in (stdin, stdout, stderr):
        each.close()
    told = {from_it: b"", heard: b""}
    readers = [threading.Thread(target=_read, args=(told, end)) for end in told]
    for reader in readers:
        reader.start()
    _write(to_it, typed)
    process.join(60)
    if process.exitcode is None:
        process.kill()
    for reader in readers:
        reader.join()
    assert process.exitcode is not None, "it did not end within a minute"
    return process.exitcode, told[from_it], told[heard]


def _pipe() -> tuple[Connection, Connection]:
    """Where one reads and where one writes; as connections, which reach the other process."""
    reads, writes = os.pipe()
    return Connection(reads, writable=False), Connection(writes, readable=False)


def _read(told: dict[Connection, bytes], end: Connection) -> None:
    with open(end.fileno(), "rb", closefd=False) as source:
        told[end] = source.read()
    end.close()


def _write(end: Connection, typed: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):  # it did not want to know
        os.write(end.fileno(), typed)
    end.close()


def _run(
    stdin: Connection,
    stdout: Connection,
    stderr: Connection,
    words: list[str],
    environment: dict[str, str],
    folder: Path,
    before: str,
) -> None:
    for at, end in enumerate((stdin, stdout, stderr)):
        os.dup2(end.fileno(), at)
        end.close()
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0)))
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w")))
    sys.stderr = io.TextIOWrapper(io.BufferedWriter(io.FileIO(2, "w")))
    os.setsid()  # so that /dev/tty is nobody's
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["sealgate", *words]
    exec(before, {})
    main()
