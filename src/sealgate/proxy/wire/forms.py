"""multipart/form-data (RFC 7578, RFC 2046 §5.1), both ways: parts of what comes in, bytes for what goes up.

Counterparts: `policy/forms.py` says what may stand in a form; `asking.py` reads and writes one. A file's
bytes are held once, as they were read; only what may be the beginning of a delimiter is copied. Nothing
lenient: what another reader could cut elsewhere is refused.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from sealgate.policy.bodies import JSON
from sealgate.policy.forms import Part
from sealgate.policy.refusals import Refusal

PARTS_MOST: Final = 128
HEAD_MOST_BYTES: Final = 2_048
TEXT_MOST_BYTES: Final = 1_048_576
"""Of all text fields together."""
READ_BYTES: Final = 65_536
"""Smaller reads are gathered first, so that a client that sends byte by byte costs no more than another."""

_TYPE: Final = re.compile(
    rb"multipart/form-data[ \t]*;[ \t]*boundary="
    rb"(?:\"([0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-])\"|([0-9A-Za-z'+_.-]{1,70}))[ \t]*",
    re.IGNORECASE,
)
# A name or filename as browsers and SDKs write it: quotes and line ends come percent-encoded (WHATWG HTML).
_DISPOSITION: Final = re.compile(
    rb"content-disposition:[ \t]*form-data;[ \t]*name=\"([A-Za-z0-9_.\[\]-]{1,80})\""
    rb"(?:;[ \t]*filename=\"((?:[^\"\\\r\n\x00-\x1f]|\\[\\\"])*)\")?(?:;[ \t]*filename\*=[^\r\n]*)?[ \t]*",
    re.IGNORECASE,
)
_HEADER: Final = re.compile(rb"([A-Za-z-]{1,64}):[ \t]*([\x20-\x7e\x80-\xff]*)")
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9]+/[a-z0-9.+-]+\Z")


class FormReader:
    """Takes a body piece by piece; `parts` gives what it held, or raises `Refusal`."""

    __slots__ = (
        "_buffer",
        "_delimiter",
        "_fault",
        "_gathered",
        "_gathered_bytes",
        "_head",
        "_parts",
        "_pieces",
        "_state",
        "_text_bytes",
    )

    def __init__(self, content_type: bytes) -> None:
        found = _TYPE.fullmatch(content_type)
        self._fault = "" if found else "The content type must be multipart/form-data with a boundary."
        boundary = (found[1] or found[2]) if found else b""
        self._delimiter = b"\r\n--" + boundary
        # Pretends that a line has just ended, so that the first delimiter is like the others.
        self._buffer = b"\r\n"
        self._state: Callable[[FormReader], bool] = FormReader._preamble  # none of ours: it would hold us
        self._head: tuple[str, str | None, str] = ("", None, "")
        self._pieces: list[bytes | memoryview] = []
        self._parts: list[Part] = []
        self._text_bytes = 0
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0

    def __repr__(self) -> str:
        return f"FormReader({len(self._parts)} parts)"

    def append(self, data: bytes) -> None:
        """The next bytes of the body; after a fault they are let go."""
        if self._fault:
            return
        self._gathered.append(data)
        self._gathered_bytes += len(data)
        if self._gathered_bytes >= READ_BYTES:
            self._read()

    def parts(self) -> tuple[Part, ...]:
        """Every part, once the body is whole; raises `Refusal`."""
        self._read()
        if not self._fault and self._state is not FormReader._epilogue:
            self._fault = "The form ends before its last delimiter."
        if self._fault:
            raise Refusal("invalid_form", self._fault, hint="Have your client's library write the form.")
        return tuple(self._parts)

    def _read(self) -> None:
        self._buffer = b"".join((self._buffer, *self._gathered))
        self._gathered, self._gathered_bytes = [], 0
        while not self._fault and self._state(self):
            pass

    # Each state takes from the buffer and tells whether to go on.

    def _preamble(self) -> bool:
        if len(self._buffer) < len(self._delimiter):
            return False
        if not self._buffer.startswith(self._delimiter):
            return self._wrong("The form does not begin with its delimiter.")
        self._buffer = self._buffer[len(self._delimiter) :]
        self._state = FormReader._delimited
        return True

    def _delimited(self) -> bool:
        if len(self._buffer) < 2:
            return False
        after, self._buffer = self._buffer[:2], self._buffer[2:]
        if after == b"--":
            self._state = FormReader._epilogue
        elif after == b"\r\n":
            self._state = FormReader._headers
        else:
            return self._wrong("A line of the form begins like its delimiter.")
        return True

    def _headers(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n", 0, HEAD_MOST_BYTES + 4)
        if end < 0:
            return (
                self._wrong("The head of a part is too long.")
                if len(self._buffer) > HEAD_MOST_BYTES
                else False
            )
        head, self._buffer = self._buffer[:end], self._buffer[end + 4 :]
        if len(self._parts) >= PARTS_MOST:
            return self._wrong(f"The form has more than {PARTS_MOST} parts.")
        return self._read_head(head)

    def _read_head(self, head: bytes) -> bool:
        name = filename = None
        media_type = "text/plain"
        for line in head.split(b"\r\n"):
            header = _HEADER.fullmatch(line)
            kind = header[1].lower() if header else b""
            if kind == b"content-disposition" and name is None:
                found = _DISPOSITION.fullmatch(line)
                if found is None:
                    return self._wrong("A part has no name that can be read.")
                name = found[1].decode()
                filename = None if found[2] is None else found[2].decode("utf-8", "replace")
            elif kind == b"content-type":
                assert header is not None
                media_type = header[2].partition(b";")[0].strip().lower().decode("latin-1")
            elif kind in (b"content-length", b"mime-version"):
                continue
            else:  # content-transfer-encoding is not used (RFC 7578 §4.7), and what is new is not guessed at
                return self._wrong("A part has a header that does not pass.")
        if name is None or (filename is not None and not _MEDIA_TYPE.match(media_type)):
            return self._wrong("A part has no name, or a file no type, that can be read.")
        self._head = (name, filename, media_type)
        self._state = FormReader._content
        return True

    def _content(self) -> bool:
        buffer = self._buffer
        end = buffer.find(self._delimiter)
        if end >= 0:
            self._keep(buffer, end)
            self._buffer = buffer[end + len(self._delimiter) :]
            name, filename, media_type = self._head
            self._parts.append(Part(name, filename, media_type, tuple(self._pieces)))
            self._pieces = []
            self._state = FormReader._delimited
            return not self._fault
        kept = len(buffer) - len(self._delimiter) + 1
        if kept > 0:
            self._keep(buffer, kept)
            self._buffer = buffer[kept:]
        return False

    def _keep(self, buffer: bytes, end: int) -> None:
        if end:
            self._pieces.append(memoryview(buffer)[:end])
        if self._head[1] is None:
            self._text_bytes += end
            if self._text_bytes > TEXT_MOST_BYTES:
                self._wrong("The text fields of the form are too long.")

    def _epilogue(self) -> bool:
        if self._buffer not in (b"", b"\r", b"\r\n"):
            self._wrong("Something stands after the last delimiter.")
        return False

    def _wrong(self, fault: str) -> bool:
        self._fault = fault
        self._buffer, self._pieces, self._parts = b"", [], []
        return False


class Upload:
    """A form on its way up: its content type, and its bytes in pieces that are referred to, not copied."""

    __slots__ = ("content_type", "length_bytes", "pieces")

    def __init__(self, fields: dict[str, JSON], files: Sequence[Part]) -> None:
        boundary = f"sealgate-{secrets.token_hex(16)}"
        self.content_type = f"multipart/form-data; boundary={boundary}".encode()
        self.pieces: list[bytes | memoryview] = []
        for name, text in _texts(fields):
            self.pieces.append(_part_head(boundary, name) + text.encode() + b"\r\n")
        for each in files:
            self.pieces.append(_part_head(boundary, each.name, each))
            self.pieces += each.pieces
            self.pieces.append(b"\r\n")
        self.pieces.append(f"--{boundary}--\r\n".encode())
        self.length_bytes = sum(len(piece) for piece in self.pieces)

    def __len__(self) -> int:
        return self.length_bytes

    def __repr__(self) -> str:
        return f"<Upload of {self.length_bytes} bytes>"


def _texts(fields: dict[str, JSON]) -> Iterable[tuple[str, str]]:
    for name, value in fields.items():
        for each in value if isinstance(value, list) else (value,):
            yield name, {True: "true", False: "false"}[each] if isinstance(each, bool) else str(each)


def _part_head(boundary: str, name: str, file: Part | None = None) -> bytes:
    """A part's head. A file goes by a name of ours with its ending: the user's own would say too much."""
    head = f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"'
    if file is not None:
        head += f'; filename="{name.removesuffix("[]")}{_ending(file)}"\r\ncontent-type: {file.media_type}'
    return f"{head}\r\n\r\n".encode()


def _ending(file: Part) -> str:
    """The ending of a file's name, by which some providers know its format."""
    found = re.search(r"\.[A-Za-z0-9]{1,8}\Z", file.filename or "")
    return found[0].lower() if found else ""
