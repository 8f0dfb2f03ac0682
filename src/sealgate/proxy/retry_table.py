"""What may follow a try that failed, by the code of its error: literal tables, and the rule behind them.

Counterpart: `trying.py`. The rule: another try only while nothing has gone down to the client, and only where
the provider cannot have done the work: nothing was sent, or it answered with an error itself. A connection
that broke or fell silent after the request may have cost money already, so that ends the exchange.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final


class After(Enum):
    """What may follow. What is in no table ends the exchange."""

    OTHER = "other"
    """Another source; this one would fail again."""
    AGAIN = "again"
    """Another source, or this one a little later."""


AFTER: Final[Mapping[str, After]] = {
    # Before anything was sent.
    "invalid_request": After.OTHER,  # a field that this provider does not take
    "provider_unknown": After.OTHER,
    "endpoint_not_at_provider": After.OTHER,
    "credential_missing": After.OTHER,
    "credential_revoked": After.OTHER,
    "credential_damaged": After.OTHER,
    "open_quota": After.OTHER,
    "vault_unavailable": After.OTHER,
    "provider_address": After.OTHER,
    "provider_address_refused": After.OTHER,
    "provider_certificate": After.OTHER,
    "provider_timeout": After.OTHER,
    "provider_unreachable": After.AGAIN,
    "egress_proxy_unreachable": After.AGAIN,
    # Answers of the provider.
    "provider_rejected_key": After.OTHER,
    "provider_denied_key": After.OTHER,
    "provider_wrong_region": After.OTHER,
    "provider_quota_exhausted": After.OTHER,
    "provider_model_unknown": After.OTHER,
    "provider_redirected": After.OTHER,
    "provider_rate_limited": After.AGAIN,
    "provider_error": After.AGAIN,
}
LATE_ANSWERS: Final = frozenset({408, 504})
"""Statuses that say how long it took, and not that nothing was done."""
NOT_ASKED: Final = frozenset({"invalid_request", "provider_unknown", "endpoint_not_at_provider"})
"""Said of a source that was not asked: where another was, its error says more."""
FAILING: Final = frozenset(
    {
        "provider_certificate",
        "provider_error",
        "provider_failed",
        "provider_quota_exhausted",
        "provider_redirected",
        "provider_rejected_key",
        "provider_timeout",
        "provider_unreachable",
        "provider_wrong_region",
    }
)
"""What a breaker counts. Not a limit that was reached: the provider works, and says when."""
OF_A_MODEL: Final = frozenset({"provider_error", "provider_failed", "provider_timeout"})
"""Of these, what one model may do once a request was sent, while others at the same key work."""
