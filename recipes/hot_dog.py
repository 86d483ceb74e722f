"""From the name of a thing to a model that outlines it: fetch its Open Images masks, train, measure, export.

Needs: a network; or bucket=DIR, a small offline Open Images made by `contorno openimages offline DIR`.
Gives: data/hot_dog with the images, and a run folder with weights, labels, figures, pictures, TorchScript, report.html.
Run:   contorno run hot_dog
       contorno run hot_dog classes="Banana, Orange" limit=300
       contorno run hot_dog name=choripan bucket=DIR engine=icevision
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from contorno import doctor, openimages, parsers, splits, tfms
from contorno.dataset import Dataset
from contorno.errors import ConfigError
from contorno.integrations import icevision
from contorno.learner import recorded
from contorno.metrics import COCOMetric, COCOMetricType
from contorno.models.torchvision import mask_rcnn
from contorno.models.torchvision.fitting import fit_model
from contorno.records import Records
from contorno.rehearsal.opening import open_bucket
from contorno.results import write_results
from contorno.runs import Run, seed_everything


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings; every one can be given as key=value."""

    classes: tuple[str, ...] = ("Hot dog",)  # names in Open Images; `contorno openimages classes` lists them
    name: str | None = None  # what to call a single class from here on, such as choripan
    limit: int | None = 1000  # images for each class in each split; none: all
    negatives: float = 0.1  # images verified to have none of the classes, as a share of those that have them
    min_iou: float | None = None  # masks of a lower PredictedIoU become regions to ignore
    groups: Literal["object", "crowd", "leave-out"] = "object"  # all but object reads the table of boxes, 2.3 GB
    unmasked: Literal["background", "ignore", "leave-out"] = "background"  # boxes without a mask; likewise
    attribution: bool = False  # write author and licence of every image
    bucket: str | None = None  # none: the real Open Images; else a folder or an address
    data: Path | None = None  # where to fetch to; none: data/<classes>, so that the next run fetches nothing anew
    meta_dir: Path | None = None  # where lists and tables are, or are kept
    image_size: int = 384  # longest side, pixels, or that of the largest image
    presize: int | None = 512  # size before crops are taken; none: image_size
    weights: str = "auto"  # the best published, random with bucket=; coco, imagenet, none, a .pth file or address
    backbone: str | None = None  # none: resnet50_fpn, from random weights resnet18_fpn
    epochs: int = 10
    freeze_epochs: int = 2  # first only the heads are trained; 0 with random weights
    batch_size: int = 4
    lr: float | None = None  # none: 1e-3 from random weights, 1e-4 from pretrained ones
    num_workers: int = 0
    engine: Literal["contorno", "icevision"] = "contorno"  # the real icevision comes by `contorno env add icevision`
    seed: int = 0


def request(cfg: Config) -> openimages.Options:
    """What is asked of Open Images."""
    if cfg.name is not None and len(cfg.classes) != 1:
        raise ConfigError(f"name={cfg.name!r} is for one class; {len(cfg.classes)} are asked for: {cfg.classes}.")
    if cfg.engine == "icevision":
        icevision.check_installed()
    return {
        "limit": cfg.limit,
        "seed": cfg.seed,
        "negatives": cfg.negatives,
        "min_iou": cfg.min_iou,
        "groups": cfg.groups,
        "unmasked": cfg.unmasked,
        "rename": {cfg.classes[0]: cfg.name} if cfg.name is not None else {},
    }


def plan(cfg: Config) -> str:
    """What a dry run prints: images, masks and bytes, before anything is fetched."""
    with open_bucket(cfg.bucket) as bucket, openimages.HttpSource() as source:
        made = openimages.plan(cfg.classes, bucket=bucket, meta_dir=cfg.meta_dir, source=source, **request(cfg))
        return f"{made}\n{openimages.estimate(made, source)}"


def main(cfg: Config, run: Run) -> str:
    """Run the recipe; returns the table of figures."""
    seed_everything(cfg.seed)

    # 1. Fetch the images and masks of the classes, and nothing else.
    slug = "_".join(cfg.classes).replace(" ", "_").lower()
    shared = Path("data") / (slug if cfg.bucket is None else f"{slug}-offline")
    with open_bucket(cfg.bucket) as bucket:
        folder = openimages.fetch(
            cfg.classes,
            out=cfg.data if cfg.data is not None else shared,
            bucket=bucket,
            meta_dir=cfg.meta_dir,
            attribution=cfg.attribution,
            progress=run.progress,
            **request(cfg),
        )
    run.say(str(folder.report))

    # 2. Records, checked: train to train on; validation and test, which people checked closely, to measure on.
    parts = [parsers.COCOMaskParser(folder.annotations(split), folder.images(split)) for split in folder.splits]
    train, *others = (part.parse(data_splitter=splits.SingleSplitter())[0] for part in parts)
    valid = Records([record for part in others for record in part], train.class_map)
    if not any(len(record.instances) for record in valid):
        train, valid = splits.RandomSplitter((0.8, 0.2), seed=cfg.seed)(Records([*train, *valid], train.class_map))
        run.say("validation and test have no masks of the class; a fifth of the train images is held back instead")
    records = {"train": train, "validation": valid}
    for name, items in records.items():
        run.write_split(name, items)
        run.say(f"{name}: {items!r}")
    report = doctor.check_records(records)
    run.say(str(report))
    report.require_ok()

    # 3. Samples.
    size = min(cfg.image_size, max(max(record.size_hw) for record in train))  # enlarging shows nothing new
    augmented = tfms.A.aug_tfms(size=size, presize=cfg.presize if size == cfg.image_size else None)
    train_ds = Dataset(train, tfms.A.Adapter([*augmented, tfms.A.Normalize()]), seed=cfg.seed)
    valid_ds = Dataset(valid, tfms.A.Adapter([*tfms.A.resize_and_pad(size), tfms.A.Normalize()]))

    # 4. The model and its learner: contorno's, or those of the real icevision.
    is_random = cfg.weights == "none" or (cfg.weights == "auto" and cfg.bucket is not None)
    options = {"backbone": cfg.backbone, "weights": "none" if is_random else cfg.weights, "say": run.say}
    loading = {"batch_size": cfg.batch_size, "num_workers": cfg.num_workers}
    if cfg.engine == "icevision":
        fitted, learn = icevision.engine(train_ds, valid_ds, **loading, **options)
    else:
        fitted = fit_model(train, size, **options)
        train_dl = mask_rcnn.train_dl(train_ds, shuffle=True, seed=cfg.seed, **loading)
        valid_dl = mask_rcnn.valid_dl(valid_ds, batch_size=1, num_workers=cfg.num_workers)  # one by one: least memory
        metrics = [COCOMetric(COCOMetricType.mask), COCOMetric(COCOMetricType.bbox)]
        learn = mask_rcnn.fastai.learner([train_dl, valid_dl], fitted.model, metrics, show_progress=False)
    run.write_card(fitted.settings, train.class_map, size)

    # 5. Train. Pretrained weights: the heads first, then all of it at lower rates; random weights: all at once.
    lr = cfg.lr or (1e-3 if is_random else 1e-4)
    with recorded(learn, run):
        if is_random or cfg.freeze_epochs == 0:
            learn.fit_one_cycle(cfg.epochs, lr)
        else:
            learn.fine_tune(cfg.epochs, lr, freeze_epochs=cfg.freeze_epochs)

    # 6. Measure the best weights, draw, export with proof, write the report.
    return write_results(run, fitted.model, train_ds, valid_ds, learn.history.rows, cfg)


if __name__ == "__main__":
    from contorno.cli import launch

    launch(__file__)
