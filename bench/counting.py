"""What the console takes for each exchange that a proxy tells it of: its price, and its row.

A database of its own, batches as proxies send them; processor time, of which a machine that does something
else takes little away. It has to stay far below what the proxy itself takes: both run on the same machine.

    .venv/bin/python -m bench.counting [--batches 10]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from pathlib import Path

from sealgate.console.database import Database, migrate
from sealgate.console.usage.prices import Prices
from sealgate.console.usage.pricing import price_batch
from sealgate.console.usage.services import count_usage
from sealgate.ids import new_id
from sealgate.messages.feed import Outcome, UsageBatch, UsageRecord
from sealgate.proxy.shipping import BATCH_RECORDS


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sgb") as folder:
        priced_us, counted_us = asyncio.run(measured(Path(folder) / "console.db", options.batches))
    found = {"priced_us": round(priced_us, 1), "counted_us": round(counted_us, 1)}
    sys.stdout.write(json.dumps(found) + "\n")


async def measured(path: Path, batches: int) -> tuple[float, float]:
    """Microseconds of processor time for each exchange: for its price, and to count it."""
    migrate(path)
    database, prices = Database(path), Prices()
    epoch, application = new_id("ep"), new_id("app")
    priced_s = counted_s = 0.0
    for number in range(batches + 1):
        batch = UsageBatch(proxy="prx", epoch=epoch, records=records(number * BATCH_RECORDS, application))
        began_s = time.process_time()
        priced = await price_batch(database, prices, batch)
        middle_s = time.process_time()
        async with database.writing() as tx:
            counted = await count_usage(tx, batch, priced)
        assert counted.new == BATCH_RECORDS
        if number:  # the first reads the table of prices
            priced_s += middle_s - began_s
            counted_s += time.process_time() - middle_s
    await database.close()
    each = 1e6 / (batches * BATCH_RECORDS)
    return priced_s * each, counted_s * each


def records(after: int, application: str) -> tuple[UsageRecord, ...]:
    """As many as a proxy sends at once, no two alike."""
    chance = random.Random(after)  # noqa: S311 - a bench
    return tuple(
        UsageRecord(
            sequence=after + number,
            request=new_id("req"),
            started_at=time.time(),
            organization=new_id("org"),
            application=application,
            pseudonym="pn_" + "a" * 20,
            endpoint="chat.completions",
            action="",
            model="gpt-4o-mini",
            outcome=Outcome.COMPLETED,
            status=200,
            input_tokens=chance.randrange(1, 4_000),
            output_tokens=chance.randrange(1, 1_000),
            cached_tokens=0,
            estimated=False,
            first_byte_ms=200,
            duration_ms=1_500,
            provider="openai",
            origin="https://api.openai.com",
        )
        for number in range(1, BATCH_RECORDS + 1)
    )


if __name__ == "__main__":
    main()
