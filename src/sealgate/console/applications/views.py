"""Pages of applications: the list, and one page for each part of an application."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from sealgate.console.addon.models import Addon
from sealgate.console.addon.services import current_state, current_states
from sealgate.console.applications import services
from sealgate.console.applications.models import Application, Origin, SessionKey
from sealgate.console.applications.origins import parse_origin
from sealgate.console.applications.policies import actions_from_form, limits_from_form
from sealgate.console.applications.session_keys import parse_public_key
from sealgate.console.applications.snippets import NO_KEY, make_snippets, sdk_address
from sealgate.console.audit.services import recent_changes
from sealgate.console.forms import InputError
from sealgate.console.guides import GUIDES
from sealgate.console.visit import Visit
from sealgate.ids import new_id
from sealgate.policy.catalogue import ready_actions, ready_prompt
from sealgate.policy.document import Endpoint, Policy, decode_policy

ENDPOINT_WORDS: Mapping[Endpoint, tuple[str, str]] = {
    "chat.completions": ("Chat completions", "POST /v1/chat/completions"),
    "responses": ("Responses", "POST /v1/responses"),
    "embeddings": ("Embeddings", "POST /v1/embeddings"),
    "moderations": ("Moderations", "POST /v1/moderations"),
    "models": ("List of models", "GET /v1/models"),
    "images.generations": ("Pictures", "POST /v1/images/generations"),
    "images.edits": ("Edits of pictures", "POST /v1/images/edits"),
    "audio.speech": ("Speech", "POST /v1/audio/speech"),
    "audio.transcriptions": ("Transcripts", "POST /v1/audio/transcriptions"),
    "audio.translations": ("Transcripts in English", "POST /v1/audio/translations"),
}
"""What the page calls each endpoint of the policy."""


async def index(visit: Visit) -> Response:
    """Every application of the organization."""
    async with visit.reading() as tx:
        found = await services.list_applications(tx, visit.account.organization)
    states = await current_states(visit.console.desk, found)
    rows = [(*each, state.value) for each, state in zip(found, states, strict=True)]
    return visit.render("applications.html", rows=rows)


async def new(visit: Visit) -> Response:
    """The form for a new application."""
    return visit.render("application_new.html")


async def create(visit: Visit) -> Response:
    """Field: `name`."""
    try:
        async with visit.editing() as edit:
            application = await services.create_application(edit, visit.form.text("name"))
    except InputError as problem:
        return visit.render("application_new.html", problem=problem)
    return visit.go(f"/applications/{application.id}", "application-created")


class _Overview(Struct, frozen=True):
    """Everything that the overview shows."""

    application: Application
    addon: Addon | None
    origins: Sequence[Origin]
    keys: Sequence[SessionKey]
    changes: Sequence[object]


async def overview(visit: Visit, problem: InputError | None = None) -> Response:
    """Status, first steps, ids, snippets, recent changes, pause."""
    async with visit.reading() as tx:
        seen = await _overview(visit, tx)
    state = await current_state(visit.console.desk, seen.application, seen.addon)
    policy = decode_policy(seen.application.policy)
    snippets = make_snippets(
        proxy_url=visit.console.config.proxy_url,
        instance=visit.console.config.instance,
        application=seen.application.id,
        kid=seen.keys[0].kid if seen.keys else NO_KEY,
        origin=seen.origins[0].origin if len(seen.origins) == 1 else "",
        model=_model_to_try(policy),
    )
    return visit.render(
        "application.html",
        problem=problem,
        application=seen.application,
        state=state.value,
        origins=seen.origins,
        keys=seen.keys,
        changes=seen.changes,
        snippets=snippets,
        instance=visit.console.config.instance,
        proxy_url=visit.console.config.proxy_url,
        sdk_url=f"{sdk_address(visit.console.config.proxy_url)}/v1",
        chat_offered="chat.completions" in policy.endpoints,
        guides=GUIDES,
    )


async def rename(visit: Visit) -> Response:
    """Field: `name`."""
    try:
        async with visit.editing() as edit:
            await services.rename_application(edit, visit.path("application"), visit.form.text("name"))
    except InputError as problem:
        return await overview(visit, problem)
    return _back(visit, "", "application-renamed")


async def pause(visit: Visit) -> Response:
    """Refuse all its requests."""
    async with visit.editing() as edit:
        await services.set_active(edit, visit.path("application"), active=False)
    return _back(visit, "", "application-paused")


async def resume(visit: Visit) -> Response:
    """End the pause."""
    async with visit.editing() as edit:
        await services.set_active(edit, visit.path("application"), active=True)
    return _back(visit, "", "application-resumed")


async def origins(visit: Visit, problem: InputError | None = None) -> Response:
    """The origins that may use it."""
    async with visit.reading() as tx:
        application = await _application(visit, tx)
        rows = await services.list_origins(tx, application.id)
    proxy_url = visit.console.config.proxy_url
    return visit.render(
        "origins.html", problem=problem, application=application, rows=rows, proxy_url=proxy_url
    )


async def add_origin(visit: Visit) -> Response:
    """Field: `origin`."""
    try:
        origin = parse_origin(visit.form.text("origin"))
        async with visit.editing() as edit:
            await services.add_origin(edit, visit.path("application"), origin)
    except InputError as problem:
        return await origins(visit, problem)
    return _back(visit, "/origins", "origin-added")


async def remove_origin(visit: Visit) -> Response:
    """Field: `origin`."""
    async with visit.editing() as edit:
        await services.remove_origin(edit, visit.path("application"), visit.form.text("origin"))
    return _back(visit, "/origins", "origin-removed")


async def session_keys(visit: Visit, problem: InputError | None = None) -> Response:
    """The session keys; the form has a fresh key id, under which the browser saves the private half."""
    async with visit.reading() as tx:
        application = await _application(visit, tx)
        rows = await services.list_session_keys(tx, application.id)
    return visit.render(
        "session_keys.html", problem=problem, application=application, rows=rows, kid=new_id("key")
    )


async def add_session_key(visit: Visit) -> Response:
    """Fields: `name`, `kid`, `public_key` (raw bytes in base64url, or PEM)."""
    form = visit.form
    try:
        public_key = parse_public_key(form.text("public_key"))
        async with visit.editing() as edit:
            await services.add_session_key(
                edit,
                visit.path("application"),
                kid=form.text("kid"),
                name=form.text("name"),
                public_key=public_key,
            )
    except InputError as problem:
        return await session_keys(visit, problem)
    return _back(visit, "/session-keys", "session-key-added")


async def revoke_session_key(visit: Visit) -> Response:
    """Field: `kid`."""
    async with visit.editing() as edit:
        await services.revoke_session_key(edit, visit.path("application"), visit.form.text("kid"))
    return _back(visit, "/session-keys", "session-key-revoked")


async def actions(visit: Visit, problem: InputError | None = None) -> Response:
    """The ready actions, and which of them are on."""
    application, policy = await _with_policy(visit)
    return visit.render(
        "actions.html",
        problem=problem,
        application=application,
        policy=policy,
        ready=ready_actions(policy.models[0]),
        prompt=policy.prompt or ready_prompt(policy.models[0]),
    )


async def save_actions(visit: Visit) -> Response:
    """Fields: `action` (each that is on), `model:<action>`, `prompt` (if it is on), `prompt_model`."""
    _application, policy = await _with_policy(visit)
    try:
        changed = actions_from_form(policy, visit.form)
        async with visit.editing() as edit:
            await services.set_policy(edit, visit.path("application"), changed, "actions.changed")
    except InputError as problem:
        return await actions(visit, problem)
    return _back(visit, "/actions", "actions-saved")


async def limits(visit: Visit, problem: InputError | None = None) -> Response:
    """Limits, models and endpoints."""
    application, policy = await _with_policy(visit)
    return visit.render(
        "limits.html", problem=problem, application=application, policy=policy, endpoints=ENDPOINT_WORDS
    )


async def save_limits(visit: Visit) -> Response:
    """Fields: `requests_per_minute`, `concurrent_streams`, `output_tokens`, `models`, `endpoint` (each)."""
    _application, policy = await _with_policy(visit)
    try:
        changed = limits_from_form(policy, visit.form)
        async with visit.editing() as edit:
            await services.set_policy(edit, visit.path("application"), changed, "limits.changed")
    except InputError as problem:
        return await limits(visit, problem)
    return _back(visit, "/limits", "limits-saved")


def _model_to_try(policy: Policy) -> str:
    """The model of an action writes text; the first of the list may be one for embeddings."""
    return policy.actions[0].model if policy.actions else policy.models[0]


async def _application(visit: Visit, tx: AsyncSession) -> Application:
    return await services.find_application(tx, visit.account.organization, visit.path("application"))


async def _with_policy(visit: Visit) -> tuple[Application, Policy]:
    async with visit.reading() as tx:
        application = await _application(visit, tx)
    return application, decode_policy(application.policy)


async def _overview(visit: Visit, tx: AsyncSession) -> _Overview:
    application = await _application(visit, tx)
    keys = await services.list_session_keys(tx, application.id)
    return _Overview(
        application,
        await tx.get(Addon, application.id),
        await services.list_origins(tx, application.id),
        [key for key, _who in keys if key.revoked_at is None],
        await recent_changes(tx, visit.account.organization, application.id),
    )


def _back(visit: Visit, part: str, notice: str) -> Response:
    return visit.go(f"/applications/{visit.path('application')}{part}", notice)
