"""The one door for XML: label files as elements, and nothing in them that can do harm.

The standard library's expat with handlers of its own, which is as safe as `defusedxml` and says where a fault is. A
declaration of an entity ends the reading before the entity can be used, so that text never grows ("billion laughs");
nothing outside the file is ever opened; size, depth and number of elements have limits.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from contorno.errors import DataError

MOST_BYTES = 1 << 26
"""A file that is read whole may have so many bytes, 64 MiB."""
MOST_BYTES_STREAMED = 1 << 32
"""A file of which one part is held at a time may have so many bytes, 4 GiB."""
MOST_DEPTH = 64
"""Elements may lie so deep in each other; label files need about 8."""
MOST_ELEMENTS = 2_000_000
"""Elements that are held at a time; a million takes about 300 MB."""

_CHUNK = 1 << 20
_HEAD = 1024
_ENCODING = re.compile(rb"^<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_SPACE = b" \t\r\n"
# Encodings of several bytes a character, which expat does not know; each is read as its widest relative.
_WIDE = {
    **dict.fromkeys(("gb2312", "gbk", "gb18030", "cp936"), "gb18030"),
    **dict.fromkeys(("big5", "big5-hkscs", "cp950"), "big5hkscs"),
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "cp932", "windows-31j"), "cp932"),
    **dict.fromkeys(("euc-kr", "cp949", "ks_c_5601-1987"), "cp949"),
    "euc-jp": "euc_jp",
}


@dataclass(slots=True)
class XmlElement:
    """One element. text: what stands directly in it, without outer space.   line: where it begins, from 1."""

    tag: str
    attributes: dict[str, str]
    line: int
    text: str = ""
    children: list[XmlElement] = field(default_factory=list)

    def first(self, tag: str) -> XmlElement | None:
        """The first child called `tag`, if there is one."""
        return next((child for child in self.children if child.tag == tag), None)

    def every(self, tag: str) -> list[XmlElement]:
        """All children called `tag`."""
        return [child for child in self.children if child.tag == tag]

    def value(self, *tags: str) -> str:
        """The text of the child, the child's child, ... called so; "" if there is none."""
        found: XmlElement | None = self
        for tag in tags:
            found = found.first(tag) if found is not None else None
        return found.text if found is not None else ""


def read_xml(path: Path, *, most_bytes: int = MOST_BYTES) -> XmlElement:
    """Read a file whole and give its outer element.

    Raises DataError that names the file and, for bad XML, line and column, if it is not XML, is cut off, is larger than
    `most_bytes`, lies too deep, has too many elements, or declares entities.
    """
    reader = _Reader(Path(path), most_bytes, whole=True)
    for _ in reader.parts():
        pass
    assert reader.root is not None
    return reader.root


def iterate_xml(path: Path, *, most_bytes: int = MOST_BYTES_STREAMED) -> Iterator[XmlElement]:
    """Give first the outer element with its attributes alone, then each of its children, read as it is needed.

    Only one child is held at a time, so that an export of many images fits in memory. Raises DataError as `read_xml`.
    """
    return _Reader(Path(path), most_bytes, whole=False).parts()


def root_tag(path: Path) -> str | None:
    """The name of a file's outer element, from its first kilobytes; None if that is not XML."""
    reader = _Reader(Path(path), MOST_BYTES_STREAMED, whole=False)
    try:
        return next(reader.parts()).tag
    except DataError:
        return None


class _Reader:
    """Builds elements out of expat's events."""

    def __init__(self, path: Path, most_bytes: int, *, whole: bool) -> None:
        self.path = path
        self.root: XmlElement | None = None
        self._most_bytes = most_bytes
        self._whole = whole
        self._open: list[tuple[XmlElement, list[str]]] = []
        self._held = 0
        self._ready: list[XmlElement] = []
        self._lines_before = 0
        self._parser = expat.ParserCreate()

    def parts(self) -> Iterator[XmlElement]:
        """The outer element, then each of its children when it is complete; of a file read whole the outer alone."""
        try:
            # A pipe would keep the reader waiting for ever.
            if not self.path.is_file():
                raise DataError(f"{self.path} does not exist or is no file; give the path of an XML file.")
            size = self.path.stat().st_size
            if size > self._most_bytes:
                self._too_long(size)
            yield from self._read()
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror or error}.") from error
        except expat.ExpatError as error:
            raise DataError(
                f"{self.path} is not XML: {expat.errors.messages[error.code]} "
                f"at {self._place(error.lineno, error.offset)}."
            ) from error
        except (ValueError, LookupError) as error:  # encodings that are not known, bytes that are not of theirs
            raise DataError(f"{self.path} cannot be read as XML: {error}.") from error

    def _read(self) -> Iterator[XmlElement]:
        with self.path.open("rb") as file:
            head = file.read(_HEAD)
            # Space before the XML declaration is against the rules, and there in files that people have edited.
            total = len(head)
            start = total - len(head.lstrip(_SPACE))
            self._lines_before = head[:start].count(b"\n")
            data: bytes = head[start:]
            if not data.strip(b"\0"):
                raise DataError(f"{self.path} is empty; expected XML.")
            stated = _ENCODING.match(data)
            encoding = stated[1].decode("ascii").lower() if stated else ""
            decoder = codecs.getincrementaldecoder(_WIDE[encoding])() if encoding in _WIDE else None
            # What says that it is UTF-16, in bytes that can be read as a text of single ones, is UTF-8 in truth.
            self._listen("utf-8" if encoding.startswith("utf-16") else None)
            while data:
                if total > self._most_bytes:
                    self._too_long(total)
                # Given a text, expat does not look at the encoding that is stated in it.
                self._parser.Parse(decoder.decode(data) if decoder is not None else data)
                yield from self._take()
                data = file.read(_CHUNK)
                total += len(data)
            self._parser.Parse(b"", True)
            yield from self._take()

    def _listen(self, encoding: str | None) -> None:
        parser = self._parser = expat.ParserCreate(encoding)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = self._entity
        parser.AttlistDeclHandler = self._default_value
        # An outside DTD is never opened; a name that only it could explain is a fault, not a gap in the text.
        parser.SkippedEntityHandler = self._skipped
        parser.ExternalEntityRefHandler = self._outside

    def _take(self) -> list[XmlElement]:
        ready, self._ready = self._ready, []
        return ready

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= MOST_DEPTH:
            self._refuse(f"has elements more than {MOST_DEPTH} deep in each other")
        self._held += 1
        if self._held > MOST_ELEMENTS:
            self._refuse(f"has more than {MOST_ELEMENTS:,} elements at once")
        element = XmlElement(tag, attributes, self._parser.CurrentLineNumber + self._lines_before)
        if not self._open:
            self.root = element
            self._ready.append(element)
        elif self._whole or len(self._open) > 1:
            self._open[-1][0].children.append(element)
        self._open.append((element, []))

    def _end(self, tag: str) -> None:
        element, texts = self._open.pop()
        element.text = "".join(texts).strip()
        if len(self._open) == 1 and not self._whole:
            self._ready.append(element)
            self._held = 0

    def _text(self, text: str) -> None:
        # Text of the outer element is the space between its children; what is streamed would gather all of it.
        if len(self._open) > 1:
            self._open[-1][1].append(text)

    def _entity(self, name: str, *_: object) -> NoReturn:
        self._refuse(f"declares the entity {name!r}, which label files never do")

    def _default_value(self, element: str, name: str, *_: object) -> NoReturn:
        self._refuse(f"declares the attribute {name!r} of <{element}> in a DTD, which label files never do")

    def _skipped(self, name: str, *_: object) -> NoReturn:
        self._refuse(f"uses the entity {name!r}, which is explained outside of the file")

    def _outside(self, *_: object) -> NoReturn:
        self._refuse("uses an entity that is explained outside of the file")

    def _refuse(self, what: str) -> NoReturn:
        place = self._place(self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber)
        raise DataError(f"{self.path} {what} ({place}); it is not read, since it may be made to do harm.")

    def _too_long(self, size: int) -> NoReturn:
        raise DataError(
            f"{self.path} has {size:,} bytes, more than the {self._most_bytes:,} that are read of one file; divide it."
        )

    def _place(self, line: int, column: int) -> str:
        """Line and column, both from 1."""
        return f"line {line + self._lines_before}, column {column + 1}"
