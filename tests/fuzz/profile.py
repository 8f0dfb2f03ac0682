"""How many examples a fuzz test tries: few in the suite, twenty times as many when asked.

`HYPOTHESIS_PROFILE=long python -m pytest tests/fuzz --timeout 3600` asks.
"""

from __future__ import annotations

import os
from typing import Final

from hypothesis import HealthCheck, settings

LONG: Final = os.environ.get("HYPOTHESIS_PROFILE") == "long"


def examples(count: int) -> settings:
    """Settings of a test that takes `count` examples in the suite; no time limit, since machines differ."""
    return settings(
        max_examples=count * (20 if LONG else 1),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
