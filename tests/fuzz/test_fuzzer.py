"""The short form of `make fuzz`: the kept corpus, then a few seconds of search from it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

FUZZER = Path(__file__).with_name("fuzzer.py")
CORPUS = Path(__file__).parents[1] / "data" / "corpus"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not installed: it has no wheel for this Python"),
]


def fuzz(corpus: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FUZZER), str(corpus), "-timeout=5", "-rss_limit_mb=2048", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, cwd=corpus, check=False)


def test_nothing_in_the_corpus_breaks_anything(tmp_path: Path) -> None:
    corpus = shutil.copytree(CORPUS, tmp_path / "corpus")
    done = fuzz(corpus, "-runs=0")
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_few_seconds_of_search_find_nothing(tmp_path: Path) -> None:
    corpus = shutil.copytree(CORPUS, tmp_path / "corpus")
    done = fuzz(corpus, "-max_total_time=8", "-max_len=2048")
    assert done.returncode == 0, done.stderr[-2000:]
