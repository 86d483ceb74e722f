"""`contorno env add`: packages whose own pins cannot be met beside today's torch, and `contorno env show`."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import shutil
import subprocess
import sys
from typing import Any

from contorno.errors import ConfigError

WITHOUT_PINS = {"icevision": "0.12.0"}
"""Packages that are installed without their dependencies, and the version that contorno is tested beside."""


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the commands to the parser."""
    env = commands.add_parser("env", help="add a package that pip cannot resolve beside today's torch; show versions")
    verbs = env.add_subparsers(metavar="VERB", required=True)
    adding = verbs.add_parser(
        "add", help="add icevision without its pins", epilog="example: contorno env add icevision"
    )
    adding.add_argument("package", choices=sorted(WITHOUT_PINS))
    adding.add_argument("--dry-run", action="store_true", help="print the command, and run nothing")
    adding.set_defaults(call=_add)
    show = verbs.add_parser("show", help="versions of what contorno stands on")
    show.set_defaults(call=_show)


def _add(arguments: argparse.Namespace) -> int:
    requirement = f"{arguments.package}=={WITHOUT_PINS[arguments.package]}"
    if importlib.util.find_spec("pip") is not None:
        command = [sys.executable, "-m", "pip", "install", "--no-deps", requirement]
    elif (uv := shutil.which("uv")) is not None:
        command = [uv, "pip", "install", "--python", sys.executable, "--no-deps", requirement]
    else:
        raise ConfigError(f"neither pip nor uv is here to install {requirement}; run `python -m ensurepip` first.")
    print(f"{arguments.package} pins versions that no current torch meets, so it is added without its dependencies:")
    print("  " + " ".join(command), flush=True)
    if arguments.dry_run:
        return 0
    return subprocess.run(command, check=False).returncode


def _show(_: argparse.Namespace) -> int:
    from contorno.runs import versions

    for name, version in versions().items():
        print(f"{name:<16}{version}")
    for name in ("icevision", "imantics", "openimages"):
        try:
            print(f"{name:<16}{importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            print(f"{name:<16}not installed")
    return 0
