"""The settings of telemetry: where traces and metrics go, if anywhere.

Counterparts: `table`, which holds them with the others; `sealgate.proxy.telemetry_config`, which they become.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from sealgate.proxy.telemetry_config import TelemetryConfig
from sealgate.settings.kinds import AuthoritiesFile, path_of


class TelemetrySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """OpenTelemetry, of the proxy. Empty `endpoint`: nothing is sent."""

    endpoint: Annotated[
        str,
        Meta(
            description="Collector for traces and metrics (OTLP/HTTP, JSON): "
            "`https://collector.example:4318`, or `http://127.0.0.1:4318` on this machine. Empty: none."
        ),
    ] = ""
    headers_file: Annotated[
        str,
        Meta(
            description="File of lines `name: value` for the collector, such as its token, mode 0400; "
            "read at each delivery. Empty: none."
        ),
    ] = ""
    ca_file: AuthoritiesFile = ""
    traces: Annotated[
        float, Meta(ge=0, le=1, description="The part of exchanges that leaves a span; metrics have all.")
    ] = 1.0
    metrics_every_s: Annotated[
        float, Meta(ge=1, le=3600, description="Seconds between two deliveries of metrics.")
    ] = 15.0

    def collector(self) -> TelemetryConfig | None:
        """What the proxy is started with; None: nothing is sent."""
        if not self.endpoint:
            return None
        return TelemetryConfig(
            endpoint=self.endpoint,
            headers_file=path_of(self.headers_file),
            ca_file=path_of(self.ca_file),
            traces=self.traces,
            metrics_every_s=self.metrics_every_s,
        )
