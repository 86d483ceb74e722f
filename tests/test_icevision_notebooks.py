"""The calls of IceVision's own notebooks, in their order, after `from contorno.all import *`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

import contorno.all
import tiny
from contorno.errors import ConfigError
from contorno.images import write_image
from contorno.records import Record, Records
from contorno.writers import write_coco, write_voc


@pytest.fixture(autouse=True)
def _no_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "agg")
    mpl.use("Agg")


def notebook(**given: Any) -> dict[str, Any]:
    """A namespace after the one import line, with what the notebook's reader fills in."""
    names: dict[str, Any] = dict(given)
    exec("from contorno.all import *", names)
    return names


@pytest.fixture
def records(tmp_path: Path) -> Records:
    """Ten images of discs and rings as files."""
    made = []
    for record in tiny.disc_records(10):
        path = tmp_path / "photos" / f"{record.image_id}.png"
        path.parent.mkdir(exist_ok=True)
        assert record.image is not None
        write_image(path, record.image)
        made.append(Record(image_id=record.image_id, size_hw=record.size_hw, instances=record.instances, path=path))
    return Records(made, tiny.disc_records(1).class_map)


OBJECT_DETECTION = """
parser = parsers.VOCBBoxParser(annotations_dir=data_dir / "Annotations", images_dir=data_dir / "JPEGImages")
train_records, valid_records = parser.parse()
parser.class_map
image_size = 64
train_tfms = tfms.A.Adapter([*tfms.A.aug_tfms(size=image_size, presize=80), tfms.A.Normalize()])
valid_tfms = tfms.A.Adapter([*tfms.A.resize_and_pad(image_size), tfms.A.Normalize()])
train_ds = Dataset(train_records, train_tfms)
valid_ds = Dataset(valid_records, valid_tfms)
samples = [train_ds[0] for _ in range(3)]
show_samples(samples, ncols=3)
plt.show()
model_type = models.torchvision.faster_rcnn
backbone = model_type.backbones.resnet18_fpn
extra_args = {}
model = model_type.model(backbone=backbone(pretrained=False), num_classes=len(parser.class_map), **extra_args)
train_dl = model_type.train_dl(train_ds, batch_size=8, num_workers=0, shuffle=True)
valid_dl = model_type.valid_dl(valid_ds, batch_size=8, num_workers=0, shuffle=False)
model_type.show_batch(first(valid_dl), ncols=4)
metrics = [COCOMetric(metric_type=COCOMetricType.bbox)]
learn = model_type.fastai.learner(
    dls=[train_dl, valid_dl], model=model, metrics=metrics, path=folder,
    cbs=[SaveModelCallback(monitor="COCOMetric"), CSVLogger(fname="log.csv")],
)
learn.fine_tune(1, 1e-3, freeze_epochs=1)
model_type.show_results(model, valid_ds, detection_threshold=.5)
infer_dl = model_type.infer_dl(valid_ds, batch_size=4, shuffle=False)
preds = model_type.predict_from_dl(model, infer_dl, keep_images=True, detection_threshold=0.0)
show_preds(preds=preds[:4])
bboxes = [pred.pred.detection.bboxes for pred in preds]
[(box.xmin, box.ymin, box.xmax, box.ymax) for box in bboxes[0]]
checkpoint_path = folder / "checkpoints" / "model.pth"
save_icevision_checkpoint(model, model_name="torchvision.faster_rcnn", backbone_name="resnet18_fpn",
    classes=parser.class_map.get_classes(), img_size=image_size, filename=checkpoint_path, meta={"note": 1})
"""

INFERENCE = """
checkpoint_and_model = model_from_checkpoint(checkpoint_path)
model = checkpoint_and_model["model"]
model_type = checkpoint_and_model["model_type"]
class_map = checkpoint_and_model["class_map"]
img_size = checkpoint_and_model["img_size"]
valid_tfms = tfms.A.Adapter([*tfms.A.resize_and_pad(img_size), tfms.A.Normalize()])
img_files = get_image_files(data_dir / "JPEGImages")
img = PIL.Image.open(img_files[0])
pred_dict = model_type.end2end_detect(img, valid_tfms, model, class_map=class_map, detection_threshold=0.0)
pred_dict["img"]
infer_ds = Dataset.from_images([np.array(img)], valid_tfms, class_map=class_map)
preds = model_type.predict(model, infer_ds, detection_threshold=0.0, keep_images=True)
show_preds(preds=preds, denormalize_fn=denormalize_imagenet, display_label=True)
"""


@pytest.mark.slow
def test_object_detection_and_inference(records: Records, tmp_path: Path) -> None:
    write_voc(records, tmp_path / "voc")
    names = notebook(data_dir=tmp_path / "voc", folder=tmp_path)
    exec(OBJECT_DETECTION, names)
    assert len(names["preds"]) == 2
    assert [len(found) for found in names["bboxes"]] == [len(pred) for pred in names["preds"]]
    assert (tmp_path / "models" / "model.pth").is_file()
    assert "box_ap" in (tmp_path / "log.csv").read_text()
    later = notebook(data_dir=tmp_path / "voc", checkpoint_path=names["checkpoint_path"])
    exec(INFERENCE, later)
    assert later["class_map"].names == ("disc", "ring")
    assert (later["pred_dict"]["width"], later["pred_dict"]["height"]) == (64, 64)
    assert later["preds"][0].detection.bboxes == later["pred_dict"]["detection"]["bboxes"]
    assert later["preds"][0].detection.labels == later["pred_dict"]["detection"]["labels"]


CUSTOM_PARSER = """
template_record = InstanceSegmentationRecord()
Parser.generate_template(template_record)

class MyParser(Parser):
    def __init__(self, template_record, data_dir):
        super().__init__(template_record=template_record)
        self.data_dir = data_dir
        self.df = rows
        self.class_map = ClassMap(["disc"])

    def __iter__(self) -> Any:
        for o in self.df:
            yield o

    def __len__(self) -> int:
        return len(self.df)

    def record_id(self, o) -> Hashable:
        return o[0]

    def parse_fields(self, o, record: BaseRecord, is_new: bool) -> None:
        if is_new:
            record.set_filepath(self.data_dir / o[0])
            record.set_img_size(get_img_size(self.data_dir / o[0]))
            record.detection.set_class_map(self.class_map)
        record.detection.add_bboxes([BBox.from_xywh(*o[1])])
        record.detection.add_masks([RLE.from_kaggle(o[2])])
        record.detection.add_labels(["disc"])

parser = MyParser(template_record, data_dir)
train_records, valid_records = parser.parse(data_splitter=RandomSplitter([0.5, 0.5], seed=42), autofix=True)
show_record(train_records[0], display_label=False, figsize=(4, 4), show=False)
show_records(train_records, class_map=parser.class_map, ncols=2, show=False)
ds = Dataset(train_records + valid_records)
show_sample(ds[0], show=False)
show_samples(random.choices(ds, k=2), class_map=parser.class_map, ncols=2, show=False)
"""


def test_a_parser_of_ones_own(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        write_image(tmp_path / name, np.full((10, 12, 3), 90, np.uint8))
    # Pixels 1 to 3 of the first column, and one of the second.
    rows = [("a.png", (0, 0, 2, 3), [1, 3, 11, 1]), ("b.png", (0, 0, 1, 1), [1, 1]), ("a.png", (5, 5, 1, 1), [56, 1])]
    names = notebook(data_dir=tmp_path, rows=rows)
    exec(CUSTOM_PARSER, names)
    found = {record.image_id: record for record in names["train_records"] + names["valid_records"]}
    assert found["a.png"].instances.run_lengths()[0].size == (10, 12)
    assert [int(mask.sum()) for mask in names["ds"][0].masks] in ([4, 1], [1])


def test_parsers_splitters_and_classes(records: Records, tmp_path: Path) -> None:
    write_coco(records, tmp_path / "labels.json", img_dir=tmp_path / "photos")
    names = notebook(file=tmp_path / "labels.json", photos=tmp_path / "photos")
    exec(
        """
parser = parsers.COCOMaskParser(annotations_filepath=file, img_dir=photos)
whole, *rest = parser.parse(data_splitter=SingleSplitSplitter(), show_pbar=False)
train, test = parser.parse(FixedSplitter([[1, 2, 3], [4, 5, 6, 7, 8, 9, 10]]), autofix=False)
class_map = ClassMap(list(parser.class_map.get_classes())[1:])
sizes = [len(whole), len(train), len(test), len(rest), class_map.num_classes]
paths = [record.filepath for record in whole]
boxes = whole[0].detection.bboxes
""",
        names,
    )
    assert names["sizes"] == [10, 3, 7, 0, 3]
    assert names["paths"][0].is_file()
    assert len(names["boxes"]) == len(names["whole"][0].instances)
    with pytest.warns(UserWarning, match="the labels are read anew"):
        exec("parser.parse(cache_filepath='records.pkl')", names)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        ("icedata.load_data('https://example.org/a.zip', 'fridge')", "unpack the data yourself"),
        ("icedata.pennfudan.class_map()", "unpack the data yourself"),
        ("models.mmdet.vfnet.backbones", r"use models.torchvision.mask_rcnn or faster_rcnn, or the real icevision"),
        ("models.ross.efficientdet", "EfficientDet is not part of contorno; use models.torchvision.faster_rcnn"),
        ("models.ultralytics.yolov5", "YOLOv5 is not part of contorno"),
        ("models.torchvision.retinanet", "RetinaNet is not part of contorno"),
        ("models.torchvision.mask_rcnn.lightning.ModelAdapter", "model_type.fastai.learner"),
        ("models.torchvision.faster_rcnn.interp.plot_top_losses", "model_type.show_results"),
        ("models.torchvision.mask_rcnn.backbones.resnext101_32x8d_fpn", "resnet50_fpn, resnet101_fpn"),
        ("pl.Trainer(max_epochs=3)", "model_type.fastai.learner"),
        ("efficientdet.train_dl", "models.torchvision.faster_rcnn"),
        ("SimpleConfusionMatrix(print_summary=True)", "contorno.metrics.image_scores"),
        ("download_url('https://example.org', 'a.jpg')", "urllib.request.urlretrieve"),
        ("faster_rcnn.model(num_classes=None)", r"num_classes=len\(class_map\)"),
        ("faster_rcnn.model(3)", r"num_classes=len\(class_map\)"),
    ],
)
def test_what_is_not_there_says_what_to_use(call: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        exec(call, notebook())


def test_each_word_elsewhere_has_one_sentence() -> None:
    for name, sentence in contorno.all.ELSEWHERE.items():
        with pytest.raises(ConfigError) as caught:
            getattr(contorno.all, name)()
        assert str(caught.value) == sentence
        assert sentence.endswith(".")
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        contorno.all.nonsense  # noqa: B018
