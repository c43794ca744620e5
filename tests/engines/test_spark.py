"""Spark, where there is a JVM: `mapInArrow` calls the same function with the pieces of a column."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("pyspark", reason="PySpark is not installed: make test-engines")

import pyarrow as pa
from pyspark.sql import SparkSession

from errnorm.batch import normalize_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(shutil.which("java") is None, reason="there is no JVM")

FIELDS = ("reason", "recovery", "code")


def judge() -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return what runs on the workers, inside of a function so that it is sent by its value."""
    names = FIELDS

    def judged(parts: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for part in parts:
            error = normalize_batch(part, column="line", fields=names)
            columns = [column.dictionary_decode() for column in error.flatten()]
            yield pa.RecordBatch.from_arrays([part.column("n"), *columns], names=["n", *names])

    return judged


def test_spark_says_what_one_process_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)  # its workers take the first python3 otherwise
    kinds = ("ERROR app nats: timeout {n}", "err_code={n} nats: stream not found", "INFO all is well {n}", None)
    lines = [(n, kind and kind.format(n=n)) for n in range(4000) for kind in (kinds[n % 4],)]
    spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        frame = spark.createDataFrame(lines, "n long, line string").repartition(8)
        found = frame.mapInArrow(judge(), "n long, reason string, recovery string, code string").orderBy("n").collect()
    finally:
        spark.stop()
    column = pa.array([line for _, line in lines], pa.string())
    alone = normalize_batch(column, fields=FIELDS).to_pylist()
    assert [tuple(row)[1:] for row in found] == [tuple((one or dict.fromkeys(FIELDS)).values()) for one in alone]
