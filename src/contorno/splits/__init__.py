"""Divide records into parts: repeatable, by image id, and the same whatever order the records came in."""

from __future__ import annotations

from contorno.splits.drawn import RandomSplitter, Splitter
from contorno.splits.folders import BySplitFolder, FolderSplitter
from contorno.splits.grouped import GroupedSplitter, GroupKey
from contorno.splits.listed import (
    FileListSplitter,
    FixedSplitter,
    FuncSplitter,
    SingleSplitter,
)
from contorno.splits.named import named_parts
from contorno.splits.stratified import KFoldSplitter, StratifiedSplitter

__all__ = [
    "BySplitFolder",
    "FileListSplitter",
    "FixedSplitter",
    "FolderSplitter",
    "FuncSplitter",
    "GroupKey",
    "GroupedSplitter",
    "KFoldSplitter",
    "RandomSplitter",
    "SingleSplitter",
    "Splitter",
    "StratifiedSplitter",
    "named_parts",
]
