"""Settings of a recipe: a frozen dataclass, filled from defaults, YAML and key=value words; every fault at once."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import yaml

from contorno.errors import ConfigError

T = TypeVar("T")


def resolve(
    kind: type[T],
    values: Mapping[str, Any] | None = None,
    overrides: Sequence[str] = (),
    *,
    source: str = "the config",
) -> T:
    """Build the dataclass `kind` from its defaults, then `values` (from YAML), then `key=value` words.

    Each value is converted to its field's type: str, int, float, bool, Path, Literal, tuple[X, ...], X | None.
    Raises ConfigError with all faults together: unknown keys with the nearest known one, wrong types, missing values.
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(kind)
    faults: list[str] = []
    given: dict[str, Any] = {}
    for key, value in (values or {}).items():
        _take(key, value, hints, fields, given, faults, source)
    for word in overrides:
        key, sign, text = word.partition("=")
        if not sign:
            faults.append(f"{word!r} is not of the form key=value")
            continue
        _take(key.strip(), text, hints, fields, given, faults, "the command line")
    for name, field in fields.items():
        needs = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if needs and name not in given and not any(fault.startswith(f"{name} ") for fault in faults):
            faults.append(f"{name} is not given; say {name}=... ({_describe(hints[name])})")
    if faults:
        text = "; ".join(faults)
        raise ConfigError(text if text.endswith("?") else f"{text}.")
    try:
        return kind(**given)
    except ValueError as error:
        raise ConfigError(f"{error}.") from error


def _take(
    key: str,
    value: Any,
    hints: Mapping[str, Any],
    fields: Mapping[str, Any],
    given: dict[str, Any],
    faults: list[str],
    source: str,
) -> None:
    if key not in fields:
        near = difflib.get_close_matches(key, fields, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(fields)}"
        faults.append(f"{key} in {source} is not a key of this recipe; {hint}")
        return
    try:
        given[key] = convert(value, hints[key])
    except (TypeError, ValueError):
        faults.append(f"{key} is {value!r} in {source}; expected {_describe(hints[key])}")


def convert(value: Any, kind: Any) -> Any:
    """Convert one YAML value or word to a field's type. Raises ValueError or TypeError if it cannot be."""
    origin, choices = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if type(None) in choices and (value is None or value in ("none", "null", "")):
            return None
        last: Exception = ValueError(value)
        for choice in (choice for choice in choices if choice is not type(None)):
            try:
                return convert(value, choice)
            except (TypeError, ValueError) as error:
                last = error
        raise last
    if origin is Literal:
        for choice in choices:
            if value == choice or str(value) == str(choice):
                return choice
        raise ValueError(value)
    if origin is tuple:
        items = [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else list(value)
        return tuple(convert(item, choices[0]) for item in items)
    return _convert_plain(value, kind)


def _convert_plain(value: Any, kind: Any) -> Any:
    if kind is bool:
        known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if isinstance(value, bool):
            return value
        return known[str(value).lower()] if str(value).lower() in known else _fail(value)
    if isinstance(value, bool) and kind in (int, float):
        return _fail(value)
    if kind is int:
        if isinstance(value, float) and value != int(value):
            return _fail(value)
        return int(value)
    if kind is float:
        number = float(value)
        return number if number == number else _fail(value)
    if kind is Path:
        return Path(str(value)).expanduser()
    if kind is str:
        return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else _fail(value)
    return _fail(value)


def _fail(value: Any) -> Any:
    raise ValueError(value)


def _describe(kind: Any) -> str:
    origin, choices = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join("none" if choice is type(None) else _describe(choice) for choice in choices)
    if origin is Literal:
        return "one of " + ", ".join(str(choice) for choice in choices)
    if origin is tuple:
        return f"{_describe(choices[0])}s separated by commas"
    names = {bool: "true or false", int: "a whole number", float: "a number", Path: "a path", str: "a text"}
    return names.get(kind, str(kind))


def describe(kind: type[Any]) -> str:
    """The settings of a recipe, a line each: name, default, what it takes."""
    hints = typing.get_type_hints(kind)
    lines = []
    for field in dataclasses.fields(kind):
        given = field.default if field.default is not dataclasses.MISSING else None
        needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        shown = "needed" if needed else str(_plain(given)).strip("[]").replace("'", "") if given is not None else "none"
        lines.append(f"{field.name:<16}{shown:<24}{_describe(hints[field.name])}")
    return "\n".join(lines)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file of keys and values. Raises ConfigError that names the file and, for bad YAML, the place."""
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the config {path} cannot be read: {error.strerror or error}.") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"the config {path} is not YAML: {' '.join(str(error).split())}.") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"the config {path} holds a {type(values).__name__}; expected keys with values.")
    return {str(key): value for key, value in values.items()}


def to_plain(config: Any) -> dict[str, Any]:
    """The fields of a config as plain values for YAML or JSON."""
    return {field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


def to_yaml(config: Any) -> str:
    """A config as YAML text that `resolve` reads back to an equal config."""
    return yaml.safe_dump(to_plain(config), sort_keys=False, allow_unicode=True)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value
