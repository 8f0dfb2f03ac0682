"""Pages of members and of one's own account: invitations, roles, removal, sign-ins.

What changes who may do what stands in `freshness`; an invitation's link is shown once.
"""

from __future__ import annotations

from starlette.responses import Response

from sealgate.console.accounts import members
from sealgate.console.forms import InputError
from sealgate.console.permissions import Role
from sealgate.console.visit import SIGN_IN_COOKIE, Visit, drop_cookie


async def index(visit: Visit, problem: InputError | None = None, link: str = "") -> Response:
    """Everybody, and the invitations that are open."""
    organization = visit.account.organization
    async with visit.reading() as tx:
        rows = await members.list_members(tx, organization, visit.now_s)
        invitations = await members.list_invitations(tx, organization, visit.now_s)
    owners = sum(row.user.role == Role.OWNER for row in rows)
    return visit.render(
        "members.html", problem=problem, rows=rows, invitations=invitations, owners=owners, link=link
    )


async def invite(visit: Visit) -> Response:
    """Field: `role`. Shows the link, this once."""
    try:
        role = members.parse_role(visit.form.text("role"))
        async with visit.editing() as edit:
            token = await members.invite(edit, role)
    except InputError as problem:
        return await index(visit, problem)
    return await index(visit, link=f"{visit.console.config.public_url}/invitations/{token}")


async def withdraw(visit: Visit) -> Response:
    """Field: `invitation`."""
    async with visit.editing() as edit:
        await members.withdraw_invitation(edit, visit.form.text("invitation"))
    return visit.go("/members", "invitation-withdrawn")


async def change_role(visit: Visit) -> Response:
    """Fields: `user`, `role`."""
    try:
        role = members.parse_role(visit.form.text("role"))
        async with visit.editing() as edit:
            await members.change_role(edit, visit.form.text("user"), role)
    except InputError as problem:
        return await index(visit, problem)
    return visit.go("/members" if _stays_owner(visit, role) else "/", "role-changed")


async def remove_page(visit: Visit) -> Response:
    """Query: `user`. Says what removing does."""
    async with visit.reading() as tx:
        user = await members.find_member(
            tx, visit.account.organization, visit.request.query_params.get("user", "")
        )
    return visit.render("member_remove.html", person=user)


async def remove(visit: Visit) -> Response:
    """Field: `user`."""
    try:
        async with visit.editing() as edit:
            await members.remove_member(edit, visit.form.text("user"))
    except InputError as problem:
        return await index(visit, problem)
    return visit.go("/members", "member-removed")


async def sign_out_member(visit: Visit) -> Response:
    """Field: `user`. Ends all of somebody's sign-ins."""
    async with visit.editing() as edit:
        await members.sign_out_everywhere(edit, visit.form.text("user"))
    return visit.go("/members", "member-signed-out")


async def account(visit: Visit) -> Response:
    """Who is signed in here, and in which browsers."""
    async with visit.reading() as tx:
        user = await members.find_member(tx, visit.account.organization, visit.account.user)
        rows = await members.list_sign_ins(tx, user.id, visit.now_s)
    return visit.render("account.html", person=user, rows=rows)


async def sign_out_everywhere(visit: Visit) -> Response:
    """End all of one's own sign-ins, this one too."""
    async with visit.editing() as edit:
        await members.sign_out_everywhere(edit, visit.account.user)
    response = visit.go("/sign-in", "signed-out-everywhere")
    drop_cookie(response, SIGN_IN_COOKIE)
    return response


def _stays_owner(visit: Visit, role: Role) -> bool:
    return role is Role.OWNER or visit.form.text("user") != visit.account.user
