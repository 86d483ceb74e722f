"""fastai's verbs that cannot work on a detector: each says in one sentence why, and what to use."""

from __future__ import annotations

from typing import Any, NoReturn

from contorno.errors import ConfigError


class RefusedVerbs:
    """Verbs that raise ConfigError, whatever they are given."""

    def export(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: fastai pickles the whole learner. A run folder is the safe form, and `contorno export` reads it."""
        raise ConfigError(
            "learn.export() would pickle the whole learner, data and all, into a file that runs code when it is "
            "opened; train inside `with contorno.learner.recorded(learn, run):` and say `contorno export RUN_FOLDER`, "
            "or keep the weights alone with learn.save(name, with_opt=False)."
        )

    def tta(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: the detections of several views have no mean."""
        raise ConfigError(
            "learn.tta() takes the mean of outputs over several views of an image, and detections differ in number "
            "from view to view; use learn.get_preds()."
        )

    def loss_not_reduced(self) -> NoReturn:
        """Refuse: a detector's losses come out as means over a batch."""
        raise ConfigError(
            "a detector gives the mean losses of a batch, never one for each image; for the losses of an image, "
            "validate with a loader of batch_size=1."
        )

    def to_non_native_fp16(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: float16 weights lose the small steps of a detector."""
        raise ConfigError("learn.to_non_native_fp16() makes the weights themselves float16; use learn.to_fp16().")

    def to_distributed(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: fastai deals out samples of its own loaders."""
        raise ConfigError(ONE_PROCESS.format(name="learn.to_distributed()"))

    def distrib_ctx(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: fastai deals out samples of its own loaders."""
        raise ConfigError(ONE_PROCESS.format(name="learn.distrib_ctx()"))


ONE_PROCESS = (
    "{name} deals the samples of fastai's own loaders out to several processes, and these loaders are torch's; leave "
    "it out, and start the same program with torchrun: the learner then shares the work by itself."
)
