"""Who writes in a demo: the simulated provider of this machine, or OpenAI itself, with a real key.

Counterparts: `house` makes folder and settings for it, `seeding` the models, `showing` says which one it is.
"""

from __future__ import annotations

from msgspec import Struct

from sealgate.demo.ports import Ports
from sealgate.policy.document import ENDPOINTS, USUAL_ENDPOINTS, Endpoint


class DemoProvider(Struct, frozen=True):
    """One provider."""

    simulated: bool
    origin: str
    folder: str
    """Inside the demo's folder: a real key lies in a vault of its own, not beside simulated ones."""
    models: tuple[str, ...]
    """The first one is the one that the seeded actions use."""
    endpoints: tuple[Endpoint, ...] = USUAL_ENDPOINTS


def simulated(ports: Ports) -> DemoProvider:
    """The stand-in; the models with faults are there to be tried."""
    return DemoProvider(
        simulated=True,
        origin=f"https://simulator.localhost:{ports.simulator}",
        folder="",
        models=(
            "gpt-sim",
            "gpt-sim-mini",
            "gpt-4o-mini",
            "text-embedding-3-small",
            "gpt-image-sim",
            "tts-sim",
            "transcribe-sim",
            "sim-401-echo",
            "sim-429-rate",
            "sim-429-quota",
            "sim-500-html",
            "sim-slow",
            "sim-reset",
            "sim-hang",
            "sim-redirect",
        ),
        endpoints=ENDPOINTS,
    )


def openai() -> DemoProvider:
    """OpenAI itself; a small model first, since every answer is paid for."""
    return DemoProvider(
        simulated=False,
        origin="https://api.openai.com",
        folder="openai",
        models=("gpt-5.4-mini", "gpt-4.1-mini", "gpt-5.4", "text-embedding-3-small"),
    )
