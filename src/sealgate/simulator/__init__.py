"""A stand-in for the OpenAI API: the same shapes, over TLS, with scripted faults and no cost.

Its counterpart is whatever speaks to OpenAI (the proxy, an SDK, a test). It must never be taken for a model:
its answers are made by rules, and it keeps no prompt and no answer.
"""

from sealgate.simulator.calls import Call, EndedBy, Received
from sealgate.simulator.config import SimulatorConfig
from sealgate.simulator.simulator import Simulator

__all__ = ["Call", "EndedBy", "Received", "Simulator", "SimulatorConfig"]
