"""Bytes to text and back, without losing a byte."""

from __future__ import annotations

import codecs
import io
import re
import tokenize
from dataclasses import dataclass

from ray_lint.errors import SourceError


@dataclass(frozen=True)
class Text:
    """Decoded source: ``content`` keeps its line endings; ``encode`` gives the bytes back."""

    content: str
    encoding: str = "utf-8"
    bom: bool = False

    def encode(self, content: str) -> bytes:
        """Return ``content`` in the encoding of this source.

        Raises UnicodeEncodeError when the encoding of the file cannot express a character.
        """
        return (codecs.BOM_UTF8 if self.bom else b"") + content.encode(self.encoding)

    @property
    def newline(self) -> str:
        r"""The line ending of the first line, ``\n`` for a file of one line."""
        for i, character in enumerate(self.content):
            if character == "\n":
                return "\n"
            if character == "\r":
                return "\r\n" if self.content[i + 1 : i + 2] == "\n" else "\r"
        return "\n"


def character_column(line: str, byte_column: int) -> int:
    """Return the column in characters for one that counts UTF-8 bytes, as ``ast`` does."""
    if line.isascii():
        return byte_column
    return len(line.encode()[:byte_column].decode(errors="ignore"))


def decode(data: bytes, filename: str) -> Text:
    """Decode Python source as the interpreter would (PEP 263: BOM, then encoding cookie, UTF-8).

    Raises SourceError for an unknown encoding, undecodable bytes or a null byte.
    """
    bom = data.startswith(codecs.BOM_UTF8)
    # The cookie stands in one of the first two lines, which may end as they did on old systems.
    head = re.sub(rb"\r\n?", b"\n", data) if b"\r" in data else data
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(head).readline)
    except SyntaxError as error:
        raise SourceError(filename, str(error.msg), 1) from None
    if bom:
        encoding, data = "utf-8", data[len(codecs.BOM_UTF8) :]
    try:
        content = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"cannot decode byte 0x{data[error.start]:02x} as {encoding}"
        raise SourceError(filename, message, line) from None
    except (LookupError, UnicodeError):  # base64 and the like; idna and punycode
        raise SourceError(filename, f"cannot be decoded as {encoding}", 1) from None
    if "\0" in content:
        line = content.count("\n", 0, content.index("\0")) + 1
        raise SourceError(filename, "source code cannot contain null bytes", line)
    return Text(content, encoding, bom)
