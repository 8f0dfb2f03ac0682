"""The policy document: what an application's sessions may do, written by the console, read by the proxy.

It travels as msgpack inside the application's feed document. It must never hold a secret, a price or a
person: whoever reads the feed may read it whole. Every field that a release adds has a default, so that
stored documents and snapshots of the release before it still decode.
"""

import re
from typing import Annotated, Final, Literal, get_args

import msgspec

from sealgate.policy.budgets import MAX_BUDGETS, Budget, PlanId, fault_of

MAX_ACTIONS: Final = 64
MAX_MODELS: Final = 256
MAX_PLANS: Final = 32
MAX_SOURCES: Final = 8
UPLOAD_MOST_BYTES: Final = 67_108_864

ModelName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}\Z")]
ActionId = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,47}\Z")]
ParameterId = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,31}\Z")]
ChoiceValue = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,47}\Z")]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
Description = Annotated[str, msgspec.Meta(max_length=240)]
Instructions = Annotated[str, msgspec.Meta(min_length=1, max_length=8_000)]
Tokens = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3_600)]
RequestsPerMinute = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
Streams = Annotated[int, msgspec.Meta(ge=1, le=1_000)]
BodyBytes = Annotated[int, msgspec.Meta(ge=1_024, le=16_777_216)]
InputBytes = Annotated[int, msgspec.Meta(ge=1, le=16_777_216)]
Images = Annotated[int, msgspec.Meta(ge=0, le=1_000)]
UploadBytes = Annotated[int, msgspec.Meta(ge=1_024, le=UPLOAD_MOST_BYTES)]
Pictures = Annotated[int, msgspec.Meta(ge=1, le=10)]
Answers = Annotated[int, msgspec.Meta(ge=1, le=16)]
Retries = Annotated[int, msgspec.Meta(ge=0, le=5)]
CredentialId = Annotated[str, msgspec.Meta(pattern=r"^cred_[a-z2-7]{20}\Z")]
Rank = Annotated[int, msgspec.Meta(ge=1, le=MAX_SOURCES)]
Weight = Annotated[int, msgspec.Meta(ge=1, le=100)]
Pixels = Annotated[int, msgspec.Meta(ge=65_536, le=16_777_216)]

Endpoint = Literal[
    "chat.completions",
    "responses",
    "embeddings",
    "moderations",
    "models",
    "images.generations",
    "images.edits",
    "audio.speech",
    "audio.transcriptions",
    "audio.translations",
]
ENDPOINTS: Final[tuple[Endpoint, ...]] = get_args(Endpoint)
USUAL_ENDPOINTS: Final[tuple[Endpoint, ...]] = ENDPOINTS[:5]
"""What an application offers that names none. Pictures and sound cost differently: somebody chooses them."""

PLACEHOLDER: Final = re.compile(r"\[([a-z][a-z0-9_]{0,31})\]")


class PolicyError(ValueError):
    """A policy document that cannot be used; `hint` says what to change."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = "policy_invalid"
        self.hint = hint


class Choice(msgspec.Struct, frozen=True):
    """One value of a parameter: `label` is shown to people, `wording` goes into the instructions."""

    value: ChoiceValue
    label: Label
    wording: Annotated[str, msgspec.Meta(min_length=1, max_length=400)]


class Parameter(msgspec.Struct, frozen=True):
    """A choice that the end user makes before an action runs; never free text."""

    id: ParameterId
    label: Label
    choices: Annotated[tuple[Choice, ...], msgspec.Meta(min_length=1, max_length=16)]
    default: ChoiceValue

    def choice(self, value: str) -> Choice | None:
        """The choice of this value, or None."""
        return next((choice for choice in self.choices if choice.value == value), None)


class Action(msgspec.Struct, frozen=True, weakref=True):
    """A prompt template that stays on the server; `[parameter]` in it becomes a choice's wording.

    Its answer is in the language of the text, unless `own_language`: then the instructions name the language.
    """

    id: ActionId
    label: Label
    description: Description
    model: ModelName
    instructions: Instructions
    parameters: Annotated[tuple[Parameter, ...], msgspec.Meta(max_length=8)] = ()
    output_tokens: Tokens = 1_024
    own_language: bool = False


class Prompt(msgspec.Struct, frozen=True):
    """The free prompt: the end user writes what to do; the instructions say what it is for."""

    model: ModelName
    instructions: Instructions
    output_tokens: Tokens = 1_024
    follow_ups: Annotated[int, msgspec.Meta(ge=0, le=32)] = 6


class Limits(msgspec.Struct, frozen=True):
    """How much one session may use: the first two are per session, all others per request.

    `input_bytes` counts the text of a request in UTF-8, `images` the pictures in it; None: as many as fit.
    `upload_bytes` is of a form with its files: 25 MiB of sound and the fields around it. `pictures` may be
    asked for in one request, each of at most `picture_pixels`. After every source failed in passing, they are
    asked again `retries` times. `answers`: how many one chat may ask for (`n`), each of `output_tokens`.
    """

    requests_per_minute: RequestsPerMinute = 20
    concurrent_streams: Streams = 3
    output_tokens: Tokens = 1_024
    body_bytes: BodyBytes = 1_048_576
    connect_s: Seconds = 5.0
    first_byte_s: Seconds = 60.0
    idle_s: Seconds = 60.0
    total_s: Seconds = 600.0
    input_bytes: InputBytes | None = None
    images: Images | None = None
    tools: bool = True
    upload_bytes: UploadBytes = 26_279_936
    pictures: Pictures = 4
    picture_pixels: Pixels = 4_194_304
    retries: Retries = 1
    answers: Answers = 1


class PlanLimits(msgspec.Struct, frozen=True):
    """What a plan has otherwise than its application; None: as the application has it."""

    requests_per_minute: RequestsPerMinute | None = None
    concurrent_streams: Streams | None = None
    output_tokens: Tokens | None = None
    body_bytes: BodyBytes | None = None
    input_bytes: InputBytes | None = None
    images: Images | None = None
    tools: bool | None = None
    upload_bytes: UploadBytes | None = None
    pictures: Pictures | None = None
    picture_pixels: Pixels | None = None
    answers: Answers | None = None


class Plan(msgspec.Struct, frozen=True):
    """What sessions may do whose token names this plan; None: as the application has it.

    Without a list of actions of its own, a plan has those whose model it allows.
    """

    id: PlanId
    label: Label
    models: Annotated[tuple[ModelName, ...], msgspec.Meta(max_length=MAX_MODELS)] | None = None
    endpoints: tuple[Endpoint, ...] | None = None
    actions: Annotated[tuple[ActionId, ...], msgspec.Meta(max_length=MAX_ACTIONS)] | None = None
    prompt: bool = True
    limits: PlanLimits = PlanLimits()


class Source(msgspec.Struct, frozen=True):
    """Where answers may come from: a credential (None: the add-on's own), and what it is asked for.

    The lowest `rank` is asked first, its sources in proportion to their `weight`; the next rank where all of
    these fail. `models` names the model that this one is asked for instead. Believed by nobody: the vault
    opens a credential for its own provider and origin alone.
    """

    credential: CredentialId | None = None
    provider: Annotated[str, msgspec.Meta(max_length=64)] = ""
    origin: Annotated[str, msgspec.Meta(max_length=2_048)] = ""
    rank: Rank = 1
    weight: Weight = 1
    models: Annotated[dict[ModelName, ModelName], msgspec.Meta(max_length=MAX_MODELS)] = {}


class Policy(msgspec.Struct, frozen=True):
    """Everything that decides whether and how a request of one application goes on.

    `endpoints` are those that its sessions may call directly; without a `prompt` there is no free prompt.
    With `plans`, a session's token may name one of them, and no other. Counterpart of these: `plans.py`.
    Without `sources`, the add-on's own credential alone is asked. Counterpart: `sources.py`.
    """

    models: Annotated[tuple[ModelName, ...], msgspec.Meta(max_length=MAX_MODELS)]
    actions: Annotated[tuple[Action, ...], msgspec.Meta(max_length=MAX_ACTIONS)] = ()
    limits: Limits = Limits()
    allow_unknown_fields: bool = False
    endpoints: tuple[Endpoint, ...] = USUAL_ENDPOINTS
    prompt: Prompt | None = None
    plans: Annotated[tuple[Plan, ...], msgspec.Meta(max_length=MAX_PLANS)] = ()
    budgets: Annotated[tuple[Budget, ...], msgspec.Meta(max_length=MAX_BUDGETS)] = ()
    sources: Annotated[tuple[Source, ...], msgspec.Meta(max_length=MAX_SOURCES)] = ()

    def action(self, action_id: str) -> Action | None:
        """The action of this id, or None."""
        return next((action for action in self.actions if action.id == action_id), None)


def encode_policy(policy: Policy) -> bytes:
    """The document as msgpack bytes; raises PolicyError for one that `decode_policy` would refuse."""
    encoded = msgspec.msgpack.encode(policy)
    decode_policy(encoded)
    return encoded


def decode_policy(encoded: bytes | msgspec.Raw) -> Policy:
    """The document in these msgpack bytes, checked; raises PolicyError."""
    try:
        policy = msgspec.msgpack.decode(encoded, type=Policy)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PolicyError(f"the policy does not have the right form: {error}", "Save it again.") from error
    _check_unique("model", policy.models)
    _check_unique("endpoint", policy.endpoints)
    _check_unique("action", tuple(action.id for action in policy.actions))
    for action in policy.actions:
        _check_action(action, policy.models)
    if policy.prompt is not None:
        _check_model("the free prompt", policy.prompt.model, policy.models)
    _check_unique("plan", tuple(plan.id for plan in policy.plans))
    for plan in policy.plans:
        _check_plan(plan, policy)
    check_budgets(policy.budgets, policy.plans)
    check_sources(policy.sources, policy.models)
    return policy


def check_budgets(budgets: tuple[Budget, ...], plans: tuple[Plan, ...] | None) -> None:
    """Raise PolicyError for budgets that cannot be counted; `plans` None: those of several applications."""
    for budget in budgets:
        fault = fault_of(budget)
        if fault is not None:
            raise PolicyError(f"budget {budget.name!r} cannot be: {fault[0]}", fault[1])
        for name in budget.plans:
            if plans is not None and all(plan.id != name for plan in plans):
                raise PolicyError(
                    f"budget {budget.name!r} is of plan {name!r}, which there is not",
                    "Add the plan, or leave it out.",
                )
    _check_unique("budget", tuple(budget.name for budget in budgets))


def check_sources(sources: tuple[Source, ...], models: tuple[str, ...]) -> None:
    """Raise PolicyError for sources that cannot be asked."""
    for place, source in enumerate(sources, 1):
        if (source.credential is None) != (not source.provider and not source.origin):
            raise PolicyError(
                f"source {place} does not say where its key goes",
                "Give credential, provider and origin, or none of them for the add-on's own key.",
            )
        for model in source.models:
            _check_model(f"source {place}", model, models)
        if source in sources[: place - 1]:
            raise PolicyError(f"source {place} stands twice", "Keep one of the two, or give it a weight.")


def _check_model(what: str, model: str, models: tuple[str, ...]) -> None:
    if model not in models:
        raise PolicyError(
            f"{what} uses model {model!r}, which the application does not allow",
            "Add the model to the application's list, or choose one that is on it.",
        )


def _check_action(action: Action, models: tuple[str, ...]) -> None:
    _check_model(f"action {action.id!r}", action.model, models)
    _check_unique(f"parameter of {action.id!r}", tuple(parameter.id for parameter in action.parameters))
    placed = set(PLACEHOLDER.findall(action.instructions))
    for parameter in action.parameters:
        _check_unique(f"choice of {parameter.id!r}", tuple(choice.value for choice in parameter.choices))
        if parameter.choice(parameter.default) is None:
            raise PolicyError(
                f"parameter {parameter.id!r} of action {action.id!r} has no choice {parameter.default!r}",
                "Make one of its choices the default.",
            )
        if parameter.id not in placed:
            raise PolicyError(
                f"the instructions of action {action.id!r} never use its parameter {parameter.id!r}",
                f"Write [{parameter.id}] where its wording belongs.",
            )


def _check_plan(plan: Plan, policy: Policy) -> None:
    models = policy.models if plan.models is None else plan.models
    for model in models:
        _check_model(f"plan {plan.id!r}", model, policy.models)
    for action_id in plan.actions or ():
        action = policy.action(action_id)
        if action is None:
            raise PolicyError(
                f"plan {plan.id!r} has an action {action_id!r}, which the application has not",
                "Add the action to the application, or take it out of the plan.",
            )
        _check_model(f"action {action_id!r} of plan {plan.id!r}", action.model, models)


def _check_unique(what: str, values: tuple[str, ...]) -> None:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise PolicyError(f"{what} {value!r} stands twice", "Keep one of the two.")
