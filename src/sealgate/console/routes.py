"""Every page of the console: the one route table, and what happens before a view runs.

A route without a permission is open to everybody, and says so. Unsafe methods need the form's token.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from urllib.parse import parse_qsl, quote

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sealgate.console import front, guides
from sealgate.console.accounts import member_views as members
from sealgate.console.accounts import views as accounts
from sealgate.console.addon import version_views as versions
from sealgate.console.addon import views as addon
from sealgate.console.addon.desk import VaultAwayError
from sealgate.console.api import views as tokens
from sealgate.console.applications import views as applications
from sealgate.console.applications.services import NotThereError
from sealgate.console.audit import views as audit
from sealgate.console.budgets import views as budgets
from sealgate.console.composition import Console
from sealgate.console.erasure import views as erasure
from sealgate.console.forms import Form
from sealgate.console.freshness import POSTS, Dangerous
from sealgate.console.notices import views as notices
from sealgate.console.permissions import Permission, permits
from sealgate.console.retention import views as retention
from sealgate.console.sources import views as sources
from sealgate.console.usage import views as usage
from sealgate.console.visit import View, Visit


class Open(Enum):
    """The loud opt-out: anybody may see this page."""

    TO_EVERYBODY = "everybody"


class Way(Struct, frozen=True):
    """One row of the table."""

    method: str
    path: str
    view: View
    needs: Permission | Open


P = Permission
APP = "/applications/{application}"

ROUTES: Sequence[Way] = (
    Way("GET", "/", front.home, Open.TO_EVERYBODY),
    Way("GET", "/healthz", front.health, Open.TO_EVERYBODY),
    Way("GET", "/assets/{name}", front.asset, Open.TO_EVERYBODY),
    Way("GET", "/sign-in", accounts.sign_in_page, Open.TO_EVERYBODY),
    Way("POST", "/sign-in", accounts.sign_in, Open.TO_EVERYBODY),
    Way("POST", "/sign-out", accounts.sign_out, Open.TO_EVERYBODY),
    Way("GET", "/invitations/{token}", accounts.invitation_page, Open.TO_EVERYBODY),
    Way("POST", "/invitations/{token}", accounts.accept, Open.TO_EVERYBODY),
    Way("GET", "/applications", applications.index, P.SEE_APPLICATIONS),
    Way("GET", "/applications/new", applications.new, P.CHANGE_APPLICATIONS),
    Way("POST", "/applications", applications.create, P.CHANGE_APPLICATIONS),
    Way("GET", APP, applications.overview, P.SEE_APPLICATIONS),
    Way("POST", APP + "/name", applications.rename, P.CHANGE_APPLICATIONS),
    Way("POST", APP + "/pause", applications.pause, P.CHANGE_APPLICATIONS),
    Way("POST", APP + "/resume", applications.resume, P.CHANGE_APPLICATIONS),
    Way("GET", APP + "/origins", applications.origins, P.SEE_APPLICATIONS),
    Way("POST", APP + "/origins", applications.add_origin, P.CHANGE_APPLICATIONS),
    Way("POST", APP + "/origins/remove", applications.remove_origin, P.CHANGE_APPLICATIONS),
    Way("GET", APP + "/session-keys", applications.session_keys, P.SEE_SESSION_KEYS),
    Way("POST", APP + "/session-keys", applications.add_session_key, P.CHANGE_SESSION_KEYS),
    Way("POST", APP + "/session-keys/revoke", applications.revoke_session_key, P.CHANGE_SESSION_KEYS),
    Way("GET", APP + "/actions", applications.actions, P.SEE_APPLICATIONS),
    Way("POST", APP + "/actions", applications.save_actions, P.CHANGE_APPLICATIONS),
    Way("GET", APP + "/limits", applications.limits, P.SEE_APPLICATIONS),
    Way("POST", APP + "/limits", applications.save_limits, P.CHANGE_APPLICATIONS),
    Way("GET", APP + "/plans", budgets.page, P.SEE_APPLICATIONS),
    Way("POST", APP + "/plans", budgets.save_plan, P.CHANGE_APPLICATIONS),
    Way("POST", APP + "/plans/remove", budgets.remove_plan, P.CHANGE_APPLICATIONS),
    Way("POST", APP + "/budgets", budgets.save_budget, P.CHANGE_APPLICATIONS),
    Way("POST", APP + "/budgets/remove", budgets.remove_budget, P.CHANGE_APPLICATIONS),
    Way("POST", APP + "/budgets/reset", budgets.reset_budget, P.CHANGE_APPLICATIONS),
    Way("GET", APP + "/sources", sources.page, P.SEE_APPLICATIONS),
    Way("POST", APP + "/sources", sources.save, P.CHANGE_APPLICATIONS),
    Way("POST", APP + "/sources/remove", sources.remove, P.CHANGE_APPLICATIONS),
    Way("GET", APP + "/add-on", addon.page, P.SEE_ADDON),
    Way("POST", APP + "/add-on/key", addon.enter_key, P.TOUCH_KEYS),
    Way("GET", APP + "/add-on/revoke", addon.revoke_page, P.TOUCH_KEYS),
    Way("POST", APP + "/add-on/revoke", addon.revoke, P.TOUCH_KEYS),
    Way("POST", APP + "/add-on/test", versions.test, P.TOUCH_KEYS),
    Way("POST", APP + "/add-on/switch", versions.switch, P.TOUCH_KEYS),
    Way("POST", APP + "/add-on/roll-back", versions.roll_back, P.TOUCH_KEYS),
    Way("GET", APP + "/add-on/discard", versions.discard_page, P.TOUCH_KEYS),
    Way("POST", APP + "/add-on/discard", versions.discard, P.TOUCH_KEYS),
    Way("POST", APP + "/add-on/on", addon.switch_on, P.CHANGE_ADDON),
    Way("POST", APP + "/add-on/off", addon.switch_off, P.CHANGE_ADDON),
    Way("GET", APP + "/add-on/erase", erasure.credential_page, P.ERASE),
    Way("POST", APP + "/add-on/erase", erasure.erase_credential, P.ERASE),
    Way("GET", APP + "/erase", erasure.application_page, P.ERASE),
    Way("POST", APP + "/erase", erasure.erase_application, P.ERASE),
    Way("GET", "/erasures", erasure.index, P.ERASE),
    Way("GET", "/erasures/organization", erasure.organization_page, P.ERASE),
    Way("POST", "/erasures/organization", erasure.erase_organization, P.ERASE),
    Way("GET", "/erasures/{receipt}", erasure.receipt_page, P.ERASE),
    Way("GET", "/erasures/{receipt}/receipt.json", erasure.download, P.ERASE),
    Way("GET", "/guides/{name}", guides.page, P.SEE_APPLICATIONS),
    Way("GET", "/notices", notices.index, P.SEE_NOTICES),
    Way("POST", "/notices/read", notices.read, P.SEE_NOTICES),
    Way("GET", "/usage", usage.index, P.SEE_USAGE),
    Way("GET", "/usage.csv", usage.export, P.SEE_USAGE),
    Way("GET", "/audit", audit.index, P.SEE_AUDIT),
    Way("GET", "/audit.csv", audit.export, P.SEE_AUDIT),
    Way("GET", "/retention", retention.index, P.CHANGE_RETENTION),
    Way("POST", "/retention", retention.save, P.CHANGE_RETENTION),
    Way("GET", "/budgets", budgets.organization, P.CHANGE_BUDGETS),
    Way("POST", "/budgets", budgets.save_of_organization, P.CHANGE_BUDGETS),
    Way("POST", "/budgets/remove", budgets.remove_of_organization, P.CHANGE_BUDGETS),
    Way("POST", "/budgets/reset", budgets.reset_of_organization, P.CHANGE_BUDGETS),
    Way("GET", "/tokens", tokens.index, P.CHANGE_TOKENS),
    Way("POST", "/tokens", tokens.make, P.CHANGE_TOKENS),
    Way("POST", "/tokens/revoke", tokens.revoke, P.CHANGE_TOKENS),
    Way("GET", "/account", members.account, P.SEE_OWN_ACCOUNT),
    Way("POST", "/account/sign-out-everywhere", members.sign_out_everywhere, P.SEE_OWN_ACCOUNT),
    Way("GET", "/members", members.index, P.CHANGE_MEMBERS),
    Way("POST", "/members/invite", members.invite, P.CHANGE_MEMBERS),
    Way("POST", "/members/invitations/withdraw", members.withdraw, P.CHANGE_MEMBERS),
    Way("POST", "/members/role", members.change_role, P.CHANGE_MEMBERS),
    Way("GET", "/members/remove", members.remove_page, P.CHANGE_MEMBERS),
    Way("POST", "/members/remove", members.remove, P.CHANGE_MEMBERS),
    Way("POST", "/members/sign-out", members.sign_out_member, P.CHANGE_MEMBERS),
)


def starlette_routes(console: Console) -> list[Route]:
    """The table as Starlette wants it: one route for each path and method."""
    return [Route(way.path, _guarded(console, way), methods=[way.method]) for way in ROUTES]


def _guarded(console: Console, way: Way) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        visit = Visit(console, request, request.state.account, await _read_form(request))
        turned_away = _turned_away(visit, way) or await _asked_again(visit, way)
        if turned_away is not None:
            return turned_away
        try:
            return await way.view(visit)
        except NotThereError:
            return not_there(visit)
        except VaultAwayError:
            return visit.render("vault_away.html", status=503)

    return endpoint


def _turned_away(visit: Visit, way: Way) -> Response | None:
    if isinstance(way.needs, Permission):
        if not visit.signed_in:
            there = f"?next={quote(visit.request.url.path)}" if way.method == "GET" else ""
            return visit.go(f"/sign-in{there}")
        if not permits(visit.account.role, way.needs):
            return visit.render("not_allowed.html", status=403)
    if way.method == "POST" and not visit.form_token_fits():
        visit.console.log("request_refused", reason="form_token", route="POST")
        return visit.render("stale_form.html", status=403)
    return None


async def _asked_again(visit: Visit, way: Way) -> Response | None:
    """The page that asks for the password, where this needs one that was typed just now."""
    risk = POSTS[way.path] if way.method == "POST" else None
    if not isinstance(risk, Dangerous):
        return None
    back = risk.back.format_map(visit.request.path_params)
    return await accounts.step_up(visit, doing=risk.doing, back=back)


def not_there(visit: Visit) -> Response:
    """The one answer for what does not exist and for what is somebody else's."""
    return visit.render("not_found.html", status=404)


async def _read_form(request: Request) -> Form:
    if request.method != "POST":
        return Form()
    try:
        text = (await request.body()).decode("utf-8")
        return Form(parse_qsl(text, keep_blank_values=True, max_num_fields=1_000, errors="strict"))
    except ValueError:
        return Form()  # without its token, so it is refused
