"""The real icevision 0.12.0 beside contorno, on the same files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from contorno import masks
from contorno.errors import ConfigError
from contorno.integrations.icevision import REPAIRS, Mended, mend
from contorno.parsers import COCOMaskParser
from contorno.records import Record
from contorno.splits import SingleSplitter
from contorno.writers import write_coco
from tiny_icevision import NUMPY_TWO, OBJECTS, SIZE, image_records

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.filterwarnings(NUMPY_TWO)]


@pytest.fixture(scope="module")
def coco(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(COCO file of pixel-edge polygons, image folder): four images of which the third has no objects."""
    folder = tmp_path_factory.mktemp("coco")
    return write_coco(image_records(folder), folder / "coco.json", img_dir=folder, masks="pixel-edges").path, folder


def parse_both(mended: Mended, coco: tuple[Path, Path]) -> tuple[dict[Any, Any], dict[Any, Record]]:
    """Records of either parser, by image id."""
    ice = mended.ice
    [theirs] = ice.parsers.COCOMaskParser(*coco).parse(ice.SingleSplitSplitter(), show_pbar=False)
    [ours] = COCOMaskParser(*coco).parse(SingleSplitter())
    return {record.record_id: record for record in theirs}, {record.image_id: record for record in ours}


def test_real_parser_gives_the_same_objects(mended: Mended, coco: tuple[Path, Path]) -> None:
    theirs, ours = parse_both(mended, coco)
    assert sorted(theirs) == [1, 2, 4]
    for image_id, record in theirs.items():
        instances, detection = ours[image_id].instances, record.detection
        assert Path(record.filepath) == ours[image_id].path
        assert (record.height, record.width) == ours[image_id].size_hw == SIZE
        assert detection.label_ids == instances.labels.tolist() == [label for label, _ in OBJECTS[image_id - 1]]
        assert [list(box.xyxy) for box in detection.bboxes] == instances.boxes.tolist()
        assert detection.areas == instances.areas.tolist()
        stack = np.concatenate([mask.to_mask(*SIZE).data for mask in detection.masks])
        np.testing.assert_array_equal(stack, masks.decode_stack(instances.run_lengths(), SIZE))
        np.testing.assert_array_equal(stack, np.stack([mask for _, mask in OBJECTS[image_id - 1]]))


def test_class_maps_agree(mended: Mended, coco: tuple[Path, Path]) -> None:
    theirs, ours = mended.ice.parsers.COCOMaskParser(*coco).class_map, COCOMaskParser(*coco).class_map
    assert len(theirs) == len(ours) == 3
    assert [theirs.get_by_id(label) for label in range(3)] == [ours.get_by_id(label) for label in range(3)]


def test_real_mask_rcnn_gives_losses_for_a_batch_of_the_real_loader(mended: Mended, coco: tuple[Path, Path]) -> None:
    ice = mended.ice
    theirs, _ = parse_both(mended, coco)
    model_type = ice.models.torchvision.mask_rcnn
    torch.manual_seed(0)
    model = model_type.model(num_classes=3, backbone=model_type.backbones.resnet18_fpn(pretrained=False))
    pipeline = [*ice.tfms.A.resize_and_pad(64), ice.tfms.A.Normalize()]
    data = ice.Dataset(list(theirs.values()), ice.tfms.A.Adapter(pipeline))
    (images, targets), _ = next(iter(model_type.train_dl(data, batch_size=2, num_workers=0, shuffle=False)))
    with torch.no_grad():
        losses = model.train()(list(images), list(targets))
    assert set(losses) == {"loss_classifier", "loss_box_reg", "loss_mask", "loss_objectness", "loss_rpn_box_reg"}
    assert all(torch.isfinite(loss) for loss in losses.values())


def test_repairs_are_made_once_and_listed(mended: Mended) -> None:
    assert mended.repairs == tuple(REPAIRS)
    assert mend().repairs == ()


def test_numpy_itself_keeps_its_names(mended: Mended) -> None:
    assert mended.ice.as_rgb_tuple(np.array([1.0, 2.0, 3.0])) == (1, 2, 3)
    assert not hasattr(np, "int")


def test_undo_takes_the_repairs_back_and_mend_makes_them_again(mended: Mended) -> None:
    import icevision.visualize.utils as repaired

    assert repaired.np is not np
    mended.undo()
    try:
        assert repaired.np is np
        assert mended.repairs == ()
    finally:
        again = mend()
    assert again.repairs == tuple(name for name in REPAIRS if name != "font")
    mended._changes, mended.repairs = again._changes, tuple(REPAIRS)


def test_font_is_one_that_is_here(mended: Mended) -> None:
    import icevision.visualize.draw_data as draw_data

    font = Path(draw_data.DEFAULT_FONT_PATH)
    assert font.is_file()
    assert font.name == "DejaVuSans.ttf"


def test_other_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "icevision-0.11.0.dist-info").mkdir()
    (tmp_path / "icevision-0.11.0.dist-info" / "METADATA").write_text("Name: icevision\nVersion: 0.11.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"icevision 0\.11\.0 is installed; .* `contorno env add icevision`"):
        mend()
