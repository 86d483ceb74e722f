from __future__ import annotations

import pytest

from contorno.openimages.notice import Credit, licence_name, notice

BY = "https://creativecommons.org/licenses/by/2.0/"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (BY, "CC BY 2.0"),
        ("http://creativecommons.org/licenses/by-nc-sa/3.0", "CC BY-NC-SA 3.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0 1.0"),
        ("https://example.org/mine", "https://example.org/mine"),
        (" ", "not stated in the listing"),
    ],
)
def test_a_licence_is_named_as_people_name_it(address: str, name: str) -> None:
    assert licence_name(address) == name


def credit(image_id: str, *, title: str = "Lunch", author: str = "Ana", licence: str = BY) -> Credit:
    page = f"https://www.flickr.com/photos/ana/{image_id}"
    return Credit(image_id, "train", f"images/train/{image_id}.jpg", author, "https://people/ana", licence, title, page)


def test_the_notice_names_title_author_page_and_licence_of_each_image() -> None:
    text = notice([credit("0a"), credit("0b", title="", author="")])
    assert (
        'images/train/0a.jpg: "Lunch" by Ana (https://people/ana), https://www.flickr.com/photos/ana/0a, CC BY 2.0\n'
    ) in text
    assert "images/train/0b.jpg: untitled by an author who is not named (https://people/ana), https://" in text
    assert "       2  CC BY 2.0  https://creativecommons.org/licenses/by/2.0/\n" in text
    assert "www.flickr.com (2)" in text
    assert "TO CHECK" not in text


def test_the_notice_lists_images_whose_licence_asks_for_more() -> None:
    text = notice(
        [credit("0a"), credit("0b", licence=BY.replace("by", "by-nc")), Credit("0c", "train", "images/train/0c.jpg")]
    )
    to_check = text.partition("TO CHECK")[2].partition("ANNOTATIONS")[0]
    assert "Of 2 images" in to_check
    assert "- images/train/0b.jpg: CC BY-NC 2.0\n- images/train/0c.jpg: not in the listing of train" in to_check
    assert "0a" not in to_check


def test_a_title_cannot_make_lines_of_its_own() -> None:
    forged = credit("0a", title="x\nimages/train/0b.jpg: \u202eby me\x1b[2J\u2028y")
    assert '0a.jpg: "x images/train/0b.jpg: by me [2J y" by Ana' in notice([forged])


def test_the_notice_says_where_the_listings_were_read_if_elsewhere() -> None:
    assert "read from mirror.example, not from Open Images' own address" in notice(
        [credit("0a")], host="mirror.example"
    )
    assert "own address" not in notice([credit("0a")])


def test_a_notice_of_no_images_is_a_text_too() -> None:
    assert "LICENCES OF 0 IMAGES" in notice([])
