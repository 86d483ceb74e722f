"""A contorno Dataset over records of the real icevision."""

from __future__ import annotations

from typing import Any

from contorno.dataset import Dataset, Transforms
from contorno.integrations.icevision.records_in import from_icevision
from contorno.records import ClassMap, Records
from contorno.tfms import A


def dataset(
    records: Any,
    tfm: Transforms | Any | None = None,
    *,
    class_map: ClassMap | Any | None = None,
    seed: int | None = None,
) -> Dataset:
    """Make a Dataset of icevision's records, for contorno's loaders, learner, predict and evaluate.

    records:   icevision's records, or an icevision Dataset, whose transforms are then taken unless `tfm` is given.
    tfm:       contorno's `tfms.A.Adapter`, or icevision's: its albumentations transforms are run by contorno's.
    class_map: contorno's or icevision's; None is that of the records.
    seed:      as in Dataset.
    Raises DataError for what `from_icevision` refuses, ConfigError for transforms that contorno's Adapter refuses.
    """
    return Dataset(*taken(records, tfm, class_map=class_map), seed=seed)


def taken(
    records: Any, tfm: Transforms | Any | None, *, class_map: ClassMap | Any | None = None
) -> tuple[Records, Transforms | None]:
    """The records and transforms of contorno for those of icevision, or for an icevision Dataset; see `dataset`."""
    if hasattr(records, "records") and hasattr(records, "tfm"):
        tfm = records.tfm if tfm is None else tfm
        records = records.records
    if tfm is not None and hasattr(tfm, "tfms_list"):
        tfm = A.Adapter(tfm.tfms_list)
    return from_icevision(records, class_map), tfm
