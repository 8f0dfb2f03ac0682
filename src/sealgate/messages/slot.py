"""A slot: the one place where a provider key stands in the clear, and the place that is wiped.

Slots are locked into memory (no swap), left out of core dumps, and overwritten when they are given up.
A slot has no text form and cannot be copied, pickled or compared: code passes the slot, never its bytes.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
from typing import Never

from sealgate.messages.frames import SECRET_BYTES

_LENGTH_BYTES = 2
_ZEROS = bytes(SECRET_BYTES)
_libc = ctypes.CDLL(None, use_errno=True)


class SlotError(Exception):
    """A slot was read when it holds nothing."""


class Slot:
    """512 bytes: a big-endian u16 length, the key, zeros. Empty until filled; wiped by `wipe`."""

    __slots__ = ("_arena", "_view")

    def __init__(self, view: memoryview, arena: SlotArena) -> None:
        self._view = view
        self._arena: SlotArena | None = arena

    def buffer(self) -> memoryview:
        """The whole writable 512 bytes: for `recv_into`, `decrypt_into` and the frame's secret part."""
        if self._arena is None:
            raise SlotError("the slot was wiped")
        return self._view

    def key(self) -> memoryview:
        """The key's bytes, as a view into the slot: valid until `wipe`. Never `bytes()` it."""
        length = int.from_bytes(self.buffer()[:_LENGTH_BYTES], "big")
        if not 0 < length <= SECRET_BYTES - _LENGTH_BYTES:
            raise SlotError("the slot holds no key")
        return self._view[_LENGTH_BYTES : _LENGTH_BYTES + length]

    def wipe(self) -> None:
        """Overwrite the bytes and give the slot back. Safe to call twice."""
        arena, self._arena = self._arena, None
        if arena is not None:
            self._view[:] = _ZEROS
            arena.take_back(self._view)

    @property
    def wiped(self) -> bool:
        """True once the bytes are gone."""
        return self._arena is None

    def __repr__(self) -> str:
        return f"<Slot {'wiped' if self.wiped else 'in use'}>"

    def __reduce__(self) -> Never:
        raise TypeError("a slot cannot be copied or pickled")


class SlotArena:
    """Hands out slots from pages that are locked and left out of core dumps."""

    def __init__(self) -> None:
        self._pages: list[mmap.mmap] = []
        self._free: list[memoryview] = []
        self.locked = True
        """False once the system refused to lock a page (RLIMIT_MEMLOCK); the process logs it at start."""

    def take(self) -> Slot:
        """An empty slot; the caller must `wipe` it."""
        if not self._free:
            self._grow()
        return Slot(self._free.pop(), self)

    def take_back(self, view: memoryview) -> None:
        """Called by a slot that was wiped."""
        self._free.append(view)

    def _grow(self) -> None:
        page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        with contextlib.suppress(OSError):
            page.madvise(mmap.MADV_DONTDUMP)
        anchor = ctypes.c_char.from_buffer(page)
        address = ctypes.c_void_p(ctypes.addressof(anchor))
        if _libc.mlock(address, ctypes.c_size_t(mmap.PAGESIZE)) != 0:
            self.locked = False
        del anchor
        self._pages.append(page)
        view = memoryview(page)
        self._free += [view[at : at + SECRET_BYTES] for at in range(0, mmap.PAGESIZE, SECRET_BYTES)]
