"""Every setting of a Sealgate installation: one table, from a TOML file, the environment, and defaults.

The three processes get plain configuration structs made from it and never read a file or an environment of
their own. Unknown settings are refused by name, and so is anything that would speak in the clear beyond this
machine.
"""

from sealgate.settings.checks import check
from sealgate.settings.identity import IDENTITY_NAME, Identity, identify, make_identity
from sealgate.settings.reading import OTHER_VARIABLES, Row, load, parse, read, rows, write
from sealgate.settings.table import (
    ConsoleSettings,
    DestinationSettings,
    EgressSettings,
    ProxySettings,
    Settings,
    SettingsError,
    UserSettings,
    VaultSettings,
    host_of,
)
from sealgate.settings.telemetry import TelemetrySettings

__all__ = [
    "IDENTITY_NAME",
    "OTHER_VARIABLES",
    "ConsoleSettings",
    "DestinationSettings",
    "EgressSettings",
    "Identity",
    "ProxySettings",
    "Row",
    "Settings",
    "SettingsError",
    "TelemetrySettings",
    "UserSettings",
    "VaultSettings",
    "check",
    "host_of",
    "identify",
    "load",
    "make_identity",
    "parse",
    "read",
    "rows",
    "write",
]
