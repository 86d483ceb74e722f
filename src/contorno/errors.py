"""The exceptions that contorno raises, one tree.

    ContornoError                 everything below; catch this to catch them all
    ├── ConfigError               misuse: a wrong key, value, name or folder (exit code 2)
    │   └── MissingExtraError     an optional package is needed and not installed
    ├── DataError                 a file or annotation is not what it must be
    ├── WriteError                a file could not be written: the disk is full
    ├── DownloadError             something could not be fetched whole
    ├── WeightsError              weights do not fit the model they are loaded into
    ├── ProcessError              another process of the same training has ended
    └── ExportError               an exported model does not equal the eager one

A message is one sentence or two: what is wrong, where (file, image id, field), what was expected, how to mend it.
"""

from __future__ import annotations


class ContornoError(Exception):
    """Base of all errors that contorno raises on purpose."""

    exit_code = 1


class ConfigError(ContornoError):
    """The call cannot be carried out as it was asked."""

    exit_code = 2


class MissingExtraError(ConfigError):
    """An optional package is needed; the message names the extra that brings it."""


class DataError(ContornoError):
    """A file, image or annotation is not what it must be."""


class WriteError(ContornoError):
    """A file could not be written whole; what stood there before still does."""


class DownloadError(ContornoError):
    """Something could not be fetched, or arrived damaged."""


class WeightsError(ContornoError):
    """A state dict does not fit the model, or could not be had."""


class ProcessError(ContornoError):
    """Another of the processes that train together has ended, or cannot be reached."""


class ExportError(ContornoError):
    """An exported model differs from the eager one beyond the stated tolerance."""
