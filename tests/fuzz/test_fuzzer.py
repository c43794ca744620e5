"""The short form of `make fuzz`: the kept corpus, then a short search from it that takes the same way each time."""

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


def test_nothing_in_the_corpus_and_near_it_breaks_anything(tmp_path: Path) -> None:
    corpus = shutil.copytree(CORPUS, tmp_path / "corpus")
    options = ["-runs=2000", "-seed=1", "-max_len=2048", "-timeout=100", "-rss_limit_mb=2048"]
    command = [sys.executable, str(FUZZER), str(corpus), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, cwd=corpus, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
