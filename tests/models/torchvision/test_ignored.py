from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from contorno.dataset import Dataset
from contorno.loaders import collate, train_dl
from contorno.models.torchvision import mask_rcnn
from contorno.models.torchvision.ignored import PassingRPN, keep_proposals, mostly_inside
from contorno.records import ClassMap, Instances, Record, Records

REGION = torch.tensor([[10.0, 0.0, 20.0, 10.0]])


@pytest.mark.parametrize(
    ("box", "inside"),
    [
        ([10, 0, 20, 10], True),
        ([12, 2, 14, 4], True),
        ([5, 0, 15, 10], True),  # half of it
        ([4, 0, 15, 10], False),  # less than half
        ([0, 0, 100, 100], False),  # the region is in the box, not the box in the region
        ([15, 5, 15, 5], False),  # a point has no area
    ],
)
def test_a_box_belongs_to_a_region_with_half_of_its_area(box: list[float], inside: bool) -> None:
    assert mostly_inside(torch.tensor([box], dtype=torch.float32), REGION).tolist() == [inside]


def test_shares_in_two_regions_are_not_added_up() -> None:
    regions = torch.tensor([[0.0, 0.0, 4.0, 10.0], [6.0, 0.0, 10.0, 10.0]])
    assert mostly_inside(torch.tensor([[0.0, 0.0, 10.0, 10.0]]), regions).tolist() == [False]
    assert mostly_inside(torch.zeros((0, 4)), regions).tolist() == []
    assert mostly_inside(torch.ones((2, 4)), torch.zeros((0, 4))).tolist() == [False, False]


def test_a_proposal_in_a_region_stays_if_it_matches_an_object() -> None:
    proposals = torch.tensor([[10.0, 0, 20, 10], [11.0, 1, 15, 5], [40.0, 40, 50, 50]])
    target = {"boxes": torch.tensor([[11.0, 1, 15, 6]]), "ignored": REGION}
    assert keep_proposals([proposals], [target], 0.5)[0].tolist() == proposals[1:].tolist()
    nothing = {"boxes": torch.zeros((0, 4)), "ignored": REGION}
    assert keep_proposals([proposals], [nothing], 0.5)[0].tolist() == proposals[2:].tolist()
    assert keep_proposals([proposals], [{"boxes": target["boxes"]}], 0.5)[0] is proposals


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    backbone = mask_rcnn.backbones.resnet18_fpn(pretrained=False)
    return mask_rcnn.model(backbone, 2, anchor_sizes=(8, 16, 32, 64, 128), box_batch_size_per_image=32)


def test_anchors_in_a_region_are_neither_objects_nor_background() -> None:
    rpn = network().rpn
    assert isinstance(rpn, PassingRPN)
    anchors = torch.tensor([[10.0, 0, 20, 10], [40.0, 40, 50, 50], [60.0, 60, 70, 70]])
    target = {"boxes": torch.tensor([[40.0, 40, 50, 50]]), "ignored": REGION}
    labels, _ = rpn.assign_targets_to_anchors([anchors], [target])
    assert labels[0].tolist() == [-1, 1, 0]
    labels, _ = rpn.assign_targets_to_anchors([anchors], [{"boxes": target["boxes"]}])
    assert labels[0].tolist() == [0, 1, 0]


def crowd_records(is_crowd: bool) -> Records:
    """One image: an object in the left half, a crowd (or a second object) over the whole right half."""
    size = (64, 64)
    boxes = [[4, 4, 24, 24], [32, 0, 64, 64]]
    masks = np.zeros((2, *size), dtype=np.uint8)
    for mask, (x0, y0, x1, y1) in zip(masks, boxes, strict=True):
        mask[y0:y1, x0:x1] = 1
    from contorno.masks import encode

    instances = Instances.build(size, [1, 1], [encode(mask) for mask in masks], boxes, [False, is_crowd])
    image = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    return Records([Record(image_id=1, size_hw=size, instances=instances, image=image)], ClassMap(["dog"]))


def test_the_boxes_of_crowds_travel_with_the_targets_from_workers_too() -> None:
    dataset = Dataset(crowd_records(True))
    _, targets, _ = collate([dataset[0]])
    assert targets[0]["boxes"].tolist() == [[4, 4, 24, 24]]
    assert targets[0]["ignored"].tolist() == [[32, 0, 64, 64]]
    assert "ignored" not in collate([Dataset(crowd_records(False))[0]])[1][0]
    _, sent, _ = next(iter(train_dl(dataset, batch_size=1, num_workers=1)))
    assert sent[0]["ignored"].tolist() == [[32, 0, 64, 64]]


def sampled_regions(model: torch.nn.Module, targets: list[dict[str, Tensor]]) -> Tensor:
    """The regions that train the second stage, out of a grid of proposals."""
    grid = torch.tensor([[x, y, x + 12, y + 12] for x in range(0, 52, 4) for y in range(0, 52, 4)], dtype=torch.float32)
    seen: list[Tensor] = []
    heads = model.roi_heads
    plain = heads.select_training_samples

    def watch(proposals: list[Tensor], targets: list[dict[str, Tensor]]) -> object:
        seen.extend(proposals)
        return plain(proposals, targets)

    heads.select_training_samples = watch
    features = model.backbone(torch.zeros((1, 3, 64, 64)))
    heads.losses(features, [grid], [(64, 64)], targets)
    return seen[0]


def test_no_region_of_a_crowd_trains_the_second_stage() -> None:
    model = network().train()
    _, targets, _ = collate([Dataset(crowd_records(True))[0]])
    assert (sampled_regions(model, targets)[:, 0] < 32).all()
    _, targets, _ = collate([Dataset(crowd_records(False))[0]])
    assert (sampled_regions(network().train(), targets)[:, 0] >= 32).any()
