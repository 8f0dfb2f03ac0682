"""Sound and plain text on their way down: sound byte by byte as it comes, a transcript whole.

Counterparts: `relay.py`, for events; `exchange.py`, which feeds a relay. Where nothing in the bytes says that
they are all, the framing must: an answer that only the connection's end delimits is no answer.
"""

from __future__ import annotations

from typing import Final

from sealgate.proxy.errors import ProxyError
from sealgate.proxy.media_meter import MediaMeter
from sealgate.proxy.metering import Usage
from sealgate.proxy.relay import StreamRelay, takes_media_type
from sealgate.proxy.reported_errors import members, reports_error
from sealgate.proxy.whole_relay import BODY_LIMIT_BYTES, WholeRelay
from sealgate.proxy.wire.events import ResponseHead
from sealgate.proxy.wire.heads import media_type

SOUND_TYPES: Final = frozenset(
    {
        b"application/octet-stream", b"audio/aac", b"audio/flac", b"audio/l16", b"audio/mp3", b"audio/mpeg",
        b"audio/ogg", b"audio/opus", b"audio/pcm", b"audio/wav", b"audio/wave", b"audio/x-flac",
        b"audio/x-wav",
    }
)  # fmt: skip
PICTURES_LIMIT_BYTES: Final = 64 * 1_048_576
PICTURE_EVENT_BYTES: Final = 32 * 1_048_576


class PicturesRelay(WholeRelay):
    """A whole answer of pictures in base64: ten of them, at their largest."""

    limit_bytes = PICTURES_LIMIT_BYTES


class PictureStream(StreamRelay):
    """Pictures that become clearer, each in one event."""

    def __init__(self, meter: MediaMeter) -> None:
        super().__init__(meter, event_limit_bytes=PICTURE_EVENT_BYTES)


class SoundRelay:
    """Sound as the provider sends it."""

    streams = True
    ended = False
    content_type = b"application/octet-stream"

    def __init__(self, meter: MediaMeter) -> None:
        self._meter = meter

    @property
    def whole(self) -> bool:
        """True once it was read to its end."""
        return self._meter.saw_end

    def takes(self, head: ResponseHead) -> bool:
        """True for sound whose end the framing tells."""
        framed = head.content_length is not None or b"transfer-encoding" in head.headers
        kind = media_type(head.headers)
        if kind in SOUND_TYPES:
            self.content_type = kind
        return framed and kind in SOUND_TYPES

    def feed(self, data: bytes) -> bytes:
        """As it comes."""
        self._meter.plain(len(data))
        return data

    def end(self) -> bytes:
        """The framing says that this was all."""
        self._meter.saw_end = True
        return b""

    def failure(self, error: ProxyError) -> None:
        """Within sound nothing can be said: the connection is cut, so that nobody takes it for all."""

    def usage(self) -> Usage:
        """What was used until now."""
        return self._meter.usage()

    def written(self) -> int:
        """Not known before the end."""
        return self._meter.written()


class TextRelay:
    """A transcript as plain text or subtitles: kept until it is whole."""

    streams = False
    ended = False
    content_type = b"text/plain; charset=utf-8"
    accepts = frozenset({b"text/plain", b"text/vtt", b"application/x-subrip", b"application/octet-stream"})

    def __init__(self, meter: MediaMeter) -> None:
        self._meter = meter
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def whole(self) -> bool:
        """True once it was read to its end."""
        return self._meter.saw_end

    def takes(self, head: ResponseHead) -> bool:
        """True for plain text whose end the framing tells."""
        framed = head.content_length is not None or b"transfer-encoding" in head.headers
        return framed and takes_media_type(self.accepts, head)

    def feed(self, data: bytes) -> bytes:
        """Keep it."""
        self._size += len(data)
        if self._size > BODY_LIMIT_BYTES:
            raise ProxyError("answer_too_large")
        self._parts.append(data)
        return b""

    def end(self) -> bytes:
        """The whole text, counted; an error that came as such does not pass."""
        text = b"".join(self._parts)
        self._parts.clear()
        found = members(text) if text.lstrip()[:1] == b"{" else None
        if found is not None and reports_error(found, "text"):
            raise ProxyError("provider_error")
        self._meter.plain(len(text))
        self._meter.saw_end = True
        return text

    def failure(self, error: ProxyError) -> bytes:
        """Nothing went down yet: the exchange answers with the error itself."""
        return b""

    def usage(self) -> Usage:
        """What was used until now."""
        return self._meter.usage()

    def written(self) -> int:
        """Not known before the end."""
        return self._meter.written()
