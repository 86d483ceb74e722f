"""Train or fine-tune Mask R-CNN (or Faster R-CNN, for boxes) on your own labels of any usual format.

Needs: data=FILE|FOLDER of COCO, VIA, LabelMe, YOLO, PASCAL VOC, CVAT, Open Images or mask pictures; the format and the
       splits are found by themselves; without a validation part a fifth of the images is held back.
Gives: a run folder with weights, labels, figures, pictures, TorchScript and report.html.
Run:   contorno run finetune data=my.json images=photos
       contorno run finetune data=nuclei weights=none minutes=15 vertical_flips=true
       contorno run finetune data=my.json images=photos engine=icevision
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from contorno import doctor, parsers, tfms
from contorno.dataset import Dataset
from contorno.integrations import icevision
from contorno.learner import recorded
from contorno.metrics import COCOMetric, COCOMetricType
from contorno.models.torchvision import mask_rcnn
from contorno.models.torchvision.fitting import fit_model
from contorno.records import Records
from contorno.results import write_results
from contorno.runs import Run, seed_everything


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings; every one can be given as key=value."""

    data: Path  # a label file, or a folder
    images: Path | None = None  # where the images are, if not beside the labels
    model: Literal["auto", "mask_rcnn", "faster_rcnn"] = "auto"  # auto: faster_rcnn for labels that have boxes only
    class_name: str | None = None  # for files that name no class
    label_field: str | None = None  # the attribute that holds the class, in files of VIA
    image_size: int | None = None  # longest side, pixels; none: the data's own, at most 512
    weights: str = "auto"  # auto (the best published), coco, imagenet, none (random), or a .pth file or address
    backbone: str | None = None  # none: resnet50_fpn, from random weights resnet18_fpn
    norm: Literal["auto", "frozen", "batch", "group"] = "auto"
    epochs: int = 10
    freeze_epochs: int = 1  # first only the heads are trained; 0 with random weights
    minutes: float | None = None  # instead of epochs: fit the schedule into this time
    batch_size: int = 2
    lr: float | None = None  # none: 1e-3 from random weights, 2e-4 from pretrained ones
    augmentation: Literal["auto", "light", "full"] = "auto"  # auto: light from random weights; full crops and turns
    vertical_flips: bool = False  # for images without an up and down, such as those of a microscope
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    num_workers: int = 0
    engine: Literal["contorno", "icevision"] = "contorno"  # the real icevision comes by `contorno env add icevision`
    seed: int = 0


def read(cfg: Config) -> dict[str, Records]:
    """The records by split, of objects with masks or, for faster_rcnn, the boxes of all."""
    if cfg.engine == "icevision":
        icevision.check_installed()
    objects: parsers.Objects = {"mask_rcnn": "masks", "faster_rcnn": "boxes"}.get(cfg.model, "auto")
    options = parsers.ReadOptions(class_name=cfg.class_name, objects=objects, label_field=cfg.label_field)
    return parsers.parse(cfg.data, cfg.images, options=options, seed=cfg.seed)


def plan(cfg: Config) -> str:
    """What a dry run prints: the data as they would be read, and every fault found in them."""
    records = read(cfg)
    lines = [f"{split}: {items!r}" for split, items in records.items()]
    reports = dict.fromkeys(str(items.report) for items in records.values())
    return "\n".join([*lines, *reports, str(doctor.check_records(records))])


def main(cfg: Config, run: Run) -> str:
    """Run the recipe; returns the table of figures."""
    seed_everything(cfg.seed)

    # 1. Records, checked.
    records = read(cfg)
    for split, items in records.items():
        run.write_split(split, items)
        run.say(f"{split}: {items!r}")
    for text in dict.fromkeys(str(items.report) for items in records.values()):
        run.say(text)
    report = doctor.check_records(records)
    run.say(str(report))
    report.require_ok()
    train, valid = records["train"], records["validation"]

    # 2. Samples.
    size = cfg.image_size or min(512, max(max(record.size_hw) for record in train))
    is_random = cfg.weights == "none"
    flips = [tfms.A.VerticalFlip(p=0.5), tfms.A.RandomRotate90(p=0.5)] if cfg.vertical_flips else []
    if cfg.augmentation == "full" or (cfg.augmentation == "auto" and not is_random):
        augmented = tfms.A.aug_tfms(size=size)
    else:
        augmented = [tfms.A.HorizontalFlip(), tfms.A.RandomBrightnessContrast(), *tfms.A.resize_and_pad(size)]
    train_ds = Dataset(train, tfms.A.Adapter([*augmented, *flips, tfms.A.Normalize()]), seed=cfg.seed)
    valid_ds = Dataset(valid, tfms.A.Adapter([*tfms.A.resize_and_pad(size), tfms.A.Normalize()]))

    # 3. The model and its learner: contorno's, or those of the real icevision.
    options = {
        "backbone": cfg.backbone,
        "norm": cfg.norm,
        "weights": cfg.weights,
        "detector": cfg.model,
        "say": run.say,
    }
    loading = {"batch_size": cfg.batch_size, "num_workers": cfg.num_workers}
    if cfg.engine == "icevision":
        fitted, learn = icevision.engine(train_ds, valid_ds, precision=cfg.precision, **loading, **options)
    else:
        fitted = fit_model(train, size, **options)
        model_type, boxes = fitted.model_type, COCOMetric(COCOMetricType.bbox)
        learn = model_type.fastai.learner(
            dls=[
                model_type.train_dl(train_ds, shuffle=True, seed=cfg.seed, **loading),
                model_type.valid_dl(valid_ds, batch_size=1, num_workers=cfg.num_workers),  # one by one: least memory
            ],
            model=fitted.model,
            metrics=[COCOMetric(COCOMetricType.mask), boxes] if model_type is mask_rcnn else [boxes],
            precision=cfg.precision,
            show_progress=False,
        )
    run.write_card(fitted.settings, train.class_map, size)

    # 4. Train. Pretrained weights: the heads first, then all of it at lower rates; random weights: all at once.
    lr = cfg.lr or (1e-3 if is_random else 2e-4)
    freeze_epochs = 0 if is_random else cfg.freeze_epochs
    with recorded(learn, run):
        if cfg.minutes is not None:
            learn.fit_for(cfg.minutes, lr, freeze_epochs=freeze_epochs)
        elif freeze_epochs == 0:
            learn.fit_one_cycle(cfg.epochs, lr)
        else:
            learn.fine_tune(cfg.epochs, lr, freeze_epochs=freeze_epochs)

    # 5. Measure the best weights, draw, export with proof, write the report.
    return write_results(run, fitted.model, train_ds, valid_ds, learn.history.rows, cfg)


if __name__ == "__main__":
    from contorno.cli import launch

    launch(__file__)
