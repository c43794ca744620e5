"""The command `errnorm`, for `python -m errnorm` too."""

from __future__ import annotations

import sys

from errnorm.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
