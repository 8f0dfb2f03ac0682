"""`GET /v1/models` and `GET /v1/models/{id}`: what the application allows, in OpenAI's shape.

Counterpart: the policy's list of models. No provider is asked: must never tell what else the key could use.
"""

from __future__ import annotations

from urllib.parse import unquote

import msgspec

from sealgate.policy.checks import plain
from sealgate.proxy.admission import permitted_action
from sealgate.proxy.cors import NOT_STORED
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.sessions import Verified
from sealgate.proxy.visit import Visit

_encode = msgspec.json.Encoder().encode


class ModelView(msgspec.Struct, frozen=True):
    """One model. OpenAI's clients expect the time of its making, which is not known here."""

    id: str
    object: str = "model"
    created: int = 0
    owned_by: str = "sealgate"


class ModelList(msgspec.Struct, frozen=True):
    """All of them, in the policy's order."""

    data: tuple[ModelView, ...]
    object: str = "list"


class Models(Visit):
    """The list of models, or one of them: no limit is used up by asking."""

    def authenticated(self, verified: Verified) -> None:
        """Answer at once."""
        permitted_action(self.route, verified.session, verified.policy)
        models = verified.policy.models
        asked = unquote(self.route.rest)
        if asked and asked not in models:
            raise ProxyError(
                "model_not_found",
                message=f"The model '{plain(asked)}' is not on the application's list.",
                param="model",
            )
        answer = ModelView(asked) if asked else ModelList(tuple(ModelView(each) for each in models))
        self.ended = True
        self.client.answer(200, [(b"content-type", b"application/json"), NOT_STORED], _encode(answer))
