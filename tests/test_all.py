"""The notebook namespace: the flow of the tutorial, in IceVision's words, on the offline bucket."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import contorno.all
from contorno import rehearsal
from contorno.openimages import Bucket


def test_star_import_brings_what_it_lists_and_nothing_else() -> None:
    names: dict[str, object] = {}
    exec("from contorno.all import *", names)
    names.pop("__builtins__")
    assert sorted(names) == sorted(contorno.all.__all__)


@pytest.mark.slow
def test_the_tutorials_flow_from_a_class_name_to_shown_predictions(tmp_path: Path) -> None:
    from contorno.all import (
        ClassMap,
        COCOMetric,
        COCOMetricType,
        Dataset,
        create_coco_annotation_json,
        denormalize_imagenet,
        download_segmentation_dataset,
        models,
        parsers,
        partial,
        show_preds,
        show_records,
        show_samples,
        tfms,
    )

    rehearsal.make_bucket(tmp_path / "bucket", images={"train": 10, "validation": 4, "test": 4}, seed=3)
    with rehearsal.serve(tmp_path / "bucket") as server:
        download_segmentation_dataset(
            dest_dir=tmp_path / "anno",
            class_labels=["Hot dog"],
            annotation_format="pascal",
            meta_dir=tmp_path / "csv_anno",
            bucket=Bucket(meta_url=server.meta_url, images_url=server.images_url),
        )
    folder = tmp_path / "anno" / "hot dog"
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {"images", "pascal", "segmentations"}
    coco, path, images_dir = create_coco_annotation_json(input_dir=tmp_path / "anno", class_label="Hot dog")
    assert coco == json.loads(path.read_text())
    # Each mask has its own shape, where the tutorial's function stored the first one again and again.
    assert len(coco["annotations"]) == len(list((folder / "segmentations").glob("*.png")))
    assert len({json.dumps(item["segmentation"]) for item in coco["annotations"]}) == len(coco["annotations"])

    class_map = ClassMap(["hot dog"])
    parser = parsers.COCOMaskParser(annotations_filepath=path, img_dir=images_dir)
    train_records, valid_records = parser.parse()
    show_records(train_records[:3], ncols=3, class_map=class_map, path=tmp_path / "records.png")

    shift = tfms.A.ShiftScaleRotate(rotate_limit=10)
    crop_fn = partial(tfms.A.RandomSizedBBoxSafeCrop, p=0.5)
    train_tfms = tfms.A.Adapter(
        [*tfms.A.aug_tfms(size=96, presize=128, shift_scale_rotate=shift, crop_fn=crop_fn), tfms.A.Normalize()]
    )
    valid_tfms = tfms.A.Adapter([*tfms.A.resize_and_pad(96), tfms.A.Normalize()])
    train_ds, valid_ds = Dataset(train_records, train_tfms), Dataset(valid_records, valid_tfms)
    show_samples(
        [train_ds[0] for _ in range(3)], ncols=3, denormalize_fn=denormalize_imagenet, path=tmp_path / "samples.png"
    )

    model_type = models.torchvision.mask_rcnn
    backbone = model_type.backbones.resnet18_fpn(pretrained=False)
    model = model_type.model(backbone=backbone, num_classes=len(class_map), box_batch_size_per_image=32)
    train_dl = model_type.train_dl(train_ds, batch_size=4, shuffle=True, num_workers=0)
    valid_dl = model_type.valid_dl(valid_ds, batch_size=4, shuffle=False, num_workers=0)
    metrics = [COCOMetric(metric_type=COCOMetricType.mask)]
    learn = model_type.fastai.learner(dls=[train_dl, valid_dl], model=model, metrics=metrics, path=tmp_path)
    learn.fine_tune(1, 1e-3, freeze_epochs=1)
    assert "mask_ap" in learn.history.rows[-1]

    preds = model_type.predict(model=model, dataset=valid_ds, detection_threshold=0.0)
    assert len(preds) == len(valid_records)
    picture = show_preds(preds=preds, denormalize_fn=denormalize_imagenet, path=tmp_path / "preds.png")
    assert np.asarray(picture).shape[2] == 3
    for name in ("records", "samples", "preds"):
        assert (tmp_path / f"{name}.png").stat().st_size > 5000
