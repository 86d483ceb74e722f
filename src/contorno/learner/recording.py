"""Training into a run folder: history, best weights and checkpoints, so that a stop loses little."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from contorno import processes
from contorno.callbacks import CHECKPOINT_SECONDS, BestWeights, Checkpoint, EpochLines
from contorno.callbacks.states import shift_random_states
from contorno.errors import ConfigError, ContornoError, ProcessError
from contorno.learner.loop import bare_sentence
from contorno.learner.verbs import DetectionLearner
from contorno.runs import Run


@contextmanager
def recorded(learn: DetectionLearner, run: Run, *, checkpoint_seconds: float = CHECKPOINT_SECONDS) -> Iterator[None]:
    """While the block trains `learn`, keep everything in the run folder, so that a stop at any moment loses little.

    After each epoch: `history.csv`, `model.pth` if the watched figure is the best so far (mask AP, else box AP, else
    the validation loss), and, if the last one is `checkpoint_seconds` old or the training is at its end, a checkpoint,
    from which a run that resumes goes on. When the block ends the best weights are in the model. After Ctrl-C too, and
    the folder is usable; KeyboardInterrupt goes on to the caller.

    Of several processes, which torchrun starts, the first one keeps all this. When the block ends the others have done
    their share and leave, with SystemExit and exit code 0: what comes after the block is done once.
    Raises ConfigError for a second training under one torchrun, and for a learner that cannot share its work.
    """
    processes.require_not_over()
    shares = processes.count()
    if shares > 1 and not hasattr(learn, "shared_training"):
        raise ConfigError(
            "a learner that contorno did not make trains in one process; start it without torchrun, or make it with "
            "model_type.fastai.learner (in a recipe: engine=contorno)."
        )
    processes.start()
    processes.release()
    is_first = processes.is_first()
    if not is_first:
        # The recipe has seeded all processes alike; the regions and units that each draws at random are its own.
        shift_random_states(processes.place().rank)
    kinds = [metric.metric_type.prefix for metric in learn.validation_pass.coco_metrics]
    watch = "mask_ap" if "mask" in kinds else f"{kinds[0]}_ap" if kinds else "valid_loss"
    if is_first:
        learn.history.file = run.history_path
    best = BestWeights(run.weights_path, watch)
    checkpoint = Checkpoint(run.checkpoint_path, resume=run.resumes, every_seconds=checkpoint_seconds)
    callbacks = [best, checkpoint, EpochLines(run.progress, run.say)]
    if shares > 1:
        run.say(
            f"{shares} processes, batch_size images each, so every step takes {shares} times as many; the learning "
            "rate is used as given"
        )
    with learn.added_cbs(callbacks), processes.told_of_the_end():
        try:
            yield
        except KeyboardInterrupt:
            if not is_first:
                processes.leave(processes.INTERRUPTED)
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
                + f"; go on with `{_command(run, shares)}`."
            )
            raise
        except ProcessError as error:
            raise ProcessError(
                f"{error} Up to epoch {len(learn.history.rows)} all is in {run.folder}; go on with "
                f"`{_command(run, shares)}`."
            ) from error
        except ContornoError as error:
            bare_sentence(error)  # a learner of fastai's own does not
            raise
        processes.end()
        best.restore()
        # Its state belongs to the last weights, not to the best ones, and takes twice their memory.
        learn.opt = None
        if best.best is not None:
            run.say(f"best epoch {best.best_epoch}: {watch} {best.best:.3f}")


def _command(run: Run, shares: int) -> str:
    """What goes on with a run, in as many processes as before."""
    words = ["run", run.recipe, "--out", str(run.folder), "--resume"]
    return processes.launch_command(shares, ["contorno", *words]) if shares > 1 else f"contorno {' '.join(words)}"
