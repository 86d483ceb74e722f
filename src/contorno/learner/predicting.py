"""fastai's verbs that predict: `get_preds`, `predict`, `show_results`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from contorno import inference
from contorno.dataset import Dataset
from contorno.errors import ConfigError
from contorno.learner import showing
from contorno.learner.pairs import some_batches
from contorno.learner.placed import PlacedLearner
from contorno.loaders import Batch, Loader, ReadySamples, infer_dl
from contorno.metrics import DETECTION_THRESHOLD
from contorno.records import Record, Records
from contorno.samples import Prediction, Sample


class PredictingLearner(PlacedLearner):
    """A PlacedLearner that gives what its model finds: as Predictions with their records, or as pictures."""

    def show_results(
        self,
        ds_idx: int = 1,
        dl: Any = None,
        max_n: int = 6,
        shuffle: bool = True,
        ncols: int = 2,
        *,
        detection_threshold: float = DETECTION_THRESHOLD,
        show: bool = True,
        path: Path | str | None = None,
    ) -> Any:
        """Show the truth of up to `max_n` images beside what the model finds in them: right green, missed orange,
        false pink.

        ds_idx: 1 the validation loader, 0 the training loader; or `dl`.   shuffle: other images at each call.
        Returns a Pillow image.
        """
        loader = self.dls[ds_idx] if dl is None else dl
        return showing.show_results(
            self._detect(some_batches(loader, max_n, shuffle=shuffle), detection_threshold),
            self.dls.valid.dataset.class_map,
            max_n=max_n,
            detection_threshold=detection_threshold,
            ncols=ncols,
            show=show,
            path=path,
        )

    def get_preds(
        self,
        ds_idx: int = 1,
        dl: Any = None,
        with_input: bool = False,
        with_decoded: bool = False,
        with_loss: bool = False,
        act: Any = None,
        inner: bool = False,
        reorder: bool = True,
        cbs: Any = None,
        *,
        detection_threshold: float = 0.0,
    ) -> tuple[list[Prediction], Records]:
        """Predict for each image of a loader, without shuffling: (predictions, targets), one of each for an image.

        predictions: as `inference.predict` gives them, in the pixels of the original images.
        targets:     the Records of the same images, so that `metrics.evaluate(targets, predictions)` measures them.
        Where the transforms cannot be undone (crops at random, say) both are in the pixels of the samples.
        ds_idx: 1 the validation loader, 0 the training loader; or `dl`, any loader of ours or list of batches.
        inner, reorder: fastai's; without effect, since no event is called and the order is the loader's.
        Raises ConfigError for what a detector does not have: with_input, with_decoded, with_loss, act, cbs.
        """
        asked = {"with_input": with_input, "with_decoded": with_decoded, "with_loss": with_loss, "act": act, "cbs": cbs}
        for name, value in asked.items():
            if value:
                raise ConfigError(
                    f"learn.get_preds() has no {name}: it gives Predictions, decoded already, with their records; for "
                    "losses use learn.validate()."
                )
        found = list(self._detect(_in_order(self.dls[ds_idx] if dl is None else dl), detection_threshold))
        return [prediction for prediction, _ in found], Records(
            [truth for _, truth in found], self.dls.valid.dataset.class_map
        )

    def predict(
        self,
        item: Any,
        rm_type_tfms: Any = None,
        with_input: bool = False,
        *,
        detection_threshold: float = DETECTION_THRESHOLD,
    ) -> Prediction:
        """What the model finds in one image, through the transforms of the validation data.

        item: a path, an array uint8 (H, W, 3), a Pillow image, a Record or a Sample.
        rm_type_tfms, with_input: fastai's; the prediction has its image either way.
        Raises ConfigError for a list, and if the validation data are ready samples, without transforms.
        """
        data = self.dls.valid.dataset
        if isinstance(item, list | tuple | Dataset):
            raise ConfigError(
                "learn.predict() takes one image; for several use model_type.predict(model=learn.model, "
                "dataset=Dataset.from_images(images, valid_tfms, class_map))."
            )
        if not isinstance(item, Sample) and not isinstance(data, Dataset):
            raise ConfigError(
                "the validation data are ready samples, so the transforms for a new image are not known; use "
                "model_type.predict(model=learn.model, dataset=Dataset.from_images([image], tfms, class_map))."
            )
        if isinstance(item, Sample):
            source: Any = [item]
        elif isinstance(item, Record):
            source = Dataset(Records([item], data.class_map), data.tfm)
        else:
            image = np.asarray(item.convert("RGB")) if hasattr(item, "convert") else item
            source = Dataset.from_images([image], data.tfm, data.class_map)
        found = inference.predict(
            self.model, source, detection_threshold=detection_threshold, device=self.dls.device, keep_images=True
        )
        return found[0]

    def _detect(self, batches: Iterable[Batch], detection_threshold: float) -> Iterator[tuple[Prediction, Record]]:
        self.model.to(self.dls.device)
        class_map = self.dls.valid.dataset.class_map
        return showing.detect(self.model, batches, class_map, detection_threshold=detection_threshold)


def _in_order(loader: Any) -> Iterable[Batch]:
    """A loader's images in the order of its data set, all of them."""
    if not isinstance(loader, Loader):
        batches: Iterable[Batch] = loader
        return batches
    data: Any = loader.dataset
    source = data.samples if isinstance(data, ReadySamples) else data
    return infer_dl(source, batch_size=loader.batch_size or 1, num_workers=loader.num_workers)
