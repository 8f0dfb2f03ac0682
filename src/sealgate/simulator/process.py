"""The simulator as a process: runs until SIGTERM or SIGINT, then drains.

Its counterpart is the supervisor of the demo.
"""

from __future__ import annotations

import asyncio
import signal

import uvloop

from sealgate.log import LineLog
from sealgate.simulator.config import SimulatorConfig
from sealgate.simulator.events import EVENTS
from sealgate.simulator.simulator import Simulator


def run(config: SimulatorConfig) -> None:
    """Serve until told to stop; returns after the drain."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(config))


async def _serve(config: SimulatorConfig) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Simulator(config, LineLog("simulator", EVENTS)) as simulator:
        await stop.wait()
        await simulator.drain()
