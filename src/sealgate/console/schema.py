"""Every table of the console in one place, for migrations and the test that compares them."""

from __future__ import annotations

from sealgate.console.accounts.models import Invitation, Organization, SignIn, User
from sealgate.console.addon.models import Addon, Probe, TicketAsked
from sealgate.console.api.models import ManagementToken
from sealgate.console.applications.models import Application, Origin, SessionKey
from sealgate.console.audit.models import AuditEntry
from sealgate.console.database import Base
from sealgate.console.erasure.models import ErasureOrder
from sealgate.console.feed.models import Change
from sealgate.console.notices.destinations import KnownDestination
from sealgate.console.usage.models import Usage

TABLES = (
    Organization,
    User,
    Invitation,
    SignIn,
    Application,
    Origin,
    SessionKey,
    Addon,
    TicketAsked,
    Probe,
    Usage,
    Change,
    AuditEntry,
    ManagementToken,
    ErasureOrder,
    KnownDestination,
)

metadata = Base.metadata
