"""`python -m contorno`."""

import sys

from contorno.cli import main

sys.exit(main())
