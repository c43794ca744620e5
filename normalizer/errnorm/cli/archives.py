"""
Read the lines of logs from files or stdin: plain text, gzip or zstd, which are recognised by their first bytes.

Only the first 64 KiB of a line are kept, so that a line of a gigabyte does not fill the memory.
"""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, NamedTuple, cast

from errnorm.cli.arguments import UnusableError, stdin

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ArchiveError", "Line", "is_plain", "lines_of"]

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_LONGEST_LINE = 1 << 16


class ArchiveError(UnusableError):
    """A file cannot be read, or is truncated. The lines before that point were read."""


class Line(NamedTuple):
    """
    One line.

    Attributes:
        text: The line without its line end. Bytes that are not UTF-8 are replaced.

        size: The number of bytes that were read from the file for the line; compressed bytes if the file is compressed.
    """

    text: str
    size: int


def is_plain(name: str) -> bool:
    """
    Return whether a file is not compressed.

    Raises:
        OSError: If the file cannot be read.
    """
    with Path(name).open("rb") as file:
        head = file.read(len(_ZSTD))
    return not head.startswith(_GZIP) and head != _ZSTD


def lines_of(name: str, start: int = 0, end: int | None = None) -> Iterator[Line]:
    """
    Yield the lines of a file, or of stdin for `-`.

    Args:
        name: The name of the file.
        start: The position at which to begin, in bytes. It must be the beginning of a line of an uncompressed file.
        end: The position at which to stop, in bytes; `None` for the end of the file.

    Raises:
        ArchiveError: If the file cannot be opened or read to its end, or needs a library that is not installed.
    """
    try:
        with stdin() if name == "-" else Path(name).open("rb") as raw:
            if start:
                raw.seek(start)
            yield from _until(_lines(raw, name), None if end is None else end - start)
    except (OSError, EOFError, zlib.error) as error:
        message = f"{name}: {getattr(error, 'strerror', None) or error}"
        raise ArchiveError(message) from error


def _until(lines: Iterator[Line], size: int | None) -> Iterator[Line]:
    if size is None:
        yield from lines
        return
    for line in lines:
        yield line
        size -= line.size
        if size <= 0:
            return


def _lines(raw: BinaryIO, name: str) -> Iterator[Line]:
    buffered = cast("io.BufferedReader", raw if hasattr(raw, "peek") else io.BufferedReader(cast("io.RawIOBase", raw)))
    head = buffered.peek(4)[:4]
    compressed = head.startswith(_GZIP) or head == _ZSTD
    stream: IO[bytes] = buffered
    if head.startswith(_GZIP):
        stream = cast("IO[bytes]", gzip.GzipFile(fileobj=buffered))
    elif head == _ZSTD:
        stream = _zstd(buffered, name)
    before = 0
    while line := stream.readline(_LONGEST_LINE):
        whole, size = line, len(line)
        while len(whole) == _LONGEST_LINE and not whole.endswith(b"\n"):
            whole = stream.readline(_LONGEST_LINE)
            size += len(whole)
        if compressed and buffered.seekable():
            now = buffered.tell()
            size, before = now - before, now
        yield Line(line.rstrip(b"\r\n").decode("utf-8", "replace"), size)


def _zstd(buffered: io.BufferedReader, name: str) -> IO[bytes]:
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore] # noqa: PLC0415 - from Python 3.14 on
    except ImportError:
        pass
    else:
        return cast("IO[bytes]", zstd.ZstdFile(buffered))
    try:
        import zstandard  # noqa: PLC0415 - the extra `zstd`
    except ImportError:
        message = f"{name}: zstd needs Python 3.14 or a library: pip install 'errnorm[zstd]'"
        raise ArchiveError(message) from None
    reader = zstandard.ZstdDecompressor().stream_reader(buffered, read_across_frames=True)
    return io.BufferedReader(cast("io.RawIOBase", reader))
