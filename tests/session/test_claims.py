"""Permissions: what a session may do, and what it may not."""

import pytest

from sealgate.session import MalformedClaims, check_permissions, verify
from tests.session.tokens import INSTANCE, KEYS, NOW_S, token


@pytest.mark.parametrize(
    ("held", "asked", "permitted"),
    [
        (["action:shorten"], "action:shorten", True),
        (["action:shorten"], "action:simplify", False),
        (["action:*"], "action:shorten", True),
        (["action:*"], "api:chat.completions", False),
        (["action:*"], "prompt", False),
        (["api:*"], "api:chat.completions", True),
        (["api:chat.completions"], "api:chat.completions", True),
        (["api:chat"], "api:chat.completions", False),
        (["api:*"], "prompt", False),
        (["api:responses"], "api:responses", True),
        (["api:responses"], "api:embeddings", False),
        (["api:embeddings"], "api:embeddings", True),
        (["api:moderations"], "api:moderations", True),
        (["api:models"], "api:models", True),
        (["prompt"], "prompt", True),
        (["prompt"], "action:shorten", False),
        ([], "prompt", False),
    ],
)
def test_a_session_permits_what_it_holds(held: list[str], asked: str, permitted: bool) -> None:
    session = verify(token(claims={"perm": held}), KEYS, INSTANCE, NOW_S)
    assert session.permits(asked) is permitted


@pytest.mark.parametrize(
    "permission", ["", "*", "prompt:*", "action:", "action", "api:chat.", "API:*", "action:a b"]
)
def test_a_permission_of_another_form_is_refused(permission: str) -> None:
    with pytest.raises(MalformedClaims, match="perm"):
        check_permissions((permission,))
