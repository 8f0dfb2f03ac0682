"""What somebody who wrote an unknown field may have meant: the fields that stand where it was written.

Pure. Counterpart: `call.invalid_body`, which says it in the hint.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence

from msgspec import Struct, inspect

_STEP = re.compile(r"\w+|\[")


def known_fields(form: type[Struct], place: str) -> Sequence[str]:
    """The fields that this form takes at a path such as `policy.actions[0]`; empty if there is no object."""
    at: list[inspect.Type] = [inspect.type_info(form)]
    for step in _STEP.findall(place):
        if not step.isdecimal():
            at = [inner for each in at for inner in _inside(each, step)]
    return [field.encode_name for each in at for struct in _structs(each) for field in struct.fields]


def hint_for(name: str, known: Sequence[str]) -> str:
    """The one field that looks like it, else all that there are."""
    close = difflib.get_close_matches(name, known, 1)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Known here: {', '.join(known)}." if known else "Take it out."


def _inside(there: inspect.Type, step: str) -> Iterator[inspect.Type]:
    if step == "[":
        for each in _parts(there):
            if isinstance(each, inspect.ListType | inspect.VarTupleType):
                yield each.item_type
        return
    yield from (
        field.type for struct in _structs(there) for field in struct.fields if field.encode_name == step
    )


def _structs(there: inspect.Type) -> Iterator[inspect.StructType]:
    yield from (each for each in _parts(there) if isinstance(each, inspect.StructType))


def _parts(there: inspect.Type) -> Iterator[inspect.Type]:
    """The types that a union or an annotated type stands for."""
    if isinstance(there, inspect.UnionType):
        for each in there.types:
            yield from _parts(each)
    elif isinstance(there, inspect.Metadata):
        yield from _parts(there.type)
    else:
        yield there
