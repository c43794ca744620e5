"""`python -m errnorm_adapters.drift`."""

import sys

from errnorm_adapters.drift import main

if __name__ == "__main__":
    sys.exit(main())
