"""The text that names the people who took the images, to ship with a data set or a model."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from contorno.openimages.bucket import Split

NOT_STATED = "not stated in the listing"

_CC = re.compile(r"https?://creativecommons\.org/licenses/([a-z-]+)/([0-9.]+)(?:/[a-z/]*)?", re.IGNORECASE)
_CC_ZERO = re.compile(r"https?://creativecommons\.org/publicdomain/zero/([0-9.]+)(?:/[a-z/]*)?", re.IGNORECASE)
_TURNS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # marks that turn the direction of what follows

_ABOUT = """\
The images of this data set are photographs by the people named below. They come from Open Images
(https://storage.googleapis.com/openimages/web/index.html), which lists each of them with its author, title,
licence and page."""

_ELSEWHERE = """
All this was read from {host}, not from Open Images' own address, and was not compared with it."""

_ASKED = """\
WHEN YOU PASS THEM ON

CC BY lets everyone copy, change and pass on an image, also for money, on these terms:
- name the author, and the title if there is one, with a link to the image's page;
- name the licence, with its address;
- say what you changed;
- do not suggest that the author stands behind you or your work.
The list at the end of this file has what is to be named; attribution.csv has the same as a table. Keep both with the
images and with whatever is made of them. Whether a model is made of the images it was trained on is not settled;
keeping this file with the model names the people whose work it rests on, whatever the answer.

Changed already: Open Images serves the photographs scaled down, the longest side at most 1024 pixels. contorno stores
them as they are served. Add here what you change.

Open Images gives no warranty that each licence is right, and asks you to check it yourself: open the image's page.
This file is no legal advice."""

_ANNOTATIONS = """\
ANNOTATIONS

The masks, boxes and labels of Open Images are by Google LLC, under CC BY 4.0
(https://creativecommons.org/licenses/by/4.0/). Changed: masks are scaled to the size of their images and stored as
run-length code. The papers that describe them:
- A. Kuznetsova et al.: The Open Images Dataset V4. International Journal of Computer Vision, 2020.
- R. Benenson, S. Popov, V. Ferrari: Large-scale interactive object segmentation with human annotators. CVPR, 2019."""


@dataclass(frozen=True, slots=True)
class Credit:
    """What the listing says of one image, each as it stands there; empty where the listing has nothing.

    file: of the image, from the folder in which the notice lies.   licence: its address.
    page: the page of the image.   address: of the original file.
    """

    image_id: str
    split: Split
    file: str
    author: str = ""
    author_page: str = ""
    licence: str = ""
    title: str = ""
    page: str = ""
    address: str = ""

    @property
    def is_listed(self) -> bool:
        """Whether the listing has a line for this image."""
        return any((self.author, self.author_page, self.licence, self.title, self.page, self.address))


def licence_name(address: str) -> str:
    """The usual name of a licence by its address, as "CC BY 2.0"; an address without one stands for itself."""
    if (match := _CC.fullmatch(address.strip())) is not None:
        return f"CC {match[1].upper()} {match[2]}"
    if (match := _CC_ZERO.fullmatch(address.strip())) is not None:
        return f"CC0 {match[1]}"
    return _one_line(address) or NOT_STATED


def notice(credits: Sequence[Credit], *, host: str | None = None) -> str:
    """The whole text: what the images are, the licences with counts, what they ask, and one line an image.

    host: where the listings were read if that is not Open Images' own address; the text then says so.
    """
    sections = [
        "NOTICE",
        _ABOUT + _published(credits) + (_ELSEWHERE.format(host=host) if host is not None else ""),
        f"LICENCES OF {_images(len(credits)).upper()}\n\n" + "\n".join(_licences(credits)),
        _ASKED,
    ]
    doubtful = [credit for credit in credits if not _is_by(credit)]
    if doubtful:
        sections.append(
            f"TO CHECK\n\nOf {_images(len(doubtful))} the listing states no licence, or one with other terms than "
            "CC BY.\nRead the licence, or leave the image out:\n"
            + "\n".join(f"- {credit.file}: {_state(credit)}" for credit in doubtful)
        )
    sections += [_ANNOTATIONS, "IMAGES\n\n" + "\n".join(_line(credit) for credit in credits)]
    return "\n\n".join(sections) + "\n"


def _published(credits: Sequence[Credit]) -> str:
    hosts = Counter(urlsplit(_one_line(c.page)).netloc or "an unknown place" for c in credits if c.is_listed)
    if not hosts:
        return ""
    return "\nPublished by their authors at: " + ", ".join(f"{h} ({n})" for h, n in hosts.most_common()) + "."


def _licences(credits: Sequence[Credit]) -> list[str]:
    addresses: dict[str, str] = {}
    for credit in credits:
        addresses.setdefault(licence_name(credit.licence), _one_line(credit.licence))
    counts = Counter(licence_name(credit.licence) for credit in credits)
    return [
        f"{number:>8}  {name}" + (f"  {addresses[name]}" if addresses[name] not in ("", name) else "")
        for name, number in counts.most_common()
    ]


def _line(credit: Credit) -> str:
    if not credit.is_listed:
        return f"{credit.file}: {_state(credit)}"
    title = f'"{_one_line(credit.title)}"' if credit.title.strip() else "untitled"
    author = _one_line(credit.author) or "an author who is not named"
    page = f" ({_one_line(credit.author_page)})" if credit.author_page.strip() else ""
    place = _one_line(credit.page) or _one_line(credit.address) or "no page"
    return f"{credit.file}: {title} by {author}{page}, {place}, {_state(credit)}"


def _state(credit: Credit) -> str:
    if not credit.is_listed:
        return f"not in the listing of {credit.split}; author and licence are unknown"
    name = licence_name(credit.licence)
    return "licence not stated" if name == NOT_STATED else name


def _is_by(credit: Credit) -> bool:
    return licence_name(credit.licence).startswith(("CC BY ", "CC0 "))


def _images(number: int) -> str:
    return "1 image" if number == 1 else f"{number} images"


def _one_line(text: str) -> str:
    # People choose titles and names; a line end in one must not make a line here that nobody wrote.
    visible = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in _TURNS.sub("", text))
    return " ".join(visible.split())
