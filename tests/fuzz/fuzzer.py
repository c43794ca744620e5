"""
A coverage-guided fuzzer for everything that reads what a peer wrote: `make fuzz`, or

    python tests/fuzz/fuzzer.py [CORPUS] [-max_total_time=60] [further options of libFuzzer]

Each input is given to `normalize` as text and as bytes, under each protocol and under none. What must hold for any input holds
here: one record, valid JSON, no exception, the flags in agreement, and bounded time (libFuzzer's own `-timeout`).
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import atheris

with atheris.instrument_imports(include=["errnorm", "errnorm_adapters"]):  # pyright: ignore[reportAttributeAccessIssue]
    # Adapters are loaded when they are needed; here they must be there before, to be instrumented.
    import errnorm_adapters.nats  # pyright: ignore[reportUnusedImport]
    import errnorm_adapters.transport  # pyright: ignore[reportUnusedImport]
    import errnorm_adapters.xmpp  # noqa: F401 # pyright: ignore[reportUnusedImport]
    from errnorm.normalizer import Normalizer
    from errnorm.taxonomy import Category

if TYPE_CHECKING:
    from errnorm.error import NormalizedError

_NORMALIZER = Normalizer([])
_PROTOCOLS = ("nats", "xmpp", None)


def check(error: NormalizedError) -> None:
    """Hold a record against what is promised of every record."""
    record = json.loads(error.to_json())
    assert record == json.loads(json.dumps(error.to_record())), "the two ways to JSON differ"
    assert error.retryable == error.recovery.retryable, "retryable and recovery disagree"
    assert not (error.retryable and error.category is Category.UNKNOWN), "the unknown is retried"
    assert len(record["text"] or "") <= 8192, "the text has no bound"
    assert (record["fingerprint"] is None) == error.known, "a fingerprint is for the unknown"


def one_input(data: bytes) -> None:
    """Give one input to everything that reads."""
    text = data.decode("utf-8", "surrogateescape")
    for protocol in _PROTOCOLS:
        check(_NORMALIZER.normalize(text, protocol))
        check(_NORMALIZER.normalize(data, protocol))


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
