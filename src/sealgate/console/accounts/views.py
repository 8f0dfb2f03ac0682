"""Pages of people: the invitation, signing in and out, and asking for the password again."""

from __future__ import annotations

from starlette.responses import Response

from sealgate.console.accounts.models import User
from sealgate.console.accounts.passwords import check_password
from sealgate.console.accounts.services import (
    Invited,
    accept_invitation,
    check_person,
    end_sign_in,
    find_invitation,
    find_user,
    normal_email,
    note_confirmed,
    start_sign_in,
)
from sealgate.console.applications.services import NotThereError
from sealgate.console.forms import InputError, check_name
from sealgate.console.visit import SIGN_IN_COOKIE, VISITOR_COOKIE, Visit, drop_cookie, local_path, set_cookie


async def sign_in_page(visit: Visit) -> Response:
    """The sign-in form; who is signed in already goes on."""
    there = local_path(visit.request.query_params.get("next", "/"))
    return visit.go(there) if visit.signed_in else visit.render("sign_in.html", next=there)


async def sign_in(visit: Visit) -> Response:
    """Fields: `email`, `password`, `next`. Unknown e-mail and wrong password look and take the same."""
    there = local_path(visit.form.text("next"))
    email = visit.form.text("email").casefold()
    throttles = visit.console.throttles
    # By e-mail and address together: a stranger who guesses must not be able to lock the owner out.
    wait_s = (
        throttles.sign_in_by_address.admit(visit.address)
        or throttles.sign_in_by_both.admit(f"{email} {visit.address}")
        or throttles.sign_in_by_email.admit(email)
    )
    if wait_s:
        visit.console.log("sign_in_refused", reason="throttled")
        return _slow_down(visit, wait_s, there)
    async with visit.reading() as tx:
        user = await find_user(tx, email)
    password = visit.form.untouched("password")
    if (
        not await visit.console.passwords.verify(user.password_hash if user else None, password)
        or user is None
    ):
        visit.console.log("sign_in_refused", reason="wrong")
        problem = InputError("email", "E-mail and password do not fit together.", "Check both and try again.")
        return visit.render("sign_in.html", problem=problem, next=there)
    fresh_hash = await visit.console.passwords.hash(password) if _ages(visit, user) else None
    return await _signed_in(visit, user.id, there, fresh_hash)


async def sign_out(visit: Visit) -> Response:
    """Forget this browser."""
    async with visit.console.database.writing() as tx:
        await end_sign_in(tx, visit.request.cookies.get(SIGN_IN_COOKIE, ""))
    response = visit.go("/sign-in", "signed-out")
    drop_cookie(response, SIGN_IN_COOKIE)
    return response


async def invitation_page(visit: Visit) -> Response:
    """The form that an invitation link leads to."""
    return visit.render("invitation.html", invited=await _invited(visit))


async def accept(visit: Visit) -> Response:
    """Fields: `organization` (the first owner's alone), `name`, `email`, `password`."""
    wait_s = visit.console.throttles.invitation_by_address.admit(visit.address)
    if wait_s:
        return _slow_down(visit, wait_s, "/")
    invited = await _invited(visit)
    try:
        user = await _join(visit, invited)
    except InputError as problem:
        return visit.render("invitation.html", problem=problem, invited=invited)
    if user is None:
        raise NotThereError
    visit.console.log("invitation_accepted", user=user.id)
    return await _signed_in(visit, user.id, "/applications?notice=welcome")


async def confirm(visit: Visit) -> bool:
    """Check the field `password` of who is signed in and note it; raises `InputError` if it is wrong."""
    wait_s = visit.console.throttles.confirm_by_user.admit(visit.account.user)
    if wait_s:
        raise InputError("password", "These were too many tries.", f"Wait {wait_s} seconds, then try again.")
    async with visit.reading() as tx:
        user = await tx.get_one(User, visit.account.user)
    if not await visit.console.passwords.verify(user.password_hash, visit.form.untouched("password")):
        raise InputError("password", "This is not your password.", "Type the one that you sign in with.")
    async with visit.console.database.writing() as tx:
        await note_confirmed(tx, visit.account.token_hash, visit.now_s)
    return True


async def step_up(visit: Visit, *, doing: str, back: str) -> Response | None:
    """`None` if the password was typed within ten minutes or fits now; else the page that asks for it.

    The page posts the same form to the same address again, with a field `password`.
    """
    if visit.account.confirmed(visit.now_s):
        return None
    kept = [(name, value) for name, value in visit.form.pairs() if name not in {"password", "form_token"}]
    if not visit.form.untouched("password"):
        return visit.render("confirm.html", status=403, doing=doing, back=back, kept=kept)
    try:
        await confirm(visit)
    except InputError as problem:
        return visit.render("confirm.html", problem=problem, doing=doing, back=back, kept=kept)
    return None


async def _invited(visit: Visit) -> Invited:
    async with visit.reading() as tx:
        invited = await find_invitation(tx, visit.path("token"), visit.now_s)
    if invited is None:
        raise NotThereError
    return invited


async def _join(visit: Visit, invited: Invited) -> User | None:
    form = visit.form
    organization = (
        check_name("organization", form.text("organization"), "An organization") if invited.founding else ""
    )
    name, email = check_person(form.text("name")), normal_email(form.text("email"))
    check_password(form.untouched("password"), email=email, name=name)
    password_hash = await visit.console.passwords.hash(form.untouched("password"))
    async with visit.console.database.writing() as tx:
        return await accept_invitation(
            tx,
            visit.path("token"),
            organization=organization,
            name=name,
            email=email,
            password_hash=password_hash,
            now_s=visit.now_s,
        )


async def _signed_in(visit: Visit, user: str, there: str, fresh_hash: str | None = None) -> Response:
    async with visit.console.database.writing() as tx:
        token = await start_sign_in(tx, user, visit.now_s, visit.request.cookies.get(SIGN_IN_COOKIE))
        if fresh_hash is not None:
            (await tx.get_one(User, user)).password_hash = fresh_hash
    visit.console.log("signed_in", user=user)
    response = visit.go(there)
    set_cookie(response, SIGN_IN_COOKIE, token)
    drop_cookie(response, VISITOR_COOKIE)
    return response


def _ages(visit: Visit, user: User) -> bool:
    return visit.console.passwords.ages(user.password_hash)


def _slow_down(visit: Visit, wait_s: int, there: str) -> Response:
    problem = InputError("email", "These were too many tries.", f"Wait {wait_s} seconds, then try again.")
    response = visit.render("sign_in.html", problem=problem, next=there)
    response.status_code = 429
    response.headers["retry-after"] = str(wait_s)
    return response
