"""
Normalize a column of texts: an Arrow array goes in, and an Arrow array of structs comes out.

    from errnorm.batch import normalize_batch

    table = table.append_column("error", normalize_batch(table, column="message"))

A million lines of a log have only a few thousand shapes. A shape is a line without its times, addresses and numbers. Arrow
computes the shapes in native code and without Python's lock, and Python judges one text of each shape. The same function can
therefore be used with DuckDB on a laptop and with Ray or Spark on a cluster: each calls it with a part of a column.

A text is read as `errnorm.find` reads a line. The field `how` says whether the form of the text shows the error (`whole`,
`framed`) or whether the error was found inside other text (`inside`); use the latter only for people and for counts. This module
needs the extra `batch`.
"""

# Arrow has no type annotations, and creates the functions of its module `compute` on import.
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from errnorm.bounded import BoundedCache
from errnorm.finding import Finder
from errnorm.finding.alike import DIGITS, MARKED, NUMBERS
from errnorm.finding.finder import UNKNOWN
from errnorm.normalizer import Normalizer, default_normalizer

try:
    import pyarrow as pa
    import pyarrow.compute as pc
except ImportError as error:
    message = "errnorm.batch needs Arrow: pip install 'errnorm[batch]'"
    raise ImportError(message) from error

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from errnorm.error import NormalizedError

__all__ = ["FIELDS", "Batch", "normalize_batch", "register"]

_WORD = pa.dictionary(pa.int32(), pa.string())
_TYPES: Final[dict[str, pa.DataType]] = {
    "protocol": _WORD,
    "section": _WORD,
    "code": _WORD,
    "category": _WORD,
    "reason": _WORD,
    "retryable": pa.bool_(),
    "terminal": pa.bool_(),
    "recovery": _WORD,
    "effect": _WORD,
    "how": _WORD,
}

FIELDS: Final[tuple[str, ...]] = tuple(_TYPES)
"""The fields of a struct, in this order. All are null for a text without an error."""

_MOST_SHAPES = 50_000
_MOST_ROWS = 65_536
_LONGEST = 8192
# Times, addresses and identifiers of processes and connections never decide which error a text is.
_ALWAYS = (
    r"\d{4}[-/]\d\d[-/]\d\d(?:[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|\b\d\d:\d\d:\d\d(?:[.,]\d+)?|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b|^\[\d+\]|\b[clgr]id:\d+|<\d+\.\d+\.\d+>"
)


class Batch:
    """
    Normalizes columns with the tables of one normalizer, and caches the result of each shape.

    Threads can share it.
    """

    def __init__(self, normalizer: Normalizer | None = None) -> None:
        """
        Create an instance with an empty cache.

        Args:
            normalizer: A normalizer with tables of your own; the one with the installed tables if not given.
        """
        self._normalizer = normalizer or default_normalizer()
        self._finder = Finder(self._normalizer, logs=True)
        self._judged: BoundedCache[tuple[str, str | None, bool], tuple[object, ...]] = BoundedCache(_MOST_SHAPES)
        # The keys are texts with each digit replaced by 0. The value is `None` if a digit may decide which error it is.
        self._rough: BoundedCache[tuple[str, str | None], tuple[object, ...] | None] = BoundedCache(_MOST_SHAPES)

    def normalize(self, texts: pa.Array, protocol: str | None = None, fields: Sequence[str] = FIELDS) -> pa.StructArray:
        """
        Return what the texts of an array mean, in their order.

        Args:
            texts: Strings or bytes. Nulls stay null, and bytes that are not UTF-8 are replaced by escapes.
            protocol: `"nats"` or `"xmpp"`, if known.
            fields: The fields of the structs.

        Raises:
            TypeError: If the array contains neither strings nor bytes.
            ValueError: If a field does not exist.
        """
        wanted = [FIELDS.index(name) if name in FIELDS else _no_field(name) for name in fields]
        strings = _strings(texts)
        found = [self._verdicts(strings.slice(at, _MOST_ROWS), protocol) for at in range(0, len(strings), _MOST_ROWS)]
        numbers: dict[tuple[object, ...], int] = {}
        indices = [
            pa.array([numbers.setdefault(verdict, len(numbers)) for verdict in verdicts], pa.int32()).take(rows)
            for verdicts, rows in found
        ]
        rows = pa.concat_arrays(indices) if indices else pa.array([], pa.int32())
        columns = [
            _taken([verdict[at] for verdict in numbers], rows, _TYPES[name]) for name, at in zip(fields, wanted, strict=True)
        ]
        return pa.StructArray.from_arrays(columns, names=list(fields), mask=strings.is_null())

    def _verdicts(self, strings: pa.Array, protocol: str | None) -> tuple[list[tuple[object, ...]], pa.Array]:
        """Return the different verdicts, and for each text the index of its verdict."""
        shapes = _zeroed(strings).dictionary_encode()
        verdicts = self._of_shapes(strings, shapes, protocol)
        missing = [number for number, verdict in enumerate(verdicts) if verdict is None]
        rows = shapes.indices.fill_null(len(verdicts))
        settled = [verdict or _NOTHING for verdict in verdicts] + [_NOTHING]
        if not missing:
            return settled, rows
        # In these texts a digit may decide which error it is, so each of them is read.
        which = pc.is_in(rows, value_set=pa.array(missing, rows.type))
        closer = strings.filter(which)
        fine = _timeless(closer).dictionary_encode()
        exact = self._of_fine(closer, fine, protocol, exact=True)
        numbers = pc.add(fine.indices, pa.scalar(len(settled), pa.int32()))
        return settled + exact, pc.replace_with_mask(rows, which, numbers.cast(rows.type))

    def _of_shapes(self, strings: pa.Array, shapes: pa.DictionaryArray, protocol: str | None) -> list[tuple[object, ...] | None]:
        """Return the verdict of each shape; `None` for a shape in which a digit may decide which error it is."""
        known = shapes.dictionary.to_pylist()
        verdicts = [self._rough.get((shape, protocol), _UNSEEN) for shape in known]
        missing = [number for number, verdict in enumerate(verdicts) if verdict is _UNSEEN]
        plain = [number for number in missing if not self._finder.coded(known[number])]
        for number in missing:
            verdicts[number] = None
        if plain:
            examples = pa.array(_examples(strings, shapes.indices, plain), pa.large_string())
            fine = pc.replace_substring_regex(_timeless(examples), NUMBERS, "0").dictionary_encode()
            found = self._of_fine(examples, fine, protocol, exact=False)
            for number, at in zip(plain, fine.indices.to_pylist(), strict=True):
                verdicts[number] = found[at]
        for number in missing:
            self._rough.remember((known[number], protocol), verdicts[number])
        return verdicts

    def _of_fine(
        self, strings: pa.Array, shapes: pa.DictionaryArray, protocol: str | None, *, exact: bool
    ) -> list[tuple[object, ...]]:
        known = shapes.dictionary.to_pylist()
        verdicts = [self._judged.get((shape, protocol, exact)) for shape in known]
        missing = [number for number, verdict in enumerate(verdicts) if verdict is None]
        if missing:
            for number, text in zip(missing, _examples(strings, shapes.indices, missing), strict=True):
                verdicts[number] = self._judged.remember((known[number], protocol, exact), self._judge(text, protocol))
        return [verdict for verdict in verdicts if verdict is not None]

    def _judge(self, text: str, protocol: str | None) -> tuple[object, ...]:
        text = text[:_LONGEST]
        if protocol is not None and (error := self._normalizer.normalize(text, protocol)).known:
            return _verdict(error, "whole")
        if "\n" in text.strip():
            found = self._finder.find(text)
            return _verdict(found[0].error, str(found[0].how)) if found else _NOTHING
        seen = self._finder.error_in(text)
        if seen is None:
            return _NOTHING
        return _UNKNOWN if seen == UNKNOWN else _verdict(seen.error, str(seen.how))


def normalize_batch(
    data: pa.Array | pa.ChunkedArray | pa.RecordBatch | pa.Table,
    *,
    column: str | None = None,
    protocol: str | None = None,
    fields: Sequence[str] = FIELDS,
) -> pa.StructArray | pa.ChunkedArray:
    """
    Return what the texts of a column mean, in their order. The column is processed chunk by chunk.

    Args:
        data: A column, or a table or record batch that has the column.
        column: The name of the column in a table or record batch.
        protocol: `"nats"` or `"xmpp"`, if known.
        fields: The fields of the structs.

    Returns:
        An array of structs, with the same chunks as the column.

    Raises:
        KeyError: If the column does not exist.
        TypeError: If the column contains neither strings nor bytes.
        ValueError: If a field does not exist, or if `column` is missing for a table or record batch.
    """
    texts: Any = data
    if isinstance(data, pa.Table | pa.RecordBatch):
        if column is None:
            message = f"column: name the column with the texts, one of {', '.join(data.schema.names)}"
            raise ValueError(message)
        texts = data.column(column)
    batch = _default()
    if isinstance(texts, pa.ChunkedArray):
        chunks = [batch.normalize(chunk, protocol, fields) for chunk in texts.chunks]
        kind = pa.struct([(name, _TYPES[name]) for name in fields])
        return pa.chunked_array(chunks, kind)
    return batch.normalize(texts, protocol, fields)


def register(connection: Any, name: str = "errnorm") -> None:  # noqa: ANN401 - a type of a library that is not imported
    """
    Add an SQL function to a DuckDB connection: `errnorm(text)` returns a STRUCT with the fields of `FIELDS`.

    Args:
        connection: A connection of DuckDB.
        name: The name of the function.
    """
    import duckdb  # noqa: PLC0415 - only this function needs it

    sql = {field: "BOOLEAN" if kind is not _WORD else "VARCHAR" for field, kind in _TYPES.items()}
    returned = duckdb.struct_type({field: duckdb.sqltype(kind) for field, kind in sql.items()})
    connection.create_function(name, _plain, [duckdb.sqltype("VARCHAR")], returned, type="arrow", null_handling="special")


def _plain(texts: pa.Array | pa.ChunkedArray) -> pa.StructArray | pa.ChunkedArray:
    """Return the structs without dictionary columns, which DuckDB does not accept from a function."""
    merged = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    found = _default().normalize(merged)
    columns = [part.dictionary_decode() if pa.types.is_dictionary(part.type) else part for part in found.flatten()]
    return pa.StructArray.from_arrays(columns, names=list(FIELDS), mask=found.is_null())


@cache
def _default() -> Batch:
    return Batch()


_NOTHING: tuple[object, ...] = (None,) * len(FIELDS)


def _verdict(error: NormalizedError, how: str) -> tuple[object, ...]:
    judged = error.judgement
    return (
        error.protocol,
        judged.section,
        judged.code,
        judged.category.value,
        judged.reason.value,
        judged.retryable,
        judged.terminal,
        judged.recovery.value,
        judged.effect.value,
        how,
    )


_UNSEEN: tuple[object, ...] = ()
_UNKNOWN: tuple[object, ...] = (None, None, None, "unknown", "unknown", False, None, None, "unknown", None)


def _no_field(name: str) -> int:
    message = f"fields: there is no field {name!r}; the fields are {', '.join(FIELDS)}"
    raise ValueError(message)


def _strings(texts: pa.Array) -> pa.Array:
    kind = texts.type
    if pa.types.is_dictionary(kind):
        return _strings(texts.dictionary_decode())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return texts
    if pa.types.is_null(kind) or pa.types.is_string_view(kind):
        return texts.cast(pa.string())
    if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)):
        message = f"a column of texts must contain strings or bytes, not {kind}"
        raise TypeError(message)
    try:
        return texts.cast(pa.large_string())
    except pa.ArrowInvalid:
        decoded = (None if one is None else one.decode("utf-8", "backslashreplace") for one in texts.to_pylist())
        return pa.array(decoded, pa.large_string())


def _zeroed(strings: pa.Array) -> pa.Array:
    """Return the texts with each digit replaced by 0."""
    for number, mark in MARKED:
        strings = pc.replace_substring(strings, number, mark)
    validity, offsets, data = strings.buffers()
    text = b"" if data is None else data.to_pybytes().translate(DIGITS)
    buffers = [validity, offsets, pa.py_buffer(text)]
    return pa.Array.from_buffers(strings.type, len(strings), buffers, offset=strings.offset)


def _timeless(strings: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(strings, _ALWAYS, "0")


def _examples(strings: pa.Array, indices: pa.Array, wanted: Iterable[int]) -> list[str]:
    """Return the first text of each wanted shape."""
    rows = pa.table({"shape": indices, "row": pa.array(range(len(indices)), pa.int64())})
    first = rows.group_by("shape").aggregate([("row", "min")]).sort_by("shape")
    known = dict(zip(first["shape"].to_pylist(), first["row_min"].to_pylist(), strict=True))
    examples: list[str] = strings.take(pa.array([known[number] for number in wanted], pa.int64())).to_pylist()
    return examples


def _taken(values: list[object], rows: pa.Array, kind: pa.DataType) -> pa.Array:
    if kind is not _WORD:
        return pa.array(values, kind).take(rows)
    words = pa.array(values, pa.string()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(words.indices.take(rows), words.dictionary)
