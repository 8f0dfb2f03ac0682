"""Writes forms as browsers and SDKs do, for tests."""

from __future__ import annotations

from collections.abc import Iterable

BOUNDARY = "----tests-7f0c"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def form(fields: Iterable[tuple[str, str | tuple[str, str, bytes]]], boundary: str = BOUNDARY) -> bytes:
    """Text fields, and files as (filename, media type, content)."""
    body = b""
    for name, value in fields:
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'.encode()
        if isinstance(value, str):
            body += b"\r\n\r\n" + value.encode()
        else:
            filename, media_type, content = value
            body += f'; filename="{filename}"\r\nContent-Type: {media_type}\r\n\r\n'.encode() + content
        body += b"\r\n"
    return body + f"--{boundary}--\r\n".encode()
