"""Very many applications: what one costs that is not known yet, and whether memory follows those that are kept.

    .venv/bin/python bench/known.py [--applications 100000] [--kept 10000]

A process of its own, with the proxy's parts and its real connection to a console that makes documents up.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import UserDict
from pathlib import Path

import msgspec
import uvloop

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.installation import memory_kb
from bench.rows import Figures
from tests.proxy.world import World, a_world

from sealgate.messages.feed import Application

AT_ONCE = 32
_LETTERS = str.maketrans("0123456789", "abcdefghij")


class Documents(UserDict[str, Application]):
    """A document for whatever is asked, made up at that moment; `asked` counts."""

    def __init__(self, like: Application) -> None:
        super().__init__()
        self._like, self.asked = like, 0

    def get(self, application: str, default: object = None) -> Application:  # type: ignore[override]
        self.asked += 1
        return msgspec.structs.replace(self._like, application=application)


def name_of(number: int) -> str:
    """The id of an application."""
    return "app_" + f"{number:020}".translate(_LETTERS)


async def see(world: World, numbers: range) -> None:
    """Have the proxy know these, some at once."""
    applications = world.running.parts.applications
    for first in range(numbers.start, numbers.stop, AT_ONCE):
        some = range(first, min(numbers.stop, first + AT_ONCE))
        await asyncio.gather(*(applications.fetch(name_of(number)) for number in some))
        world.console.asked.clear()


async def measure(count: int, kept: int) -> Figures:
    """All of them, one after the other."""
    with tempfile.TemporaryDirectory(prefix="sg-") as name:
        async with a_world(Path(name)) as world:
            documents = Documents(world.document())
            world.console.documents = documents  # type: ignore[assignment]
            await world.start_proxy(known_applications=kept)
            await world.connected()
            memory = [memory_kb(os.getpid())]
            began_s = time.process_time()
            for numbers in (range(kept), range(kept, 2 * kept), range(2 * kept, count)):
                await see(world, numbers)
                await world.running.parts.applications.save()
                memory.append(memory_kb(os.getpid()))
            spent_s = time.process_time() - began_s
            known, asked = len(world.running.parts.applications), documents.asked
            for number in range(count - 100, count):
                assert world.running.parts.applications.get(name_of(number), time.time()) is not None
    return {
        "applications": count,
        "known": known,
        "asked_each": asked / count,
        "us_each": 1e6 * spent_s / count,
        "kb_each": (memory[1] - memory[0]) / kept,
        "full_mb": memory[2] / 1024,
        "after_mb": memory[3] / 1024,
    }


def known(count: int) -> Figures:
    """Measured in a process of its own, for its memory's sake."""
    command = (sys.executable, __file__, "--applications", str(count), "--kept", str(count // 10))
    figures: Figures = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--applications", type=int, default=100_000)
    parser.add_argument("--kept", type=int, default=10_000)
    arguments = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.write(json.dumps(runner.run(measure(arguments.applications, arguments.kept))) + "\n")
