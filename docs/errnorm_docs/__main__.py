"""Write the catalogue alone: `PYTHONPATH=docs python -m errnorm_docs catalogue.html`."""

from __future__ import annotations

import sys
from pathlib import Path

from errnorm_docs.catalogue import catalogue
from errnorm_docs.entries import tables


def main(arguments: list[str]) -> int:
    """Write the catalogue to the file that was named, or to stdout."""
    page = catalogue(tables())
    if arguments:
        Path(arguments[0]).write_text(page, "utf-8")
    else:
        sys.stdout.write(page)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
