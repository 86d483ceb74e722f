"""When to ask again, after how long a pause, and when to give up."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

import httpx

from contorno.errors import DownloadError
from contorno.openimages.answers import PassingError, UnreachableError

PASSING = (PassingError, httpx.TransportError)
"""Faults that another attempt may mend."""

_PAUSE_LIMIT_SECONDS = 30.0
_UNREACHABLE = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
_T = TypeVar("_T")


class Retries:
    """How often one thing is asked for, safe to share between threads.

    attempts:      before giving up.
    pause_seconds: before the second attempt; doubles with each more, with jitter, up to half a minute. The server's own
                   Retry-After lengthens it, up to the same.
    """

    def __init__(self, attempts: int, pause_seconds: float) -> None:
        self._attempts = attempts
        self._pause_seconds = pause_seconds
        self._jitter = random.Random()
        self._reached: set[str] = set()

    def reached(self, url: str) -> None:
        """Note that the host of `url` answered."""
        self._reached.add(urlsplit(url).netloc)

    def call(self, url: str, ask: Callable[[], _T]) -> _T:
        """Call `ask` until it comes through. Raises DownloadError when the attempts are used up."""
        failures = 0
        while True:
            try:
                return ask()
            except PASSING as error:
                failures += 1
                self.pause(url, error, failures)

    def pause(self, url: str, error: Exception, failures: int) -> None:
        """Wait before the next attempt. Raises UnreachableError or DownloadError if there is none left."""
        host = urlsplit(url).netloc
        reason = str(error) or type(error).__name__
        # A host that never answered is most likely out of reach for good: say so soon.
        if isinstance(error, _UNREACHABLE) and (
            failures >= self._attempts or (failures > 1 and host not in self._reached)
        ):
            raise UnreachableError(
                f"cannot reach {host} ({reason}); check the network and the proxy; without a network "
                "draw a small Open Images with `contorno openimages offline DIR` and give bucket=DIR (--bucket DIR)."
            ) from error
        if failures >= self._attempts:
            raise DownloadError(
                f"{url} could not be fetched in {failures} attempts: {reason}; run it again to go on where it stopped."
            ) from error
        time.sleep(self.seconds(error, failures))

    def seconds(self, error: Exception, failures: int) -> float:
        """How long the pause is after so many failures, of which `error` is the last."""
        seconds = self._pause_seconds * 2.0 ** (failures - 1) * self._jitter.uniform(0.5, 1.5)
        after = error.after_seconds if isinstance(error, PassingError) else 0.0
        return min(max(seconds, after), _PAUSE_LIMIT_SECONDS)
