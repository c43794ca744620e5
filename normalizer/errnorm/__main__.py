"""`python -m errnorm`, and the command of the same name."""

from __future__ import annotations

import sys

from errnorm.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
