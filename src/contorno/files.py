"""Files written whole or not at all, and folders that one process writes at a time."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from contorno.errors import ConfigError, DataError, WriteError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def atomic_file(path: Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a temporary neighbour of `path` for writing and rename it to `path` when the block ends well.

    mode: "wb", or "w" for UTF-8, in which halves of characters, as broken JSON has them, become escapes as in JSON.
    After an exception the temporary file is removed and `path` is as it was before.
    Raises ConfigError if the folder cannot be written to, WriteError if the disk is full.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}: {error.strerror or error}; choose a folder that can be written to."
        ) from error
    try:
        encoding, errors = (None, None) if "b" in mode else ("utf-8", "backslashreplace")
        with os.fdopen(handle, mode, encoding=encoding, errors=errors) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes the file private; give it the mode that a plain open() would have.
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise WriteError(f"cannot write {path}: {error.strerror}; make room, or choose another folder.") from error
    finally:
        # After a good end there is nothing left to remove.
        Path(temporary).unlink(missing_ok=True)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give the name of a temporary neighbour of `path`, for a library that writes by name; renamed at a good end."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all."""
    with atomic_file(path) as file:
        file.write(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path`, whole or not at all."""
    with atomic_file(path, "w") as file:
        file.write(text)


def write_json(path: Path, value: Any, *, indent: int | None = None) -> None:
    """Write `value` as UTF-8 JSON; NaN becomes null, since JSON has no NaN."""
    text = json.dumps(_without_nan(value), indent=indent, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file. Raises DataError that names the file and, for bad JSON, the line and column."""
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; give the path of a JSON file.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not a JSON text: byte {error.start} is not UTF-8; save it as UTF-8.") from error
    except json.JSONDecodeError as error:
        raise DataError(f"{path} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from error
    except (ValueError, RecursionError) as error:
        # JSON, but not for reading: numbers of thousands of digits, lists nested too deep.
        raise DataError(f"{path} cannot be read as JSON: {error}.") from error


def checksum(path: Path, algorithm: str = "sha256") -> str:
    """Hex digest of a file, read in pieces."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def new_folder(path: Path, *, force: bool = False) -> Path:
    """Make an output folder that is empty.

    force: move what stands there aside first, to `<name>.old-<n>`; nothing is deleted.
    Raises ConfigError if the folder exists with something in it (without `force`), or cannot be made.
    """
    path = Path(path)
    try:
        if path.is_dir() and not any(path.iterdir()):
            return path
        if path.exists():
            if not force:
                raise ConfigError(
                    f"the output folder {path} exists already; "
                    "choose another with --out, or add --force to move it aside."
                )
            number = 1
            while (aside := path.with_name(f"{path.name}.old-{number}")).exists():
                number += 1
            shutil.move(path, aside)
        path.mkdir(parents=True)
    except OSError as error:
        raise ConfigError(f"cannot make the output folder {path}: {error.strerror or error}.") from error
    return path


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process; a second holder gets a ConfigError at once. Released even by kill -9."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+b") as file:
        try:
            _lock(file)
        except OSError as error:
            raise ConfigError(
                f"another process is writing to {folder}; wait for it, or choose another folder."
            ) from error
        try:
            yield
        finally:
            _unlock(file)


if os.name == "nt":  # pragma: no cover
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]

    def _unlock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined]

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, dict):
        return {str(key): _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return value
