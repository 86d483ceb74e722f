"""The folder of `download_segmentation_dataset`, stated by hand for three images.

The masks branch of monocongo/openimages cannot be installed any more, so its layout stands here as text, file by file:
`<dest_dir>/<class, lower case>/{images,pascal,segmentations}`.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from contorno import images
from contorno.openimages import Bucket
from contorno.openimages.tutorial import download_segmentation_dataset
from contorno.rehearsal import serve

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SIZE = (8, 12)  # height, width of all images; the masks are twice as large
HOT_DOG, BANANA = "/m/01b9xk", "/m/09qck"
# Split, image, class, box, and the object as (x, y, width, height) in pixels of the image.
OBJECTS = [
    ("train", "00aa", HOT_DOG, "b0", (1, 2, 6, 4)),
    ("train", "00aa", HOT_DOG, "b1", (8, 0, 4, 8)),
    ("train", "00cc", BANANA, "b2", (0, 0, 3, 3)),
    ("validation", "1f00", HOT_DOG, "b3", (0, 0, 12, 8)),
    ("test", "00bb", HOT_DOG, "b4", (5, 5, 2, 1)),
]
MASK_HEADER = "MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks"

FOLDER = """\
hot dog/images/00aa.jpg
hot dog/images/00bb.jpg
hot dog/images/1f00.jpg
hot dog/pascal/00aa.xml
hot dog/pascal/00bb.xml
hot dog/pascal/1f00.xml
hot dog/segmentations/00aa_m01b9xk_b0.png
hot dog/segmentations/00aa_m01b9xk_b1.png
hot dog/segmentations/00bb_m01b9xk_b4.png
hot dog/segmentations/1f00_m01b9xk_b3.png
"""

XML = """\
<?xml version='1.0' encoding='utf-8'?>
<annotation>
  <folder>images</folder>
  <filename>00aa.jpg</filename>
  <size>
    <width>12</width>
    <height>8</height>
    <depth>3</depth>
  </size>
  <segmented>1</segmented>
  <object>
    <name>Hot dog</name>
    <truncated>0</truncated>
    <difficult>0</difficult>
    <bndbox>
      <xmin>2</xmin>
      <ymin>3</ymin>
      <xmax>7</xmax>
      <ymax>6</ymax>
    </bndbox>
  </object>
  <object>
    <name>Hot dog</name>
    <truncated>0</truncated>
    <difficult>0</difficult>
    <bndbox>
      <xmin>9</xmin>
      <ymin>1</ymin>
      <xmax>12</xmax>
      <ymax>8</ymax>
    </bndbox>
  </object>
</annotation>
"""


def drawn(box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """The mask of an object as it lies in a zip: (16, 24), 0 and 255."""
    x, y, width, height = (2 * side for side in box)
    mask = np.zeros((2 * SIZE[0], 2 * SIZE[1]), np.uint8)
    mask[y : y + height, x : x + width] = 255
    return mask


def write_bucket(root: Path) -> None:
    """The files that are asked for, under the real keys."""
    meta = root / "openimages"
    (meta / "v5").mkdir(parents=True)
    (meta / "v5/class-descriptions-boxable.csv").write_text(f"{HOT_DOG},Hot dog\n{BANANA},Banana\n")
    (meta / "v5/classes-segmentation.txt").write_text(f"{HOT_DOG}\n{BANANA}\n")
    for split in ("train", "validation", "test"):
        lines, members = [MASK_HEADER], {}
        for _, image_id, mid, box_id, box in (item for item in OBJECTS if item[0] == split):
            name = f"{image_id}_{mid[1:].replace('/', '')}_{box_id}.png"
            lines.append(f"{name},{image_id},{mid},{box_id},0,1,0,1,0.9,")
            picture = root / "mask.png"
            images.write_image(picture, np.repeat(drawn(box)[:, :, None], 3, axis=2))
            members[name] = picture.read_bytes()
            images.write_image(
                root / "open-images-dataset" / split / f"{image_id}.jpg", np.full((*SIZE, 3), 90, np.uint8)
            )
        (meta / f"v5/{split}-annotations-object-segmentation.csv").write_text("\n".join(lines) + "\n")
        (meta / f"v5/{split}-masks").mkdir()
        for digit in "01":
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, data in members.items():
                    if name.startswith(digit):
                        archive.writestr(name, data)
            (meta / f"v5/{split}-masks/{split}-masks-{digit}.zip").write_bytes(packed.getvalue())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the call leaves."""
    folder = tmp_path_factory.mktemp("branch")
    write_bucket(folder / "bucket")
    with serve(folder / "bucket") as server:
        given = download_segmentation_dataset(
            dest_dir=str(folder / "anno"),
            class_labels=["Hot dog"],
            annotation_format="pascal",
            meta_dir=str(folder / "csv_anno"),
            bucket=Bucket(server.meta_url, server.images_url),
        )
    assert given == {"Hot dog": folder / "anno" / "hot dog"}
    return folder / "anno"


def test_files_are_those_of_the_branch_and_one_list_of_ours(made: Path) -> None:
    seen = sorted(path.relative_to(made).as_posix() for path in (made / "hot dog").rglob("*") if path.is_file())
    assert [path for path in seen if path != "hot dog/segmentations.csv"] == FOLDER.splitlines()
    assert sorted(path.name for path in made.iterdir()) == [".openimages", "hot dog"]


def test_xml_of_an_image_reads_so_to_the_letter(made: Path) -> None:
    assert (made / "hot dog/pascal/00aa.xml").read_text().rstrip("\n") == XML.rstrip("\n")


@pytest.mark.parametrize(
    ("image_id", "corners"), [("1f00", ["1", "1", "12", "8"]), ("00bb", ["6", "6", "7", "6"])], ids=["full", "2 x 1"]
)
def test_corners_count_from_one_and_include_the_last_pixel(made: Path, image_id: str, corners: list[str]) -> None:
    text = (made / f"hot dog/pascal/{image_id}.xml").read_text()
    named = zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
    assert all(f"<{name}>{edge}</{name}>" in text for name, edge in named)
    assert text.count("<object>") == 1


def test_masks_are_the_published_files(made: Path) -> None:
    checked = 0
    for _, image_id, mid, box_id, box in OBJECTS:
        if mid == HOT_DOG:
            mask = images.read_mask(made / f"hot dog/segmentations/{image_id}_m01b9xk_{box_id}.png")
            assert np.array_equal(mask > 0, drawn(box) > 0)
            checked += 1
    assert checked == 4
