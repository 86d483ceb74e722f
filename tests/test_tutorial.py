"""The hot-dog tutorial as people have it in their notebooks: its calls, with only the imports changed."""

from __future__ import annotations

import functools
import http.server
import io
import threading
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from contorno import rehearsal
from contorno.openimages import Bucket

IMAGE_SIZE, PRESIZE, BATCH_SIZE, NUM_WORKERS, EPOCHS, LR = 96, 128, 4, 0, 1, 1e-3
SELECTED_LABEL = "hot dog"


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`anno/hot dog/` as the tutorial's download leaves it."""
    from contorno.all import download_segmentation_dataset

    folder = tmp_path_factory.mktemp("tutorial")
    rehearsal.make_bucket(folder / "bucket", images={"train": 10, "validation": 4, "test": 4}, seed=3)
    with rehearsal.serve(folder / "bucket") as server:
        download_segmentation_dataset(
            dest_dir=folder / "anno",
            class_labels=["Hot dog"],
            annotation_format="pascal",
            meta_dir=folder / "csv_anno",
            bucket=Bucket(meta_url=server.meta_url, images_url=server.images_url),
        )
    return folder


@pytest.fixture(scope="module")
def image_url(data: Path) -> Iterator[str]:
    images = data / "anno" / "hot dog" / "images"
    handler = functools.partial(QuietHandler, directory=str(images))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/{min(path.name for path in images.iterdir())}"
        server.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mask_rcnn", "faster_rcnn"])
def test_calls_of_the_tutorial_run_from_records_to_the_saved_files(
    data: Path, image_url: str, tmp_path: Path, kind: str
) -> None:
    names: dict[str, Any] = {}
    exec("from contorno.all import *", names)
    tfms, models, parsers, np = (names[name] for name in ("tfms", "models", "parsers", "np"))
    Dataset = names["Dataset"]  # noqa: N806
    COCOMetric, COCOMetricType = names["COCOMetric"], names["COCOMetricType"]  # noqa: N806
    _, path, images_dir = names["create_coco_annotation_json"](input_dir=data / "anno", class_label=SELECTED_LABEL)

    class_map = names["ClassMap"](["hot dog"])
    parser = parsers.COCOMaskParser(annotations_filepath=path, img_dir=images_dir)
    train_records, valid_records = parser.parse()
    names["show_records"](train_records[:3], ncols=3, class_map=class_map)

    shift_scale_rotate = tfms.A.ShiftScaleRotate(rotate_limit=10)
    crop_fn = names["partial"](tfms.A.RandomSizedBBoxSafeCrop, p=0.5)
    train_tfms = tfms.A.Adapter(
        [
            *tfms.A.aug_tfms(size=IMAGE_SIZE, presize=PRESIZE, shift_scale_rotate=shift_scale_rotate, crop_fn=crop_fn),
            tfms.A.Normalize(),
        ]
    )
    valid_tfms = tfms.A.Adapter([*tfms.A.resize_and_pad(IMAGE_SIZE), tfms.A.Normalize()])
    train_ds, valid_ds = Dataset(train_records, train_tfms), Dataset(valid_records, valid_tfms)
    samples = [train_ds[0] for _ in range(6)]
    names["show_samples"](
        samples, denormalize_fn=names["denormalize_imagenet"], ncols=3, display_label=False, show=True
    )

    # The tutorial has the backbone made for masks, `resnet50_fpn()`, and as it is for boxes; both are called again.
    if kind == "mask_rcnn":
        model_type = models.torchvision.mask_rcnn
        backbone = model_type.backbones.resnet18_fpn()
        metrics = [COCOMetric(metric_type=COCOMetricType.mask)]
    else:
        model_type = models.torchvision.faster_rcnn
        backbone = model_type.backbones.resnet18_fpn
        metrics = [COCOMetric(metric_type=COCOMetricType.bbox)]
    model = model_type.model(backbone=backbone(pretrained=False), num_classes=len(class_map))
    train_dl = model_type.train_dl(train_ds, batch_size=BATCH_SIZE, shuffle=True, num_workers=NUM_WORKERS)
    valid_dl = model_type.valid_dl(valid_ds, batch_size=BATCH_SIZE, shuffle=False, num_workers=NUM_WORKERS)
    learner = model_type.fastai.learner(dls=[train_dl, valid_dl], model=model, metrics=metrics)
    if torch.cuda.device_count() > 1:
        learner.to_parallel()
    learner.fine_tune(EPOCHS, LR, freeze_epochs=2)
    assert f"{'mask' if kind == 'mask_rcnn' else 'box'}_ap" in learner.history.rows[-1]

    samples = [valid_ds[i] for i in range(2)]
    preds = model_type.predict(model=model, dataset=samples)
    names["show_preds"](preds=preds, denormalize_fn=names["denormalize_imagenet"])

    from PIL import Image

    with urllib.request.urlopen(image_url) as answer:
        img = np.array(Image.open(io.BytesIO(answer.read())))
    names["show_img"](img)
    infer_tfms = tfms.A.Adapter([*tfms.A.resize_and_pad(size=IMAGE_SIZE), tfms.A.Normalize()])
    choripan = names["ClassMap"](["choripan"])
    infer_ds = Dataset.from_images([img], infer_tfms, class_map=choripan)
    preds = model_type.predict(model=model, dataset=infer_ds, detection_threshold=0.0)
    names["show_preds"](preds=preds, show=True, figsize=(16, 16))
    assert preds[0].class_map is choripan
    assert preds[0].size_hw == img.shape[:2]

    save_dir = tmp_path / "model_store"
    save_dir.mkdir(parents=True, exist_ok=True)
    with (save_dir / "model.pth").open("wb") as file:
        torch.save(model.state_dict(), file)
    (save_dir / "labels.txt").write_text(f"{SELECTED_LABEL}\n")
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit says that it is deprecated
        scripted_model = torch.jit.script(model.eval())
        scripted_model.save(save_dir / "jit-model.pt")
        _, found = torch.jit.load(save_dir / "jit-model.pt")([torch.zeros(3, 96, 96)])
    assert {path.name for path in save_dir.iterdir()} == {"model.pth", "labels.txt", "jit-model.pt"}
    assert {"boxes", "labels", "scores"} <= found[0].keys()
