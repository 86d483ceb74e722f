"""The names, headers and made-up words of the offline bucket's tables.

Headers and keys are those of the real store; the identifiers of classes are real, the hierarchy is a small true-to-form
one, and photographers, titles and addresses are invented (the host `rehearsal.invalid` can never exist).
"""

from __future__ import annotations

from typing import Any

SPLITS = ("train", "validation", "test")

BOX_HEADER = [
    "ImageID",
    "Source",
    "LabelName",
    "Confidence",
    "XMin",
    "XMax",
    "YMin",
    "YMax",
    "IsOccluded",
    "IsTruncated",
    "IsGroupOf",
    "IsDepiction",
    "IsInside",
]
CLICK_HEADER = ["XClick1X", "XClick2X", "XClick3X", "XClick4X", "XClick1Y", "XClick2Y", "XClick3Y", "XClick4Y"]
MASK_HEADER = [
    "MaskPath",
    "ImageID",
    "LabelName",
    "BoxID",
    "BoxXMin",
    "BoxXMax",
    "BoxYMin",
    "BoxYMax",
    "PredictedIoU",
    "Clicks",
]
LISTING_HEADER = [
    "ImageID",
    "Subset",
    "OriginalURL",
    "OriginalLandingURL",
    "License",
    "AuthorProfileURL",
    "Author",
    "Title",
    "OriginalSize",
    "OriginalMD5",
    "Thumbnail300KURL",
    "Rotation",
]
LABEL_HEADER = ["ImageID", "Source", "LabelName", "Confidence"]

BOX_KEYS = {
    "train": "2018_04/train/train-annotations-bbox.csv",
    "validation": "v5/validation-annotations-bbox.csv",
    "test": "v5/test-annotations-bbox.csv",
}
V6_TRAIN_BOX_KEY = "v6/oidv6-train-annotations-bbox.csv"
LISTING_KEYS = {
    "train": "2018_04/train/train-images-boxable-with-rotation.csv",
    "validation": "2018_04/validation/validation-images-with-rotation.csv",
    "test": "2018_04/test/test-images-with-rotation.csv",
}

# Drawn with a mask, and drawn with a box only.
MASKED = {"Hot dog": "/m/01b9xk", "Doughnut": "/m/0jy4k", "Banana": "/m/09qck", "Orange": "/m/0cyhj_"}
BOXED = {"Coffee cup": "/m/02p5f1q", "Plate": "/m/050gv4", "Fork": "/m/0dt3t"}

# In the class lists and never drawn, as most classes are to any one user.
_OTHERS = {
    "Apple": "/m/014j1m",
    "Bagel": "/m/01fb_0",
    "Baked goods": "/m/052lwg6",
    "Beer": "/m/01599",
    "Bird": "/m/015p6",
    "Bottle": "/m/04dr76w",
    "Bowl": "/m/04kkgm",
    "Bread": "/m/09728",
    "Cake": "/m/0fszt",
    "Car": "/m/0k4j",
    "Cat": "/m/01yrx",
    "Chair": "/m/01mzpv",
    "Cheese": "/m/01nkt",
    "Chopsticks": "/m/01_5g",
    "Cookie": "/m/021mn",
    "Croissant": "/m/015wgc",
    "Cucumber": "/m/015x4r",
    "Dog": "/m/0bt9lr",
    "Fast food": "/m/01_bhs",
    "Food": "/m/02wbm",
    "Football": "/m/01226z",
    "French fries": "/m/02y6n",
    "Fruit": "/m/02xwb",
    "Grape": "/m/0388q",
    "Hamburger": "/m/0cdn1",
    "Human eye": "/m/014sv8",
    "Knife": "/m/04ctx",
    "Laptop": "/m/01c648",
    "Man": "/m/04yx4",
    "Mug": "/m/02jvh9",
    "Person": "/m/01g317",
    "Pizza": "/m/0663v",
    "Pretzel": "/m/01f91_",
    "Sandwich": "/m/0l515",
    "Spoon": "/m/0cmx8",
    "Strawberry": "/m/07fbm7",
    "Table": "/m/04bcr3",
    "Tableware": "/m/04brg2",
    "Tortoise": "/m/011k07",
    "Tree": "/m/07j7r",
    "Woman": "/m/03bt1vf",
}
BOXABLE = {**MASKED, **BOXED, **_OTHERS}

# Classes that the list of segmentable ones leaves out: parents, and things without an outline of their own.
_NOT_SEGMENTABLE = {
    "Baked goods",
    "Fast food",
    "Food",
    "Fruit",
    "Plate",
    "Table",
    "Tableware",
    "Tree",
    "Human eye",
    "Chair",
}
SEGMENTABLE = [mid for name, mid in BOXABLE.items() if name not in _NOT_SEGMENTABLE]

ROOT_MID = "/m/0bl9f"  # "Entity", in the hierarchy only


def _node(name: str, *children: dict[str, Any], parts: tuple[str, ...] = ()) -> dict[str, Any]:
    node: dict[str, Any] = {"LabelName": BOXABLE[name]}
    if children:
        node["Subcategory"] = list(children)
    if parts:
        node["Part"] = [{"LabelName": BOXABLE[part]} for part in parts]
    return node


def hierarchy() -> dict[str, Any]:
    """The class tree: `LabelName`, with `Subcategory` and `Part` lists where there are any, as in the real file."""
    baked = _node("Baked goods", *map(_node, ("Bagel", "Bread", "Cookie", "Croissant", "Doughnut", "Pretzel")))
    fast = _node("Fast food", *map(_node, ("French fries", "Hamburger", "Hot dog", "Pizza", "Sandwich")))
    fruit = _node("Fruit", *map(_node, ("Apple", "Banana", "Grape", "Orange", "Strawberry")))
    ware = _node("Tableware", *map(_node, ("Bottle", "Bowl", "Chopsticks", "Fork", "Knife", "Mug", "Plate", "Spoon")))
    person = _node("Person", _node("Man"), _node("Woman"), parts=("Human eye",))
    food = _node("Food", baked, fast, fruit, _node("Cheese"), _node("Cucumber"))
    alone = map(
        _node, ("Bird", "Car", "Cat", "Chair", "Coffee cup", "Dog", "Football", "Laptop", "Table", "Tortoise", "Tree")
    )
    return {"LabelName": ROOT_MID, "Subcategory": [food, ware, person, *alone]}


# Commas, quotes and letters beyond ASCII are there on purpose: such titles break readers that split at commas.
TITLES = (
    "Lunch, at last",
    'The "good" mustard',
    "Sunday table, no. 3",
    "IMG_2041",
    "Fête des voisins, côté buffet",
    '"More sprinkles," she said',
    "Picnic; grass, ants, doughnuts",
    "午後のおやつ",
    "what's left, 17:30",
    "Second breakfast",
    'Ring, "the one"',
    "",
)
AUTHORS = (
    "Ana Ruiz",
    "Okafor, J.",
    "María-José Peña",
    "t. lindqvist",
    '"Buzz" Kowalski',
    "李 明",
    "Priya N.",
    "Hal O'Brien",
    "no_name_42",
)
