"""Proxy and console: configuration out, usage in, and the test of a key that the console asks a proxy for.

One document per application; a change log with a cursor, long-polled; usage at least once, counted once by
(proxy, epoch, sequence). Nothing on the feed is secret; no message carries content.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from sealgate.messages.frames import Message


class SessionKeyEntry(msgspec.Struct, frozen=True):
    """Public half of a key that a host's back end signs session tokens with."""

    kid: str
    algorithm: str
    """`Ed25519` or `ES256`."""
    public_key: bytes
    """Ed25519: 32 raw bytes (RFC 8032). ES256: the uncompressed point on P-256, 65 bytes (SEC 1, 2.3.3)."""


class CredentialReference(msgspec.Struct, frozen=True):
    """Which credential the application uses. Believed by nobody: the vault checks every part."""

    credential: str
    provider: str
    origin: str


class ModelPrice(msgspec.Struct, frozen=True, array_like=True):
    """Billionths of a US dollar for a million tokens."""

    input: int
    cached_input: int
    output: int


class Prices(msgspec.Struct, frozen=True):
    """Prices of an application's models, for budgets of money; a model that is not here has none."""

    table: str
    """Which table they are from, and how new it is."""
    models: dict[str, ModelPrice]


class Application(Message, frozen=True, tag="application"):
    """Everything that a proxy must know of one application."""

    organization: str
    application: str
    name: str
    version: int
    """Grows with every change."""
    active: bool
    """False while the add-on is switched off: requests are refused, who=administrator."""
    origins: tuple[str, ...]
    """Browser origins that may use it, such as `https://app.example`."""
    session_keys: tuple[SessionKeyEntry, ...]
    credential: CredentialReference | None
    policy: msgspec.Raw
    """msgpack of `sealgate.policy.document.Policy`, with the budgets of the organization among its own."""
    prices: Prices | None = None
    """None where no budget counts money."""


class AskApplication(Message, frozen=True, tag="ask-application"):
    """Ask for one application's document."""

    application: str


class UnknownApplication(Message, frozen=True, tag="unknown-application"):
    """There is no such application (any more)."""

    application: str


class AskChanges(Message, frozen=True, tag="ask-changes"):
    """Ask what changed since a cursor; the answer may take up to `wait_s` seconds."""

    cursor: int
    wait_s: float = 25.0


class Changes(Message, frozen=True, tag="changes"):
    """Applications whose documents changed. `reset`: the cursor is not known, ask for all anew."""

    cursor: int
    applications: tuple[str, ...]
    reset: bool = False


class Outcome(StrEnum):
    """How an exchange ended. Every exchange has exactly one."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"  # the client left or stopped
    TRUNCATED = "truncated"  # the provider's stream ended without its end marker
    UPSTREAM_REFUSED = "upstream_refused"  # the provider answered with an error
    UPSTREAM_FAILED = "upstream_failed"  # no connection, reset, or bytes that are no HTTP
    UPSTREAM_TIMEOUT = "upstream_timeout"
    REVOKED = "revoked"  # the credential was revoked while it ran
    CUT = "cut"  # a budget was used up while it was written
    LOST = "lost"  # the proxy died; found in the journal afterwards
    # Refusals before anything was forwarded: counted, never journaled (nothing was spent).
    REFUSED_REQUEST = "refused_request"
    REFUSED_SESSION = "refused_session"
    REFUSED_POLICY = "refused_policy"
    REFUSED_LIMIT = "refused_limit"
    REFUSED_CREDENTIAL = "refused_credential"
    REFUSED_UNAVAILABLE = "refused_unavailable"


class UsageRecord(msgspec.Struct, frozen=True, array_like=True):
    """One settled exchange, as the console counts it. No content, no address, no clear identity."""

    sequence: int
    """Position in the proxy's journal epoch, from 1."""
    request: str
    started_at: float
    """Unix seconds."""
    organization: str
    application: str
    pseudonym: str
    endpoint: str
    """Such as `chat.completions`."""
    action: str
    """Action id, or empty for direct API use."""
    model: str
    outcome: Outcome
    status: int
    """HTTP status that the client saw; 0 if none went out."""
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    estimated: bool
    """True where the provider did not say and the numbers are ours."""
    first_byte_ms: int
    duration_ms: int
    pictures: int = 0
    """Pictures that were made."""
    sound_ms: int = 0
    """Sound that was heard, in milliseconds, where the provider bills by it."""
    credential: str = ""
    """The credential that was asked last; empty where none was."""
    provider: str = ""
    origin: str = ""
    tries: int = 1
    """How often a request went up."""


class UsageBatch(Message, frozen=True, tag="usage-batch"):
    """Settled exchanges in order; sending one twice is harmless."""

    proxy: str
    epoch: str
    records: tuple[UsageRecord, ...]


class UsageCounted(Message, frozen=True, tag="usage-counted"):
    """Everything up to `through` (a sequence of that epoch) is stored durably."""

    epoch: str
    through: int


class ProbeResult(StrEnum):
    """What a test of a key found. Each has its own cause, and its own person who can mend it."""

    OK = "ok"
    INVALID_KEY = "invalid_key"  # the provider does not know the key, or it was revoked there
    NO_CREDIT = "no_credit"  # the provider's account has nothing left to spend
    MODEL_NOT_ALLOWED = "model_not_allowed"  # the key is good, but may not use this model
    RATE_LIMITED = "rate_limited"
    UNREACHABLE = "unreachable"  # no connection, no answer in time, or bytes that are no HTTP
    CERTIFICATE = "certificate"  # the provider's certificate could not be verified
    WRONG_REGION = "wrong_region"  # the key belongs to another regional host of the provider
    PROVIDER_ERROR = "provider_error"
    CREDENTIAL_UNAVAILABLE = "credential_unavailable"  # the vault did not open this version
    OPEN_QUOTA = "open_quota"  # the vault opens no more keys for this proxy in this minute
    VAULT_UNAVAILABLE = "vault_unavailable"  # it is away, cannot work, or waits for the restore ceremony


class ProbeAsked(Message, frozen=True, tag="probe-asked"):
    """Notice: test this key with one smallest chat completion. Answered by `ProbeDone`, later."""

    probe: str
    organization: str
    application: str
    credential: str
    provider: str
    origin: str
    version: int | None
    """None: the active one."""
    model: str


class ProbeDone(Message, frozen=True, tag="probe-done"):
    """What the test of a key found."""

    probe: str
    result: ProbeResult
    status: int
    """HTTP status of the provider's answer; 0 if there was none."""
    duration_ms: int


class ProbeNoted(Message, frozen=True, tag="probe-noted"):
    """The console heard it. A probe that nobody waits for any more is noted too."""

    probe: str


FeedRequest = AskApplication | AskChanges | UsageBatch | ProbeDone
FeedReply = Application | UnknownApplication | Changes | UsageCounted | ProbeNoted
FeedNotice = ProbeAsked
