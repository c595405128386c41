"""The forms in which the same bytes go out: compressed or not, in HTTP/1.1's chunks or not."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""Begins a gzip stream (RFC 1952, section 2.3): deflate, no name, no time, an unknown system."""
_MOST_STORED = 0xFFFF
LEVEL = 6
"""Of compression: what zlib takes for the best bargain. A frame is compressed once for all."""


@dataclass(frozen=True, slots=True)
class Form:
    """How bytes go out on a connection. Readers of one form share them."""

    gzip: bool = False
    chunked: bool = True

    def of(self, text: bytes) -> bytes:
        """Give some text of the stream in this form; nothing is nothing."""
        return self.framed(deflate(text) if self.gzip else text) if text else b""

    def briefly(self, text: bytes) -> bytes:
        """Give a little text for one reader in this form: to compress it would cost more than it saves."""
        return self.framed(stored(text) if self.gzip else text)

    def framed(self, body: bytes) -> bytes:
        """Frame what is compressed already, or need not be."""
        return chunk(body) if self.chunked and body else body


def chunk(body: bytes) -> bytes:
    """Frame bytes as one chunk of HTTP/1.1's chunked coding (RFC 9112, section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(body), body)


def deflate(text: bytes) -> bytes:
    """Compress so that the result may stand anywhere in a gzip stream, whatever came before (RFC 1951).

    ``Z_FULL_FLUSH`` ends it on a byte and forgets what came before: any reader may join at any such place, and all of
    them share the bytes. No stream ends in order, so the checksum that ends a gzip file is never sent.
    """
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(text) + packer.flush(zlib.Z_FULL_FLUSH)


def stored(text: bytes) -> bytes:
    """Give text as it is, to stand anywhere in a gzip stream, too (RFC 1951, section 3.2.4)."""
    size = len(text)
    if size > _MOST_STORED:
        return deflate(text)
    return struct.pack("<BHH", 0, size, size ^ _MOST_STORED) + text if text else b""
