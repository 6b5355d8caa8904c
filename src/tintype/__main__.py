"""`python -m tintype`: runs the command where the installed script is not on the path."""

import sys

from tintype.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
