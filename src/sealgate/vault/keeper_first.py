"""Requests whose work needs the KEK's keeper: it is asked beside the event loop first, whether it is there.

Counterparts: `kek_ring`, which asks, and `process`, which puts this before desk and operator. A keeper that
hangs holds up whoever needs it, and no proxy: once it is known to be away, such work is refused at once.
Opens have a finer way of their own (`opener`).
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final

from sealgate.messages.erasing import AskReceipt, AskReceipts, Erase
from sealgate.messages.frames import Message
from sealgate.messages.operating import AskReceiptKey, RotateSealingKeys
from sealgate.messages.server import Handler, Peer, Reply, SecretReply
from sealgate.messages.tickets import AskPseudonym, IssueTicket
from sealgate.vault.kek_ring import KekRing

NEEDING: Final = (
    IssueTicket,  # an organization's first one makes its keys
    AskPseudonym,
    Erase,
    AskReceipt,
    AskReceipts,  # it may end sealing keys, which makes new ones
    AskReceiptKey,
    RotateSealingKeys,
)
"""What wraps or unwraps something."""


def keeper_first(kek: KekRing, handler: Handler) -> Handler:
    """The handler, asked once the keeper is known to be there or away."""

    async def later(peer: Peer, message: Message) -> Reply:
        await kek.awake()
        reply = handler(peer, message)
        return reply if isinstance(reply, Message | SecretReply) else await reply

    def handle(peer: Peer, message: Message) -> Reply | Awaitable[Reply]:
        if isinstance(message, NEEDING) and not kek.is_here(kek.version):
            return later(peer, message)
        return handler(peer, message)

    return handle
