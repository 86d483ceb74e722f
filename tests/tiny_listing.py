"""Lines of a listing of Open Images, one for each thing that may stand in one."""

from __future__ import annotations

HEADER = (
    "ImageID,Subset,OriginalURL,OriginalLandingURL,License,AuthorProfileURL,Author,Title,OriginalSize,OriginalMD5,"
    "Thumbnail300KURL,Rotation\n"
)
BY = "https://creativecommons.org/licenses/by/2.0/"


def line(image_id: str, title: str, *, author: str = "Ana", licence: str = BY) -> str:
    return f"{image_id},train,https://o/{image_id},https://p/{image_id},{licence},https://a/,{author},{title},9,md5==,,0.0\n"


PLAIN = line("0a", "IMG_1")
QUOTED = line("0b", '"The ""good"", yellow mustard"', author='"Okafor, J."')
FOREIGN = line("0c", "午後のおやつ")
BROKEN_TITLE = line("0d", '"one\n0a, two,\r\nthree"')
OTHER = line("0e", "not asked for")
