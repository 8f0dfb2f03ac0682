"""What the management API takes and gives: the structs that the OpenAPI document is drawn from.

What is absent from a request stays as it is; inside `limits`, `prompt` and an action it takes its default.
Counterpart: `routes`, which names one for every way in and out. No struct has a place for a provider key.
"""

from __future__ import annotations

import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from sealgate.policy.budgets import MAX_BUDGETS, Budget, Resets
from sealgate.policy.document import (
    MAX_ACTIONS,
    MAX_MODELS,
    MAX_PLANS,
    MAX_SOURCES,
    ActionId,
    Choice,
    Description,
    Endpoint,
    Instructions,
    Label,
    Limits,
    ModelName,
    Parameter,
    Plan,
    PlanLimits,
    Policy,
    Prompt,
    Source,
    Tokens,
)

ExternalName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9-]{0,62}\Z",
        description="The caller's own name for an application, unique in the organization.",
    ),
]
Moment = datetime.datetime
Name = Annotated[str, Meta(max_length=320)]
OriginText = Annotated[str, Meta(max_length=2_048)]


class LimitsWanted(Limits, frozen=True, forbid_unknown_fields=True):
    """Limits; those that are absent take their defaults."""


class PromptWanted(Prompt, frozen=True, forbid_unknown_fields=True):
    """The free prompt."""


class PlanLimitsWanted(PlanLimits, frozen=True, forbid_unknown_fields=True):
    """What a plan has otherwise than its application; absent: as the application has it."""


class PlanWanted(Plan, frozen=True, forbid_unknown_fields=True):
    """A plan; what is absent is as the application has it."""

    limits: PlanLimitsWanted = PlanLimitsWanted()


class BudgetWanted(Budget, frozen=True, forbid_unknown_fields=True):
    """A budget. `reset` is kept where it is absent; a larger number lets the count begin anew."""

    reset: Resets | UnsetType = UNSET  # type: ignore[assignment]


class ChoiceWanted(Choice, frozen=True, forbid_unknown_fields=True):
    """One value of a parameter."""


class ParameterWanted(Parameter, frozen=True, forbid_unknown_fields=True):
    """A choice that the end user makes before an action runs."""

    choices: Annotated[tuple[ChoiceWanted, ...], Meta(min_length=1, max_length=16)]


class ActionWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """An action. With the id of a ready one, what is absent is taken from it; else it must be complete."""

    id: ActionId
    label: Label | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    model: ModelName | UnsetType = UNSET
    instructions: Instructions | UnsetType = UNSET
    parameters: Annotated[tuple[ParameterWanted, ...], Meta(max_length=8)] | UnsetType = UNSET
    output_tokens: Tokens | UnsetType = UNSET
    own_language: bool | UnsetType = UNSET


class SourceWanted(Source, frozen=True, forbid_unknown_fields=True):
    """Where answers may come from; without a credential, the add-on's own."""


class PolicyWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """What sessions may do. An action is the id of a ready one (on the first model), or an object."""

    models: Annotated[tuple[ModelName, ...], Meta(min_length=1, max_length=MAX_MODELS)] | UnsetType = UNSET
    actions: Annotated[tuple[str | ActionWanted, ...], Meta(max_length=MAX_ACTIONS)] | UnsetType = UNSET
    limits: LimitsWanted | UnsetType = UNSET
    endpoints: tuple[Endpoint, ...] | UnsetType = UNSET
    prompt: PromptWanted | UnsetType | None = UNSET
    allow_unknown_fields: bool | UnsetType = UNSET
    budgets: Annotated[tuple[BudgetWanted, ...], Meta(max_length=MAX_BUDGETS)] | UnsetType = UNSET
    plans: Annotated[tuple[PlanWanted, ...], Meta(max_length=MAX_PLANS)] | UnsetType = UNSET
    sources: Annotated[tuple[SourceWanted, ...], Meta(max_length=MAX_SOURCES)] | UnsetType = UNSET


class OrganizationBudgets(Struct, frozen=True, forbid_unknown_fields=True):
    """Every budget of the organization, in the scope `organization`: what its applications share."""

    budgets: Annotated[tuple[BudgetWanted, ...], Meta(max_length=8)]


class SessionKeyWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """The public half of a session key. `kid` is `key_` and 20 characters, as `SigningKey` makes it."""

    kid: Annotated[str, Meta(max_length=64)]
    name: Name
    public_key: Annotated[
        str, Meta(max_length=4_096, description="Ed25519 or P-256: PEM, or raw in base64url.")
    ]


class ApplicationWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """An application as it should be. The lists are whole: what is not on them is removed or revoked."""

    name: Name
    active: bool = True
    policy: PolicyWanted = PolicyWanted()
    origins: Annotated[tuple[OriginText, ...], Meta(max_length=200)] | UnsetType = UNSET
    session_keys: Annotated[tuple[SessionKeyWanted, ...], Meta(max_length=100)] | UnsetType = UNSET


class ApplicationChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What to change of an application."""

    name: Name | UnsetType = UNSET
    external_name: ExternalName | UnsetType | None = UNSET
    active: bool | UnsetType = UNSET
    policy: PolicyWanted | UnsetType = UNSET


class OriginsBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Every browser origin whose pages may use the application."""

    origins: Annotated[tuple[OriginText, ...], Meta(max_length=200)]


class ActiveBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether the add-on lets requests through."""

    active: bool


class TicketWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """A destination of the vault's. `stage`: the key waits beside the active one until it is switched to.

    `another`: a credential of its own beside the add-on's, for the policy's `sources`; it replaces nothing.
    """

    provider: Annotated[str, Meta(max_length=64)]
    origin: OriginText
    stage: bool = False
    another: bool = False


class CredentialNamed(Struct, frozen=True, forbid_unknown_fields=True):
    """A credential of the application."""

    credential: Annotated[str, Meta(max_length=64)]


class VersionNamed(Struct, frozen=True, forbid_unknown_fields=True):
    """A version of the credential in use."""

    version: Annotated[int, Meta(ge=1, le=2**53)]


class EraseWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """`confirm` is the name of what is erased: of the application, or of the organization."""

    confirm: Name


class EraseCredentialWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """A credential of the application; `confirm` is the application's name."""

    credential: Annotated[str, Meta(max_length=64)]
    confirm: Name


class OrganizationView(Struct, frozen=True):
    """The organization that the token belongs to."""

    id: str
    name: str
    created_at: Moment


class ApplicationBrief(Struct, frozen=True):
    """One row of the list."""

    id: str
    external_name: str | None
    name: str
    active: bool
    version: int
    created_at: Moment


class ApplicationList(Struct, frozen=True):
    """One page; `next` is the cursor of the page after it."""

    items: tuple[ApplicationBrief, ...]
    next: str | None


class SessionKeyView(Struct, frozen=True):
    """A session key's public half."""

    kid: str
    name: str
    algorithm: str
    public_key: str
    created_at: Moment
    revoked_at: Moment | None


class SessionKeyList(Struct, frozen=True):
    """The application's session keys: working ones first, then the newest."""

    items: tuple[SessionKeyView, ...]


class ApplicationView(Struct, frozen=True):
    """An application whole; `session_keys` has those that are not revoked. `version` is in the ETag too."""

    id: str
    external_name: str | None
    name: str
    active: bool
    version: int
    created_at: Moment
    origins: tuple[str, ...]
    session_keys: tuple[SessionKeyView, ...]
    policy: Policy


class DestinationView(Struct, frozen=True):
    """Where a key may go; the vault alone decides."""

    provider: str
    origin: str
    label: str


class DestinationList(Struct, frozen=True):
    """Every allowed destination."""

    items: tuple[DestinationView, ...]


class VersionView(Struct, frozen=True):
    """One key of a credential that the vault holds now, masked."""

    version: int
    standing: str
    last_four: str
    fingerprint: str
    deposited_at: Moment


class CredentialView(Struct, frozen=True):
    """What anyone may ever see of a credential."""

    credential: str
    provider: str
    origin: str
    state: str
    version: int
    last_four: str
    fingerprint: str
    deposited_at: Moment | None
    last_opened_at: Moment | None
    revoked_at: Moment | None
    versions: tuple[VersionView, ...]


class AddonView(Struct, frozen=True):
    """The add-on. `state`: none, awaited, active, off, revoked, unknown (the vault cannot be asked now)."""

    state: str
    active: bool
    credential: str | None
    provider: str | None
    origin: str | None
    credentials: tuple[CredentialView, ...]


class TicketView(Struct, frozen=True):
    """A one-time right to deposit a key: show `ticket` to the vault, seal to what it answers, hand it in."""

    ticket: str
    deposit_url: str
    vault_url: str
    application: str
    credential: str
    version: int
    provider: str
    origin: str
    expires_at: Moment


class RevokedView(Struct, frozen=True):
    """Done: the key is destroyed and every connected proxy was told."""

    credential: str
    revoked_at: Moment


class ErasureView(Struct, frozen=True):
    """An erasure. `state`: ordered (the vault went away; it is asked again), erasing, erased, overdue, final,
    unknown (the vault cannot be asked now)."""

    kind: str
    subject: str
    name: str
    state: str
    receipt: str | None
    ordered_at: Moment
    erased_at: Moment | None
    final_by: Moment | None
    final_at: Moment | None
    waits_for: tuple[str, ...]
    """`rows`, `sealing-keys`, and KEK versions."""


class ErasureList(Struct, frozen=True):
    """Every erasure of the organization, the newest first."""

    items: tuple[ErasureView, ...]


class SignedReceipt(Struct, frozen=True):
    """A JWS in flattened JSON (RFC 7515 section 7.2.2), signed by the vault with Ed25519."""

    payload: str
    protected: str
    signature: str


class ReceiptView(Struct, frozen=True):
    """An erasure and its receipt, signed as things stand now; none while the vault is still at it."""

    erasure: ErasureView
    receipt: SignedReceipt | None


class UsageView(Struct, frozen=True):
    """One settled exchange; no content, no clear identity."""

    request: str
    started_at: Moment
    application: str
    pseudonym: str
    endpoint: str
    action: str
    model: str
    outcome: str
    status: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    estimated: bool
    first_byte_ms: int
    duration_ms: int
    pictures: int
    sound_ms: int
    credential: str
    provider: str
    tries: int
    cost_nano_usd: int | None


class UsageList(Struct, frozen=True):
    """One page, newest first; `next` is the cursor of the page after it."""

    items: tuple[UsageView, ...]
    next: str | None


class UsageTotalsView(Struct, frozen=True):
    """Sums. `estimated`: some of it is counted by us, where the provider did not say."""

    exchanges: int
    input_tokens: int
    output_tokens: int
    estimated: bool


class ChangeView(Struct, frozen=True):
    """One entry of the record of changes."""

    position: int
    at: Moment
    who: str
    what: str
    words: str
    detail: str
    application: str | None
    token: str | None
    """The id of the management token that it was done with."""


class ChangeList(Struct, frozen=True):
    """One page, newest first; `next` is the cursor of the page after it."""

    items: tuple[ChangeView, ...]
    next: str | None


class StatusView(Struct, frozen=True):
    """The console and who is connected to it."""

    instance: str
    version: str
    protocol: int
    vault_connected: bool
    proxies: tuple[str, ...]
