"""One training in several processes: the same weights everywhere, and the mean gradient of all in each step."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from contorno import processes
from contorno.callbacks.door import Callback


class SharedTraining(Callback):  # type: ignore[misc]
    """Begin every fit with the weights of the first process, and step by the mean gradient of all processes.

    The gradients are averaged in the step itself, not by torch's DistributedDataParallel around the model: the model
    keeps its class and the names of its parameters, layers may be frozen and freed between two fits, a head without a
    gradient in some step needs no search for unused parameters, gradients that are gathered over several batches are
    sent once, and those scaled for float16 are averaged before they are unscaled and clipped, so that every process
    skips the same steps. What is given up is sending while the backward pass still runs.

    The statistics of BatchNorm are those of each process's own batches, as usual, and become the mean of all at the end
    of an epoch.
    """

    order = 8  # in before_step after GradientAccumulation (6), before MixedPrecision (10) and GradientClip (11)

    def before_fit(self) -> None:
        model: nn.Module = self.learn.model
        processes.equalize([*model.parameters(), *model.buffers()])

    def before_step(self) -> None:
        average_gradients(self.learn.model.parameters())

    def after_train(self) -> None:
        average_statistics(self.learn.model)


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Put the mean over all processes into each gradient.

    A parameter without a gradient here and with one in another process counts as zero here; one that has none in any
    process keeps none, so that the optimizer passes over it as it would in one process.
    """
    every = [parameter for parameter in parameters if parameter.requires_grad]
    presence = Tensor([float(parameter.grad is not None) for parameter in every])
    processes.average([presence])
    taking_part = [parameter for parameter, share in zip(every, presence.tolist(), strict=True) if share]
    for parameter in taking_part:
        if parameter.grad is None:
            parameter.grad = parameter.new_zeros(parameter.shape)
    processes.average(parameter.grad for parameter in taking_part if parameter.grad is not None)


def average_statistics(model: nn.Module) -> None:
    """Put the mean over all processes into the running statistics of norms, the first one's into all other buffers."""
    statistics = [
        buffer
        for module in model.modules()
        if isinstance(module, _NormBase)
        for buffer in module.buffers(recurse=False)
        if buffer.is_floating_point()
    ]
    averaged = set(map(id, statistics))
    processes.average(statistics)
    processes.equalize(buffer for buffer in model.buffers() if id(buffer) not in averaged)
