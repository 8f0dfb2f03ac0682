"""Plans and budgets as the console takes them: whose budgets stand where, and how one is typed.

Pure. Counterpart: `sealgate.policy.budgets`, which has their words; the proxy alone counts.
"""

from __future__ import annotations

from sealgate.console.forms import InputError
from sealgate.policy.document import Policy


def own_budgets(policy: Policy) -> Policy:
    """The policy, if its budgets are all the application's own; raises `InputError`."""
    if any(budget.scope == "organization" for budget in policy.budgets):
        raise InputError(
            "policy.budgets",
            "A budget of the organization stands at the organization, for all its applications.",
            "Set it there, or choose another scope.",
        )
    return policy
