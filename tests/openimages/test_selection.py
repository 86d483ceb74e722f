from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from contorno.errors import ConfigError
from contorno.openimages import Bucket, HttpSource, plan
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
    assert any("MB to fetch" in line for line in lines)  # notes may follow


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
        ({"class_names": ["Hot dog", "hot dog"]}, "asked for twice"),
        ({"splits": ["val"]}, "expected some of train, validation, test"),
        ({"splits": []}, "expected some of"),
        ({"limit": 0}, "limit is 0"),
        ({"negatives": -0.1}, "negatives is -0.1"),
        ({"rename": {"Dog": "x"}}, "rename: 'Dog' is not among"),
        ({"rename": {"Hot dog": " "}}, "new name is empty"),
    ],
    ids=lambda value: "" if isinstance(value, str) else str(value)[:30],
)
def test_misuse_is_refused(bucket: Bucket, source: HttpSource, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan(**({"class_names": ["Hot dog"], "bucket": bucket, "source": source} | options))


def test_tables_in_meta_dir_are_used_instead_of_the_network(offline: OfflineBucket) -> None:
    nowhere = Bucket("http://127.0.0.1:9", "http://127.0.0.1:9")
    made = plan(["Hot dog"], bucket=nowhere, meta_dir=Path(offline.meta_dir))
    assert made.num_masks == sum(offline.counts[split]["Hot dog"] for split in offline.counts)
