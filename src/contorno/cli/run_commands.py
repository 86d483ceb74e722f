"""`contorno evaluate`, `contorno predict` and `contorno export`: they need a run folder and nothing else."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from contorno.cli.recipe_commands import free_folder
from contorno.errors import ConfigError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the commands to the parser."""
    evaluate = commands.add_parser(
        "evaluate",
        help="measure a run's model on its validation images, or on other data",
        epilog="example: contorno evaluate runs/finetune --data test.json --images photos",
    )
    evaluate.add_argument("run", type=Path, metavar="RUN")
    evaluate.add_argument(
        "--data", type=Path, metavar="FILE|DIR", help="other annotations (default: the run's own split)"
    )
    evaluate.add_argument("--images", type=Path, metavar="DIR", help="where the images are")
    evaluate.add_argument("--class-name", metavar="NAME", help="what the objects are where the files name no class")
    evaluate.add_argument("--label-field", metavar="NAME", help="the attribute that holds the class, in files of VIA")
    evaluate.add_argument("--json", action="store_true", help="print figures as JSON")
    evaluate.set_defaults(call=_evaluate)

    predict = commands.add_parser(
        "predict",
        help="outline the objects in images",
        epilog="example: contorno predict runs/quickstart photo.jpg folder/ --out outlined --threshold 0.6",
    )
    predict.add_argument("run", type=Path, metavar="RUN")
    predict.add_argument("images", type=Path, nargs="+", metavar="IMAGE|DIR")
    predict.add_argument("--out", type=Path, default=None, metavar="DIR", help="default: RUN/predictions, numbered")
    predict.add_argument("--threshold", type=float, default=None, help="least score, 0..1 (default 0.5)")
    predict.add_argument(
        "--labels",
        choices=("coco", "via", "labelme", "yolo", "voc", "masks"),
        help="write what was found as labels too, with few vertices, for a person to correct",
    )
    predict.add_argument(
        "--min-iou", type=float, default=0.98, help="of these outlines with the masks they stand for (default 0.98)"
    )
    predict.add_argument("--json", action="store_true", help="print the detections as JSON too")
    predict.set_defaults(call=_predict)

    export = commands.add_parser(
        "export",
        help="write TorchScript from a run, proven equal to the eager model",
        epilog="example: contorno export runs/quickstart",
    )
    export.add_argument("run", type=Path, metavar="RUN")
    export.add_argument("--images", type=Path, nargs="*", default=(), metavar="IMAGE|DIR", help="images to prove it on")
    export.set_defaults(call=_export)


def _evaluate(arguments: argparse.Namespace) -> int:
    from contorno import gathering, parsers, results
    from contorno.progress import ProgressLine
    from contorno.runs import Run

    run = Run.open(arguments.run)
    if arguments.data is None:
        records = run.read_split("validation", arguments.images)
    else:
        options = parsers.ReadOptions(
            class_map=run.class_map(), class_name=arguments.class_name, label_field=arguments.label_field
        )
        parts = parsers.read(arguments.data, arguments.images, options)
        # Data that have no validation part are measured whole.
        wanted = {"validation": parts["validation"]} if "validation" in parts else parts
        records = gathering.merge(wanted, on_same_image="keep") if len(wanted) > 1 else next(iter(wanted.values()))
    with ProgressLine() as line:
        result, _ = results.measure(run, records, progress=line)
    print(json.dumps(result.to_json(), indent=2, default=str) if arguments.json else result.table())
    return 0


def _predict(arguments: argparse.Namespace) -> int:
    from contorno import draw, files, images, masks, preannotations, results, writers
    from contorno.metrics import DETECTION_THRESHOLD
    from contorno.progress import ProgressLine
    from contorno.runs import Run

    run = Run.open(arguments.run)
    threshold = DETECTION_THRESHOLD if arguments.threshold is None else arguments.threshold
    if not 0 <= threshold <= 1:
        raise ConfigError(f"--threshold is {threshold}; expected a score from 0 to 1.")
    if not 0 < arguments.min_iou <= 1:
        raise ConfigError(f"--min-iou is {arguments.min_iou}; expected a number above 0 and up to 1, such as 0.98.")
    paths = list(_image_paths(arguments.images))
    folder = arguments.out if arguments.out is not None else free_folder(run.folder / "predictions")
    names = _picture_names(paths)
    alone = Counter(path.name for path in paths)
    image_ids = {path: path.name if alone[path.name] == 1 else str(path) for path in paths}
    class_map = run.class_map()
    rows, found, failed = [], [], 0
    with ProgressLine() as line:
        for done, (path, prediction) in enumerate(results.predict_files(run, paths, threshold=threshold), 1):
            line("images", done, len(paths))
            if isinstance(prediction, Exception):
                line.close()
                print(f"contorno: {prediction}", file=sys.stderr)
                failed += 1
                continue
            images.write_image(folder / names[path], draw.draw_prediction(prediction, threshold=threshold))
            found.append(replace(prediction, image_id=image_ids[path]))
            classes = [class_map.get_by_id(int(label)) for label in prediction.labels]
            codes = prediction.masks if prediction.masks is not None else (None,) * len(prediction)
            rows += [
                {
                    "image": str(path),
                    "class": name,
                    "score": round(float(score), 4),
                    "bbox_xyxy": [round(float(value), 2) for value in box],
                    **({} if code is None else {"area": masks.area(code), "segmentation": code.to_coco()}),
                }
                for name, score, box, code in zip(classes, prediction.scores, prediction.boxes, codes, strict=True)
            ]
            print(
                f"{path}: "
                + (", ".join(f"{n} {s:.2f}" for n, s in zip(classes, prediction.scores, strict=True)) or "nothing")
            )
    if failed < len(paths):
        files.write_json(folder / "predictions.json", rows, indent=1)
        print(f"pictures and predictions.json are in {folder}")
    if found and arguments.labels is not None:
        records = preannotations.as_records(found, class_map, threshold=threshold)
        with ProgressLine() as line:
            written = writers.write_as(
                arguments.labels,
                records,
                folder / arguments.labels,
                form="simplified",
                min_iou=arguments.min_iou,
                progress=line,
            )
        print("\n".join(map(str, written)))
        for what, count in ({} if records.report is None else records.report.dropped).items():
            print(f"left out: {count} × {what}")
    if arguments.json:
        print(json.dumps(rows))
    return 1 if failed else 0


def _export(arguments: argparse.Namespace) -> int:
    from contorno import export
    from contorno.runs import Run

    run = Run.open(arguments.run)
    samples = list(_image_paths(arguments.images)) or export.sample_paths(run)
    certificate = export.export(run, samples)
    print(export.certificate_table(certificate))
    print(f"{run.script_path}\n{run.certificate_path}")
    return 0


def _image_paths(items: Iterable[Path]) -> Iterable[Path]:
    for item in items:
        if item.is_dir():
            found = sorted(path for path in item.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
            if not found:
                raise ConfigError(f"{item} has no images; expected files that end in {', '.join(IMAGE_SUFFIXES)}.")
            yield from found
        elif item.exists():
            yield item
        else:
            raise ConfigError(f"the image {item} does not exist.")


def _picture_names(paths: Iterable[Path]) -> dict[Path, str]:
    """A file name for each picture: the image's own, numbered where two images share it."""
    names: dict[Path, str] = {}
    taken: set[str] = set()
    for path in paths:
        name, number = f"{path.stem}.png", 1
        while name in taken:
            number += 1
            name = f"{path.stem}-{number}.png"
        taken.add(name)
        names[path] = name
    return names
