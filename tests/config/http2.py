"""A minimal HTTP/2 client that can send any frame, including invalid ones that no library would send."""

import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tests.config.front import Front

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 2, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS = 0x1, 0x4
#: The statuses in HPACK's static table (RFC 7541), by their encoding. NGINX sends every other status as three digits.
STATUSES = {0x88: 200, 0x89: 204, 0x8A: 206, 0x8B: 304, 0x8C: 400, 0x8D: 404, 0x8E: 500}
FRAME_BYTES = 16_384
Header = tuple[str, str]


class Frame(NamedTuple):
    """One frame from NGINX."""

    kind: int
    flags: int
    stream: int
    payload: bytes


class Http2:
    """One HTTP/2 connection. Its requests have the stream IDs 1, 3, 5 and so on."""

    def __init__(self, connection: socket.socket):
        self._connection = connection
        self._file = connection.makefile("rb")
        # The connection window has room for all responses. Each stream window keeps its default of 65,535 bytes.
        room = frame(WINDOW_UPDATE, payload=(2**30).to_bytes(4))
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS) + room)
        self._next = 1
        #: Whether NGINX has sent GOAWAY, after which it accepts no new streams.
        self.told_to_go = False

    def send(self, data: bytes) -> None:
        """Send raw bytes, for example one or more frames."""
        self._connection.sendall(data)

    def request(
        self, path: str = "/", headers: Iterable[Header] = (), *, method: str = "GET", host: str = "localhost", **how
    ) -> int:
        """Send a request's headers and return its stream ID."""
        stream = self._next
        self._next += 2
        pseudo = [(":method", method), (":scheme", "https"), (":path", path), (":authority", host)]
        self.send(headers_frames(stream, [*pseudo, *headers], **how))
        return stream

    def frames(self) -> Iterator[Frame]:
        """Yield frames until NGINX closes the connection or the socket times out."""
        try:
            while len(head := self._file.read(9)) == 9:
                length, kind, flags = int.from_bytes(head[:3]), head[3], head[4]
                self.told_to_go |= kind == GOAWAY
                yield Frame(kind, flags, int.from_bytes(head[5:]), self._file.read(length))
        except (OSError, ssl.SSLError):
            return

    def frames_of(self, stream: int) -> Iterator[Frame]:
        """Yield the frames in one stream until it is closed."""
        for each in self.frames():
            if each.stream == stream:
                yield each
                if each.kind == RST_STREAM or (each.kind in (HEADERS, DATA) and each.flags & END_STREAM):
                    return

    def body(self, stream: int) -> bytes:
        """Return the body of the response on this stream."""
        return b"".join(each.payload for each in self.frames_of(stream) if each.kind == DATA)

    def statuses(self, number: int) -> dict[int, int | None]:
        """Read until ``number`` streams are closed or NGINX closes the connection. Return the status of each stream.

        If NGINX reset a stream without responding, its status is None.
        """
        seen: dict[int, int | None] = {}
        ended = set()
        for each in self.frames():
            if each.kind == HEADERS:
                seen[each.stream] = status(each.payload)
            elif each.kind == RST_STREAM:
                seen.setdefault(each.stream, None)
            if each.stream and (each.kind == RST_STREAM or (each.kind in (HEADERS, DATA) and each.flags & END_STREAM)):
                ended.add(each.stream)
            if len(ended) == number:
                break
        return seen


@contextmanager
def connected(front: Front, *, timeout: float = 10) -> Iterator[Http2]:
    """Open an HTTP/2 connection to the shop."""
    context = ssl.create_default_context(cafile=front.ca)
    context.set_alpn_protocols(["h2", "http/1.1"])
    plain = socket.create_connection(("127.0.0.1", front.https), timeout=timeout)
    # Send small frames immediately, without waiting for earlier ones to be acknowledged.
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with context.wrap_socket(plain, server_hostname="localhost") as connection:
        assert connection.selected_alpn_protocol() == "h2"
        yield Http2(connection)


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    """Return one encoded frame."""
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def headers_frames(stream: int, headers: Iterable[Header], *, end: bool = True, complete: bool = True) -> bytes:
    """Return a HEADERS frame and, if necessary, CONTINUATION frames.

    ``end`` sets END_STREAM, which means that no body follows. ``complete`` sets END_HEADERS on the last frame.
    """
    block = b"".join(b"\x00" + text(name) + text(value) for name, value in headers)
    parts = [block[start : start + FRAME_BYTES] for start in range(0, len(block), FRAME_BYTES)]
    kinds = [HEADERS, *[CONTINUATION] * (len(parts) - 1)]
    flags = [END_STREAM if end else 0, *[0] * (len(parts) - 1)]
    flags[-1] |= END_HEADERS if complete else 0
    return b"".join(frame(*each[:2], stream, each[2]) for each in zip(kinds, flags, parts, strict=True))


def text(string: str) -> bytes:
    """Return a string in HPACK encoding, without Huffman coding."""
    data = string.encode("latin-1")
    if len(data) < 127:
        return bytes([len(data)]) + data
    length, rest = b"\x7f", len(data) - 127
    while rest >= 128:
        length, rest = length + bytes([rest % 128 + 128]), rest // 128
    return length + bytes([rest]) + data


def status(block: bytes) -> int:
    """Return the HTTP status at the start of a response's header block."""
    if block[0] in STATUSES:
        return STATUSES[block[0]]
    # The field's name is `:status`, entry 8 in the static table. Its value is literal.
    assert (block[0] & 0xF, block[1]) == (8, 3), block[:5]
    return int(block[2:5])
