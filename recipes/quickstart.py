"""From nothing to a trained, measured, exported model that outlines hot dogs and doughnuts, offline.

Draws a small Open Images on this machine, in the layout of the real one, serves it over loopback, and does with it what
`hot_dog` does with the real bucket: fetch by class name, check, train, measure, predict, export.

Needs: nothing; about four minutes on two CPU cores, 2.3 GiB of memory.
Gives: a run folder with weights, labels, figures, pictures, TorchScript and report.html.
Run:   contorno run quickstart            a first try in seconds: contorno run quickstart --config smoke
"""

from dataclasses import dataclass

from contorno import doctor, parsers, rehearsal, splits, tfms
from contorno.dataset import Dataset
from contorno.learner import recorded
from contorno.metrics import COCOMetric, COCOMetricType
from contorno.models.torchvision import mask_rcnn
from contorno.models.torchvision.fitting import fit_model
from contorno.openimages import Bucket, fetch
from contorno.results import write_results
from contorno.runs import Run, seed_everything


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings; `contorno run quickstart image_size=256 epochs=12` changes them."""

    classes: tuple[str, ...] = ("Hot dog", "Doughnut")
    train_images: int = 240  # how many pictures are drawn for each split
    valid_images: int = 32
    negatives: float = 0.1  # images without the classes, as a share of those with them
    image_size: int = 192  # longest side, pixels
    epochs: int = 5
    batch_size: int = 4
    lr: float = 8e-4  # peak of the one-cycle schedule
    backbone: str = "resnet18_fpn"  # random weights: nothing is downloaded
    num_workers: int = 0
    seed: int = 0


def plan(cfg: Config) -> str:
    """What a dry run prints."""
    steps = cfg.epochs * cfg.train_images // cfg.batch_size
    return (
        f"would draw {cfg.train_images} + {cfg.valid_images} pictures, fetch the masks of {', '.join(cfg.classes)}\n"
        f"from a loopback server, and train Mask R-CNN ({cfg.backbone}, {cfg.image_size} px) for about {steps} steps."
    )


def main(cfg: Config, run: Run) -> str:
    """Run the recipe; returns the table of figures."""
    seed_everything(cfg.seed)

    # 1. A small Open Images, and a server for it on this machine.
    pictures = {"train": cfg.train_images, "validation": cfg.valid_images}
    rehearsal.make_bucket(run.folder / "bucket", images=pictures, seed=cfg.seed, workers=2, progress=run.progress)
    with rehearsal.serve(run.folder / "bucket") as server:
        bucket = Bucket(meta_url=server.meta_url, images_url=server.images_url)

        # 2. Fetch the images and masks of the classes, by name. The real bucket is `Bucket()`.
        folder = fetch(
            cfg.classes,
            out=run.folder / "data",
            splits=tuple(pictures),
            negatives=cfg.negatives,
            seed=cfg.seed,
            bucket=bucket,
            progress=run.progress,
        )
    run.say(str(folder.report))

    # 3. Records: one for each image, the masks lossless; then check them.
    records = {}
    for split in pictures:
        parser = parsers.COCOMaskParser(folder.annotations(split), folder.images(split))
        records[split] = parser.parse(data_splitter=splits.SingleSplitter())[0]
        run.write_split(split, records[split])
    run.say(str(doctor.check_records(records)))
    train, valid = records["train"], records["validation"]

    # 4. Samples: augmented for training, only resized for validation.
    train_ds = Dataset(
        train, tfms.A.Adapter([*tfms.A.aug_tfms(size=cfg.image_size), tfms.A.Normalize()]), seed=cfg.seed
    )
    valid_ds = Dataset(valid, tfms.A.Adapter([*tfms.A.resize_and_pad(cfg.image_size), tfms.A.Normalize()]))

    # 5. The model and its learner.
    fitted = fit_model(train, cfg.image_size, backbone=cfg.backbone, weights="none", say=run.say)
    run.write_card(fitted.settings, train.class_map, cfg.image_size)
    learn = mask_rcnn.fastai.learner(
        dls=[
            mask_rcnn.train_dl(train_ds, cfg.batch_size, shuffle=True, num_workers=cfg.num_workers, seed=cfg.seed),
            mask_rcnn.valid_dl(valid_ds, batch_size=1, num_workers=cfg.num_workers),  # one by one: least memory
        ],
        model=fitted.model,
        metrics=[COCOMetric(COCOMetricType.mask), COCOMetric(COCOMetricType.bbox)],
        show_progress=False,
    )

    # 6. Train; `recorded` keeps history, checkpoints and the best weights in the run folder.
    with recorded(learn, run):
        learn.fit_one_cycle(cfg.epochs, cfg.lr)

    # 7. Measure the best weights, draw, export with proof, write the report.
    return write_results(run, fitted.model, train_ds, valid_ds, learn.history.rows, cfg)


if __name__ == "__main__":
    from contorno.cli import launch

    launch(__file__)
