"""Write the catalogue alone, with the pages of all errors: `PYTHONPATH=docs python -m errnorm_docs FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from errnorm_docs.catalogue import site
from errnorm_docs.entries import tables
from errnorm_docs.pages import put


def main(arguments: list[str]) -> int:
    """Write it into the folder that was named, or into the one at hand."""
    put(Path(arguments[0] if arguments else "."), site(tables()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
