"""Saving and loading: fastai's files, safe to open, with the optimizer or without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from contorno.callbacks.door import OptimWrapper
from contorno.errors import ConfigError, WeightsError
from contorno.learner import DetectionLearner
from tiny_detector import tiny_learner


def states(learn: DetectionLearner) -> list[torch.Tensor]:
    """The optimizer's own tensors."""
    return [value for state in learn.opt.state_dict()["state"].values() for value in state.values()]


def test_weights_and_optimizer_come_back_and_training_goes_on_alike(tmp_path: Path) -> None:
    first = tiny_learner(path=tmp_path)
    first.fit_one_cycle(1, 1e-2)  # sets numpy's numbers in the optimizer
    path = first.save("mine")
    assert path == tmp_path / "models" / "mine.pth"
    assert set(torch.load(path, weights_only=True)) == {"model", "opt"}
    second = tiny_learner(seed=9, path=tmp_path).load("mine")
    for learn in (first, second):
        torch.manual_seed(1)
        learn.dls.train.set_epoch(1)
        learn.fit(1, 1e-3)
    assert torch.equal(first.model.box.weight, second.model.box.weight)
    assert len(states(first)) == len(states(second)) > 0
    assert all(torch.equal(one, other) for one, other in zip(states(first), states(second), strict=True))


def test_weights_alone_load_without_a_word(tmp_path: Path) -> None:
    first = tiny_learner(path=tmp_path)
    path = first.save(tmp_path / "model", with_opt=False)
    assert path == tmp_path / "model.pth"
    second = tiny_learner(seed=9).load(path)
    assert torch.equal(first.model.box.weight, second.model.box.weight)


def test_a_file_of_fastais_own_save_loads(tmp_path: Path) -> None:
    from fastai.learner import save_model

    first = tiny_learner()
    first.fit_one_cycle(1, 1e-2)
    save_model(tmp_path / "theirs.pth", first.model, first.opt)
    second = tiny_learner(seed=9).load(tmp_path / "theirs", device="cpu")
    assert torch.equal(first.model.box.weight, second.model.box.weight)
    assert len(states(second)) > 0


def test_fastai_reads_what_is_saved(tmp_path: Path) -> None:
    from fastai.learner import load_model

    first, second = tiny_learner(path=tmp_path), tiny_learner(seed=9)
    first.fit(1)
    second.create_opt()
    load_model(first.save("mine"), second.model, second.opt)
    assert torch.equal(first.model.box.weight, second.model.box.weight)


def test_what_could_run_code_is_never_opened(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"model": Evil(), "opt": {}}, tmp_path / "evil.pth")
    with pytest.raises(WeightsError, match="holds objects, which could run code"):
        tiny_learner().load(tmp_path / "evil", weights_only=False)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("cut", [0, 500])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, cut: int) -> None:
    path = tiny_learner(path=tmp_path).save("mine")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(WeightsError, match="cannot be read as weights: it is damaged"):
        tiny_learner(path=tmp_path).load("mine")


def test_what_does_not_fit_is_one_sentence(tmp_path: Path) -> None:
    learn = tiny_learner(path=tmp_path)
    with pytest.raises(ConfigError, match=r"there is no file .*other\.pth to load"):
        learn.load("other")
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "line.pth")
    with pytest.raises(WeightsError, match=r"holds the weights of another model: .*Missing key"):
        learn.load(tmp_path / "line")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match="holds the weights of another model"):
        learn.load(tmp_path / "list")
    learn.fit(1)
    learn.save("mine")
    other = tiny_learner(path=tmp_path, opt_func=lambda params, **_: OptimWrapper(params[1:], opt=torch.optim.SGD))
    with pytest.raises(WeightsError, match=r"state of another optimizer .* with_opt=False"):
        other.load("mine")
    assert torch.equal(other.load("mine", with_opt=False).model.box.weight, learn.model.box.weight)
