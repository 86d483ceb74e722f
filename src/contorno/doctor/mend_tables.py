"""Mend the tables of a COCO document in place: ids, names, references. Other members and keys stay as they are."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from typing import Any

from contorno.doctor.changes import Change, shown
from contorno.doctor.coco_fields import number_in_text
from contorno.doctor.coco_references import are_most, category_shift
from contorno.doctor.repeats import repeats
from contorno.parsers.coco_categories import NUMBER_NAME, is_number_name, project_category
from contorno.parsers.coco_document import clean_id
from contorno.records import ImageId, fold_name


class TableMender:
    """Mends one document. changes: what was done, in order.   doubtful: file names that several files have."""

    def __init__(self, document: dict[str, Any], label_file: str, doubtful: Collection[str] = frozenset()) -> None:
        self.document = document
        self.label_file = label_file
        self.changes: list[Change] = []
        self._doubtful = doubtful
        self._names: dict[ImageId, str] = {}
        self._unsure: set[ImageId | None] = set()  # image ids that stand for several files

    def note(self, why: str, field: str, before: object, after: object, entry: dict[str, Any] | None = None) -> None:
        """Put a change on the list. entry: the annotation or image that it is about. None: no value."""
        entry = {} if entry is None else entry
        image = entry.get("file_name")
        if not isinstance(image, str):
            key = clean_id(entry.get("image_id"))
            image = "" if key is None else self._names.get(key, "")
        self.changes.append(
            Change(
                label_file=self.label_file,
                image=image,
                object_id=str(entry.get("id", "")) if "image_id" in entry else "",
                field=field,
                before="" if before is None else shown(before),
                after="" if after is None else shown(after),
                why=why,
            )
        )

    def mend(self) -> None:
        """Images, categories, annotations."""
        for table in ("images", "categories", "annotations"):
            for entry in self.document[table]:
                if not isinstance(entry, dict):
                    self.note(f"entry of {table!r} that is no object", table, entry, None)
            self.document[table] = list(self._entries(table))
        self._images()
        self._categories()
        self._references()
        self.drop_repeats()
        self._ids()

    def _entries(self, table: str) -> Iterator[dict[str, Any]]:
        return (entry for entry in self.document[table] if isinstance(entry, dict))

    def _images(self) -> None:
        by_id: dict[ImageId, dict[str, Any]] = {}
        by_name: dict[str, ImageId] = {}
        merged: dict[ImageId, ImageId] = {}
        gone: set[int] = set()
        for entry in self._entries("images"):
            name, key = entry.get("file_name"), clean_id(entry.get("id"))
            if isinstance(name, str) and "\\" in name:
                entry["file_name"] = name.replace("\\", "/")
                self.note("file name with backslashes", "file_name", name, entry["file_name"], entry)
            for side in ("width", "height"):
                value = number_in_text(entry.get(side))
                if value is not None and value >= 1 and value == int(value):
                    self.note("width or height that is a text", side, entry[side], int(value), entry)
                    entry[side] = int(value)
            if key is None:
                continue
            name = entry.get("file_name")
            first = by_id.setdefault(key, entry)
            if first is not entry:
                if first.get("file_name") == name:
                    self.note("image entry that repeats another", "images", entry, None, entry)
                    gone.add(id(entry))
                else:
                    self._unsure.add(key)
                continue
            if isinstance(name, str):
                self._names[key] = name
                other = by_name.setdefault(name, key)
                same_size = all(by_id[other].get(side) == entry.get(side) for side in ("width", "height"))
                if other != key and same_size and name not in self._doubtful:
                    self.note("image file under two ids", "id", key, other, entry)
                    merged[key] = other
                    gone.add(id(entry))
        self.document["images"] = [entry for entry in self.document["images"] if id(entry) not in gone]
        self._rename("image_id", merged, "image file under two ids")

    def _categories(self) -> None:
        first_of: dict[str, ImageId] = {}
        by_id: dict[ImageId, str] = {}
        merged: dict[ImageId, ImageId] = {}
        gone: set[int] = set()
        used = (entry.get("category_id") for entry in self._entries("annotations"))
        project = project_category(self.document["categories"], lambda: used)
        for entry in self._entries("categories"):
            name, key = entry.get("name"), clean_id(entry.get("id"))
            if is_number_name(name):
                self.note(NUMBER_NAME, "categories.name", name, str(name))
                entry["name"] = name = str(name)
            if project is not None and key == project:
                continue  # no class, and its name may be that of one
            if key is None or not isinstance(name, str) or not name.strip():
                continue
            if name != name.strip():
                self.note("category name with outer blanks", "categories.name", name, name.strip())
                entry["name"] = name = name.strip()
            folded = fold_name(name)
            is_again = key in by_id
            if by_id.setdefault(key, folded) != folded:
                continue  # one id, two names: whose the objects are cannot be told
            other = first_of.setdefault(folded, key)
            if other != key:
                self.note("category name that stands twice", "categories", entry, None)
                merged[key] = other
                gone.add(id(entry))
            elif is_again:
                self.note("category id used twice", "categories", entry, None)
                gone.add(id(entry))
        self.document["categories"] = [entry for entry in self.document["categories"] if id(entry) not in gone]
        self._rename("category_id", merged, "category name that stands twice")

    def _rename(self, field: str, ids: dict[ImageId, ImageId], why: str) -> None:
        if not ids:
            return
        for entry in self._entries("annotations"):
            key = clean_id(entry.get(field))
            if key is not None and key in ids:
                self.note(why, field, entry[field], ids[key], entry)
                entry[field] = ids[key]

    def _references(self) -> None:
        """Give references the type of the ids, and remove annotations of unknown images and categories."""
        tables = {"image_id": "images", "category_id": "categories"}
        gone: set[int] = set()
        for field, table in tables.items():
            known = {key for entry in self._entries(table) if (key := clean_id(entry.get("id"))) is not None}
            by_text = {str(key): key for key in known}
            used = {key for e in self._entries("annotations") if (key := clean_id(e.get(field))) is not None}
            typed = {key: by_text.get(str(key).strip(), key) for key in used}
            # Off by one: removing everything would destroy what one number can correct.
            is_shifted = category_shift(known, set(typed.values())) != 0
            keys = [clean_id(entry.get(field)) for entry in self._entries("annotations")]
            unknown = sum(key is not None and typed[key] not in known for key in keys)
            is_shifted |= are_most(unknown, len(keys))
            for entry in self._entries("annotations"):
                key = clean_id(entry.get(field))
                if key is None or key in known:
                    continue
                if typed[key] in known:
                    self.note(f"{field} of another type than the id", field, entry[field], typed[key], entry)
                    entry[field] = typed[key]
                elif not is_shifted and id(entry) not in gone:
                    what = field.removesuffix("_id")
                    self.note(f"annotation of an unknown {what}", field, entry[field], None, entry)
                    gone.add(id(entry))
        self.drop(gone)

    def drop(self, gone: set[int]) -> None:
        """Take annotations out of the document, by the identity of their objects."""
        if gone:
            self.document["annotations"] = [e for e in self.document["annotations"] if id(e) not in gone]

    def drop_repeats(self) -> None:
        """Remove annotations that repeat another in everything but the id, and with a mask but box and area."""
        gone: set[int] = set()
        sure = (e for e in self._entries("annotations") if clean_id(e.get("image_id")) not in self._unsure)
        for entry in repeats(sure):
            self.note("object annotated twice", "annotations", entry, None, entry)
            gone.add(id(entry))
        self.drop(gone)

    def _ids(self) -> None:
        """Number annotations without an id of their own; the first of an id keeps it."""
        taken = {key for entry in self._entries("annotations") if (key := clean_id(entry.get("id"))) is not None}
        free = itertools.count(max((key for key in taken if isinstance(key, int)), default=0) + 1)
        seen: set[ImageId] = set()
        for entry in self._entries("annotations"):
            key = clean_id(entry.get("id"))
            if key is None or key in seen or key == 0:
                why = "annotation without a usable id" if key is None else "annotation id used twice"
                new = next(free)
                self.note("annotation with the id 0" if key == 0 and key not in seen else why, "id", key, new, entry)
                entry["id"] = key = new
            seen.add(key)
