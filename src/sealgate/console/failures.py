"""Names the place where something failed, without its message: a message may quote what must not be kept."""

from __future__ import annotations

import traceback


def where(error: BaseException) -> str:
    """`file:line:function` of the innermost frame of ours, for a log."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "sealgate" in frame.filename] or frames
    if not ours:
        return ""
    last = ours[-1]
    name = last.name.strip("<>")
    return f"{last.filename.rsplit('/', 1)[-1]}:{last.lineno}:{name}"[:160]
