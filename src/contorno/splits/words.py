"""The three usual splits, and what data sets call them."""

from __future__ import annotations

SPLIT_FOLDERS = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
"""Names of splits, and the folders that data sets keep them in, in lower case."""

SPLIT_WORDS = {word: split for split, words in SPLIT_FOLDERS.items() for word in words}
"""The split that each of these words means."""
