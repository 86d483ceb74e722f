"""Loaders with IceVision's arguments."""

from __future__ import annotations

from typing import Any

import pytest

import tiny
from contorno import loaders
from contorno.dataset import Dataset
from contorno.errors import ConfigError
from contorno.models.torchvision import faster_rcnn, mask_rcnn


def ids(loader: Any) -> list[Any]:
    return [info.record.image_id for _, _, infos in loader for info in infos]


@pytest.mark.parametrize("model_type", [mask_rcnn, faster_rcnn], ids=lambda module: module.__name__)
def test_loaders_take_what_notebooks_give_them(model_type: Any) -> None:
    dataset = Dataset(tiny.disc_records(5))
    given = {"batch_size": 2, "num_workers": 0, "pin_memory": True, "batch_tfms": None}
    assert sorted(ids(model_type.train_dl(dataset, shuffle=True, drop_last=False, **given))) == [1, 2, 3, 4, 5]
    assert ids(model_type.valid_dl(dataset, shuffle=False, **given)) == [1, 2, 3, 4, 5]
    assert ids(model_type.infer_dl(dataset, shuffle=False, **given)) == [1, 2, 3, 4, 5]
    assert ids(model_type.infer_dl(dataset, shuffle=True, batch_size=5)) != [1, 2, 3, 4, 5]


@pytest.mark.parametrize("name", ["train_dl", "valid_dl", "infer_dl"])
def test_options_that_cannot_be_honoured_are_refused(name: str) -> None:
    dataset = Dataset(tiny.disc_records(2))
    with pytest.raises(ConfigError, match=rf"{name}\(\) takes no batch_tfms.*transforms of the data set"):
        getattr(loaders, name)(dataset, batch_tfms=[1])
    with pytest.raises(ConfigError, match=rf"{name}\(\) takes no collate_fn; .* batch_size, shuffle and num_workers"):
        getattr(loaders, name)(dataset, collate_fn=list)


def test_images_are_not_dropped_from_validation() -> None:
    with pytest.raises(ConfigError, match="takes no drop_last=True"):
        loaders.valid_dl(Dataset(tiny.disc_records(2)), drop_last=True)


def test_the_first_batch_is_given_and_none_for_nothing() -> None:
    images, _, _ = loaders.first(loaders.valid_dl(Dataset(tiny.disc_records(3)), batch_size=2))
    assert len(images) == 2
    assert loaders.first([]) is None
