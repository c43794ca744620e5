"""`python -m errnorm_adapters.tools.drift`."""

import sys

from errnorm_adapters.tools.drift import main

if __name__ == "__main__":
    sys.exit(main())
