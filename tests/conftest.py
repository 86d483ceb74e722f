"""Settings of the test run that every test file shares."""

from __future__ import annotations

import os
import signal

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
# On a desktop every picture that a test shows would open a window and wait for somebody to close it.
os.environ["MPLBACKEND"] = "agg"

# A shell starts what it puts in the background with Ctrl-C switched off, and every process that the tests start would
# inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
