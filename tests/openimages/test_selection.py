from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contorno.errors import ConfigError
from contorno.openimages import Bucket, HttpSource, plan
from contorno.openimages.selection import choose
from contorno.rehearsal import OfflineBucket, Server

HOT_DOG, BANANA = "/m/01b9xk", "/m/09qck"


def table(offline: OfflineBucket, name: str) -> list[dict[str, str]]:
    with (offline.meta_dir / "v5" / name).open(newline="") as file:
        return list(csv.DictReader(file))


def images_of(offline: OfflineBucket, mid: str, split: str = "train") -> set[str]:
    rows = table(offline, f"{split}-annotations-object-segmentation.csv")
    return {row["ImageID"] for row in rows if row["LabelName"] == mid}


def test_a_plan_counts_what_the_tables_hold(offline: OfflineBucket, bucket: Bucket, source: HttpSource) -> None:
    made = plan(["hot DOG", "Banana"], bucket=bucket, source=source)
    for part in made.splits:
        for mid, name in ((HOT_DOG, "Hot dog"), (BANANA, "Banana")):
            assert sum(row.mid == mid for row in part.rows) == offline.counts[part.split].get(name, 0)
        assert set(part.positives) == images_of(offline, HOT_DOG, part.split) | images_of(offline, BANANA, part.split)
        assert part.negatives == ()
    assert made.class_names == ("hot DOG", "Banana")
    lines = str(made).splitlines()
    assert lines[0].split() == ["split", "class", "images", "masks"]
    assert lines[1].split() == [
        "train", "hot", "DOG", str(len(images_of(offline, HOT_DOG))), str(offline.counts["train"]["Hot dog"]),
    ]  # fmt: skip


def test_a_plan_asks_for_no_image_and_no_zip(server: Server, bucket: Bucket, source: HttpSource) -> None:
    plan(["Hot dog"], negatives=0.5, bucket=bucket, source=source)
    assert server.log
    assert all(request.path.endswith((".csv", ".txt")) for request in server.log)


def test_the_limit_is_for_each_class_and_grows_by_adding(
    offline: OfflineBucket, bucket: Bucket, source: HttpSource
) -> None:
    def chosen(limit: int | None, seed: int = 0) -> set[str]:
        made = plan(["Hot dog", "Banana"], splits=["train"], limit=limit, seed=seed, bucket=bucket, source=source)
        return set(made.splits[0].positives)

    three, six = chosen(3), chosen(6)
    assert len(three & images_of(offline, HOT_DOG)) >= 3
    assert len(three & images_of(offline, BANANA)) >= 3
    assert len(three) <= 6
    assert three < six < chosen(None)
    assert chosen(3) == three
    assert chosen(3, seed=1) != three


def test_negatives_are_verified_absent_for_every_class(
    offline: OfflineBucket, bucket: Bucket, source: HttpSource
) -> None:
    made = plan(["Hot dog", "Banana"], splits=["train"], negatives=0.25, bucket=bucket, source=source).splits[0]
    labels = table(offline, "train-annotations-human-imagelabels-boxable.csv")
    absent = [
        {row["ImageID"] for row in labels if row["LabelName"] == mid and row["Confidence"] == "0"}
        for mid in (HOT_DOG, BANANA)
    ]
    assert len(made.negatives) == round(0.25 * len(made.positives))
    assert set(made.negatives) <= absent[0] & absent[1]
    assert not set(made.negatives) & set(made.positives)
    every = plan(["Hot dog", "Banana"], splits=["train"], negatives=50, bucket=bucket, source=source).splits[0]
    assert set(every.negatives) == (absent[0] & absent[1]) - set(every.positives)


def test_too_few_negatives_are_noted(bucket: Bucket, source: HttpSource) -> None:
    made = plan(["Hot dog"], splits=["test"], negatives=50, bucket=bucket, source=source)
    assert f"verified negatives; {50 * len(made.splits[0].positives)} were asked for" in str(made)


def test_renamed_classes_may_become_one(bucket: Bucket, source: HttpSource) -> None:
    made = plan(
        ["Hot dog", "Banana", "Orange"],
        rename={"hot dog": "choripan", "orange": "Choripan"},
        splits=["test"],
        bucket=bucket,
        source=source,
    )
    assert [item.name for item in made.classes] == ["choripan", "Banana", "Choripan"]
    assert made.class_names == ("choripan", "Banana")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_names": []}, "at least one class name"),
        ({"class_names": "Hot dog"}, "expected a list"),
        ({"class_names": ["Hot dgo"]}, "nearest names are: Hot dog"),
        ({"class_names": ["Plate"]}, "boxes of 'Plate' and no masks"),
        ({"class_names": ["Fruit"]}, "expand"),
        ({"class_names": ["Hot dog", "hot dog"]}, "asked for twice"),
        ({"class_names": ["Hot dog", "/m/01b9xk"]}, "asked for twice"),
        ({"limit": 0}, "limit is 0"),
    ],
    ids=lambda value: "" if isinstance(value, str) else str(value)[:30],
)
def test_misuse_is_refused(bucket: Bucket, source: HttpSource, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan(**({"class_names": ["Hot dog"], "bucket": bucket, "source": source} | options))


def test_excluded_images_are_neither_positives_nor_negatives_and_are_counted(
    offline: OfflineBucket, bucket: Bucket, source: HttpSource
) -> None:
    options: Any = {"splits": ["train"], "negatives": 50, "bucket": bucket, "source": source}
    full = plan(["Hot dog"], **options).splits[0]
    out = {full.positives[0], full.positives[3], full.negatives[0], "ffffffffffffffff"}
    made = plan(["Hot dog"], exclude=out, **options)
    assert set(made.splits[0].positives) == set(full.positives) - out
    assert full.negatives[0] not in made.splits[0].negatives
    assert made.splits[0].left_out == {"on the list of exclusions": 2}
    assert "train: 2 images left out: on the list of exclusions" in str(made)
    assert len(plan(["Hot dog"], exclude=out, limit=4, **options).splits[0].positives) == 4


def test_a_parent_expands_to_the_masks_of_its_children_under_its_name(
    offline: OfflineBucket, bucket: Bucket, source: HttpSource
) -> None:
    made = plan(["fruit"], expand=True, splits=["train"], bucket=bucket, source=source)
    assert made.class_names == ("fruit",)
    assert {"Banana", "Orange"} <= {item.source.name for item in made.classes}
    counts = offline.counts["train"]
    assert len(made.splits[0].rows) == counts["Banana"] + counts["Orange"]
    both = plan(["Fruit", "Banana"], expand=True, splits=["train"], bucket=bucket, source=source)
    assert {row["class"]: row["masks"] for row in both.counts()} == {
        "Fruit": counts["Orange"],
        "Banana": counts["Banana"],
    }


def test_images_that_show_most_classes_come_first_if_asked_for(
    offline: OfflineBucket, bucket: Bucket, source: HttpSource
) -> None:
    both = images_of(offline, HOT_DOG) & images_of(offline, BANANA)
    limit = len(both)
    assert 0 < limit < len(images_of(offline, BANANA))
    made = plan(
        ["Hot dog", "Banana"], splits=["train"], limit=limit, order="most-classes", bucket=bucket, source=source
    )
    assert set(made.splits[0].positives) == both


def test_what_is_in_doubt_is_planned_with_counts(offline: OfflineBucket, bucket: Bucket, source: HttpSource) -> None:
    options: Any = {"splits": ["train"], "bucket": bucket, "source": source}
    plain = plan(["Hot dog"], **options).splits[0]
    made = plan(["Hot dog"], unmasked="ignore", **options)
    part = made.splits[0]
    with (offline.meta_dir / "v6/oidv6-train-annotations-bbox.csv").open(newline="") as file:
        boxes = [row for row in csv.DictReader(file) if row["LabelName"] == HOT_DOG]
    masked = Counter(row.image_id for row in plain.rows)
    free = Counter(row["ImageID"] for row in boxes) - masked
    assert sum(free.values()) == len(boxes) - len(plain.rows) > 0
    assert Counter(box.image_id for box in part.ignored_boxes) == Counter(
        {image: count for image, count in free.items() if image in masked}
    )
    assert len(part.flags) == len(part.rows) == len(plain.rows)
    assert "ignored" in str(made).splitlines()[0]
    left = plan(["Hot dog"], unmasked="leave-out", **options).splits[0]
    assert set(left.positives) == set(plain.positives) - set(free)
    assert left.left_out == {"a box without a mask in the image": len(set(free) & set(masked))}


ids = st.integers(0, 30).map(str)


@given(
    st.dictionaries(st.sampled_from("abcd"), st.sets(ids, max_size=20), min_size=1, max_size=4),
    st.integers(1, 12),
    st.integers(1, 12),
    st.sampled_from(["random", "most-classes"]),
)
def test_a_limit_is_balanced_and_a_larger_one_adds(
    images_of: dict[str, set[str]], limit: int, more: int, order: str
) -> None:
    chosen = choose(images_of, limit=limit, order=order, seed=1)
    for name, found in images_of.items():
        assert len(found & chosen) >= min(limit, len(found)), name
    assert len(chosen) <= limit * len(images_of)
    assert chosen <= frozenset().union(*images_of.values())
    assert chosen <= choose(images_of, limit=limit + more, order=order, seed=1)


def test_an_image_chosen_for_a_rare_class_counts_for_a_common_one() -> None:
    images_of = {"rare": {"1", "2"}, "common": {"1", "2", "3", "4", "5", "6"}}
    for seed in range(5):
        chosen = choose(images_of, limit=3, order="random", seed=seed)
        assert {"1", "2"} < chosen
        assert len(chosen) == 3


def test_tables_in_meta_dir_are_used_instead_of_the_network(offline: OfflineBucket) -> None:
    nowhere = Bucket("http://127.0.0.1:9", "http://127.0.0.1:9")
    made = plan(["Hot dog"], bucket=nowhere, meta_dir=Path(offline.meta_dir))
    assert made.num_masks == sum(offline.counts[split]["Hot dog"] for split in offline.counts)
