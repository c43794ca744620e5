"""Ray Data over a cluster of several nodes: a worker is killed, and the result is that of one process."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("ray", reason="Ray is not installed: make test-engines")

import pyarrow as pa
import ray
import ray.data
from ray.cluster_utils import Cluster

from errnorm.batch import normalize_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROWS = 40_000
BLOCKS = 40


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Start three nodes as processes."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def archive() -> pa.Table:
    """Return lines as servers and clients write them, each with its number."""
    kinds = (
        '[7] 2026/11/29 10:00:00.000001 [ERR] 127.0.0.1:{n} - cid:{n} - "v1:go:shop" - authentication error - User "ann"',
        "2026-11-29 10:00:00 ERROR app nats: timeout",
        '{{"error": {{"code": 404, "err_code": 10059, "description": "stream not found"}}, "n": {n}}}',
        "2026-11-29 10:00:00 INFO app all is well {n}",
        "ERROR nobody knows this error {n}",
    )
    return pa.table({"n": range(ROWS), "line": [kinds[n % len(kinds)].format(n=n) for n in range(ROWS)]})


def judge_in(place: str) -> Callable[[pa.Table], pa.Table]:
    """Return what runs on the nodes; it says in a file which process it is, so that one can be killed."""

    # Inside of a function, so that it is sent by its value: the nodes cannot import this file.
    def judge(table: pa.Table) -> pa.Table:
        (Path(place) / str(os.getpid())).touch()
        time.sleep(0.2)
        names = ("reason", "recovery", "code")
        error = normalize_batch(table, column="line", fields=names)
        plain = [pa.array([row[name] for row in error.to_pylist()], pa.string()) for name in names]
        return pa.table([table["n"], *plain], names=["n", *names])

    return judge


@pytest.mark.usefixtures("cluster")
def test_a_cluster_that_loses_a_worker_says_what_one_process_says(tmp_path: Path) -> None:
    table = archive()
    alone = judge_in(str(tmp_path))(table).sort_by("n")
    (tmp_path / str(os.getpid())).unlink()
    killed: list[int] = []

    def kill() -> None:
        deadline = time.monotonic() + 120
        while not killed and time.monotonic() < deadline:
            for file in tmp_path.iterdir():
                os.kill(int(file.name), signal.SIGKILL)
                killed.append(int(file.name))
                break
            time.sleep(0.05)

    killer = threading.Thread(target=kill)
    killer.start()
    judge = judge_in(str(tmp_path))
    found = ray.data.from_arrow(table).repartition(BLOCKS).map_batches(judge, batch_format="pyarrow", batch_size=None)
    parts = [ray.get(part) for part in found.to_arrow_refs()]
    killer.join()
    together = pa.concat_tables(parts).sort_by("n")
    assert killed
    assert len(list(tmp_path.iterdir())) > 2  # the one that was killed, and others that went on
    assert together.equals(alone)
