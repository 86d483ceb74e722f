"""Where and in what precision a learner trains: fastai's `to_...` verbs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import torch

from contorno import processes
from contorno.callbacks.door import ChannelsLast, MixedPrecision
from contorno.errors import ConfigError
from contorno.learner.loop import LossLearner


class PlacedLearner(LossLearner):
    """A LossLearner that can be told the type of its forward passes and the layout of its weights.

    There is one model on one device in each process: fastai's ways to spread it over several do nothing, or say what to
    use.
    """

    def to_fp16(self, **kwargs: Any) -> Self:
        """Run forward passes in float16 where torch holds it safe; on a GPU only. kwargs: torch's GradScaler's."""
        if self.dls.device.type == "cpu":
            raise ConfigError("float16 needs a GPU; on a CPU use learn.to_bf16(), or leave it at float32.")
        self.to_fp32()
        self.add_cb(MixedPrecision(**kwargs))
        return self

    def to_bf16(self) -> Self:
        """Run forward passes in bfloat16 where torch holds it safe, on a GPU or a CPU."""
        self.to_fp32()
        if self.dls.device.type == "cpu":
            self.cpu_dtype = torch.bfloat16
        else:
            self.add_cb(MixedPrecision(amp_mode="bf16"))
        return self

    def to_fp32(self) -> Self:
        """Run forward passes in the type of the weights, float32."""
        self.remove_cb(MixedPrecision)
        self.cpu_dtype = None
        return self

    def to_non_native_fp32(self) -> Self:
        """The same as `to_fp32`."""
        return self.to_fp32()

    @property
    def precision(self) -> str:
        """In which type forward passes run: float32, bfloat16 or float16."""
        mode = getattr(getattr(self, "mixed_precision", None), "amp_mode", None)
        if mode is not None:
            return {"fp16": "float16", "bf16": "bfloat16"}[mode.value]
        return "float32" if self.cpu_dtype is None else str(self.cpu_dtype).removeprefix("torch.")

    def to_channelslast(self, use_amp: bool = True, amp_mode: str = "fp16", **kwargs: Any) -> Self:
        """Lay the weights out channels last, and with `use_amp` run forward passes in `amp_mode`, fp16 or bf16."""
        if use_amp:
            self.to_bf16() if getattr(amp_mode, "value", amp_mode) == "bf16" else self.to_fp16(**kwargs)
        if not hasattr(self, "channels_last"):
            self.add_cb(ChannelsLast())
        return self

    def to_contiguous(self, to_fp32: bool = False) -> Self:
        """Undo `to_channelslast`; with `to_fp32` its precision too."""
        self.model.to(memory_format=torch.contiguous_format)
        self.remove_cb(ChannelsLast)
        return self.to_fp32() if to_fp32 else self

    def to_parallel(self, device_ids: Sequence[int] | None = None) -> Self:
        """Do nothing on one GPU or none, nor under torchrun, where the learner shares the work already.

        nn.DataParallel, which fastai would use, cuts lists of images along their channels.
        Raises ConfigError if there is more than one GPU, which names the command that starts a process for each.
        """
        gpus = torch.cuda.device_count() if device_ids is None else len(device_ids)
        if gpus > 1 and processes.count() == 1:
            raise ConfigError(
                "a detection model cannot be trained with nn.DataParallel; start one process for each GPU with "
                f"`{processes.launch_command(gpus, sys.argv)}`."
            )
        return self

    def detach_parallel(self) -> Self:
        """Do nothing: there is nothing to undo of `to_parallel`."""
        return self

    def detach_distributed(self) -> Self:
        """Do nothing: there is nothing to undo, since `to_distributed` is refused."""
        return self

    @contextmanager
    def parallel_ctx(self, device_ids: Sequence[int] | None = None) -> Iterator[Self]:
        """The same as `to_parallel`, for a `with` block."""
        yield self.to_parallel(device_ids)
