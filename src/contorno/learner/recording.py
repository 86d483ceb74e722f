"""Training into a run folder: history, best weights and checkpoints, so that a stop loses little."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from contorno.callbacks import CHECKPOINT_SECONDS, BestWeights, Checkpoint, EpochLines
from contorno.learner.verbs import DetectionLearner
from contorno.runs import Run


@contextmanager
def recorded(learn: DetectionLearner, run: Run, *, checkpoint_seconds: float = CHECKPOINT_SECONDS) -> Iterator[None]:
    """While the block trains `learn`, keep everything in the run folder, so that a stop at any moment loses little.

    After each epoch: `history.csv`, `model.pth` if the watched figure is the best so far (mask AP, else box AP, else
    the validation loss), and, if the last one is `checkpoint_seconds` old or the training is at its end, a checkpoint,
    from which a run that resumes goes on. When the block ends the best weights are in the model. After Ctrl-C too, and
    the folder is usable; KeyboardInterrupt goes on to the caller.
    """
    kinds = [metric.metric_type.prefix for metric in learn.validation_pass.coco_metrics]
    watch = "mask_ap" if "mask" in kinds else f"{kinds[0]}_ap" if kinds else "valid_loss"
    learn.history.file = run.history_path
    best = BestWeights(run.weights_path, watch)
    checkpoint = Checkpoint(run.checkpoint_path, resume=run.resumes, every_seconds=checkpoint_seconds)
    callbacks = [best, checkpoint, EpochLines(run.progress, run.say)]
    with learn.added_cbs(callbacks):
        try:
            yield
        except KeyboardInterrupt:
            if best.best is None:
                best.write()
            learn.history.write()
            best.restore()
            run.say(
                f"stopped by Ctrl-C in epoch {len(learn.history.rows) + 1}: {run.weights_path} has "
                + (
                    f"the best weights, of epoch {best.best_epoch}"
                    if best.best is not None
                    else "the weights of this moment"
                )
                + f"; go on with `contorno run {run.recipe} --out {run.folder} --resume`."
            )
            raise
        best.restore()
        # Its state belongs to the last weights, not to the best ones, and takes twice their memory.
        learn.opt = None
        if best.best is not None:
            run.say(f"best epoch {best.best_epoch}: {watch} {best.best:.3f}")
