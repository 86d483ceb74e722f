"""Every public method of fastai's Learner, on a detection learner: it works, or one sentence says what to use."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fastai
import matplotlib as mpl
import pytest
import torch
from torch import nn

import tiny
import tiny_run
from contorno.callbacks.door import Callback, Learner, MixedPrecision
from contorno.errors import ConfigError
from contorno.learner import DetectionLearner
from contorno.metrics import COCOMetric, COCOMetricType
from contorno.models.torchvision import faster_rcnn, mask_rcnn
from contorno.models.torchvision.fitting import fit_model
from contorno.samples import Prediction
from tiny_detector import TinyDetector, datasets, tiny_learner

Verb = Callable[[DetectionLearner], Any]


class Counts(Callback):
    """Count the steps of training."""

    def before_fit(self) -> None:
        self.steps = 0

    def after_step(self) -> None:
        self.steps += 1


def fit_by(call: Verb, epochs: int) -> Verb:
    """Train, and hold that so many epochs of three steps were done in the last fit."""

    def do(learn: DetectionLearner) -> bool:
        learn.add_cb(Counts())
        call(learn)
        return bool(learn.counts.steps == 3 * epochs and torch.isfinite(learn.recorder.losses[-1]))

    return do


def block(name: str) -> Verb:
    def do(learn: DetectionLearner) -> bool:
        with getattr(learn, name)():
            learn.fit(1)
        return len(learn.history.rows) == 1

    return do


def groups_trained(learn: DetectionLearner) -> list[bool]:
    return [all(parameter.requires_grad for parameter in group) for group in learn.opt.param_lists]


def frozen(call: Verb, expected: list[bool]) -> Verb:
    def do(learn: DetectionLearner) -> bool:
        # Norms go on training, as everywhere in fastai; the tiny body is a convolution and a norm.
        learn.train_bn = False
        call(learn)
        return groups_trained(learn) == expected

    return do


def one_batch(learn: DetectionLearner) -> bool:
    learn.create_opt()
    with learn.validation_context():
        learn.dl, learn.training = learn.dls.valid, False
        learn.model.eval()
        learn.one_batch(0, next(iter(learn.dls.valid)))
        return set(learn.named_losses) == {"loss_box", "loss_score"} and len(learn.pred) == 2


def all_batches(learn: DetectionLearner) -> bool:
    seen: list[int] = []
    learn.create_opt()
    with learn.validation_context(cbs=[Callback(after_batch=lambda _: seen.append(learn.iter))]):
        learn.dl, learn.training = learn.dls.valid, False
        learn.model.eval()
        learn("before_validate")
        learn.all_batches()
    return seen == [0, 1]


def x_and_y(learn: DetectionLearner) -> bool:
    learn._split(learn.dls.one_batch())
    images, targets = learn.x
    return len(images) == len(targets) == len(learn.y) == 2 and learn.y[0]["boxes"].shape == (1, 4)


def metrics(learn: DetectionLearner) -> bool:
    learn.metrics = COCOMetric(COCOMetricType.bbox, iou_thresholds=[0.5])
    learn.fit(1)
    return learn.recorder.metric_names[-3:-1] == ["box_ap", "box_ap50"]


def added_and_removed(learn: DetectionLearner) -> bool:
    with learn.added_cbs([Counts()]):
        was_there = hasattr(learn, "counts")
        with learn.removed_cbs(learn.counts):
            was_away = not hasattr(learn, "counts")
    return was_there and was_away and not hasattr(learn, "counts")


def precision(name: str, expected: str, *args: Any) -> Verb:
    def do(learn: DetectionLearner) -> bool:
        return getattr(learn, name)(*args) is learn and learn.precision == expected

    return do


def save_and_load(learn: DetectionLearner) -> bool:
    learn.fit(1)
    before = learn.model.box.weight.detach().clone()
    path = learn.save("mine")
    learn.fit(1)
    learn.load("mine")
    path.unlink()
    path.parent.rmdir()
    return torch.equal(learn.model.box.weight, before)


def channels_last(learn: DetectionLearner) -> bool:
    learn.to_channelslast(use_amp=False).fit(1)
    weight = learn.model.body[0].weight
    was_last = weight.is_contiguous(memory_format=torch.channels_last)
    learn.to_contiguous(to_fp32=True).fit(1)
    return was_last and weight.is_contiguous() and not hasattr(learn, "channels_last")


def in_parallel(learn: DetectionLearner) -> bool:
    with learn.parallel_ctx() as same:
        same.fit(1)
    return same is learn and type(learn.model) is TinyDetector


WORKS: dict[str, Verb] = {
    "add_cb": lambda learn: learn.add_cb(Counts) is learn and isinstance(learn.counts, Counts),
    "add_cbs": lambda learn: learn.add_cbs([Counts()]) is learn and hasattr(learn, "counts"),
    "added_cbs": added_and_removed,
    "all_batches": all_batches,
    "create_opt": lambda learn: learn.create_opt() or len(learn.opt.param_lists) == 2,
    "detach_distributed": lambda learn: learn.detach_distributed() is learn,
    "detach_parallel": lambda learn: learn.detach_parallel() is learn,
    "fine_tune": fit_by(lambda learn: learn.fine_tune(2, 1e-3, freeze_epochs=1), 2),
    "fit": fit_by(lambda learn: learn.fit(2, 1e-3), 2),
    "fit_flat_cos": fit_by(lambda learn: learn.fit_flat_cos(2, 1e-3), 2),
    "fit_one_cycle": fit_by(lambda learn: learn.fit_one_cycle(2, 1e-3), 2),
    "fit_sgdr": fit_by(lambda learn: learn.fit_sgdr(2, 1, 1e-3), 3),
    "freeze": frozen(lambda learn: learn.freeze(), [False, True]),
    "freeze_to": frozen(lambda learn: learn.freeze_to(1), [False, True]),
    "get_preds": lambda learn: [len(part) for part in learn.get_preds()] == [3, 3],
    "load": save_and_load,
    "lr_find": lambda learn: 1e-7 < learn.lr_find(num_it=12, show_plot=False).valley < 10,
    "metrics": metrics,
    "no_bar": block("no_bar"),
    "no_logging": block("no_logging"),
    "no_mbar": block("no_mbar"),
    "one_batch": one_batch,
    "ordered_cbs": lambda learn: [str(cb) for cb in learn.ordered_cbs("after_epoch")] == ["EpochRecorder", "History"],
    "parallel_ctx": in_parallel,
    "predict": lambda learn: isinstance(learn.predict(learn.dls.valid.dataset.records[0]), Prediction),
    "remove_cb": lambda learn: not hasattr(learn.add_cb(Counts()).remove_cb(Counts), "counts"),
    "remove_cbs": lambda learn: not hasattr(learn.add_cb(Counts()).remove_cbs([Counts]), "counts"),
    "removed_cbs": added_and_removed,
    "save": save_and_load,
    "show_results": lambda learn: learn.show_results(show=False).width > 600,
    "show_training_loop": lambda learn: learn.show_training_loop() is None,
    "summary": lambda learn: "trained: 1,269" in learn.summary(),
    "to_bf16": precision("to_bf16", "bfloat16"),
    "to_channelslast": channels_last,
    "to_contiguous": channels_last,
    "to_detach": lambda learn: not learn.to_detach(learn.model.box.weight).requires_grad,
    "to_fp32": precision("to_fp32", "float32"),
    "to_non_native_fp32": precision("to_non_native_fp32", "float32"),
    "to_parallel": lambda learn: learn.to_parallel() is learn,
    "unfreeze": frozen(lambda learn: (learn.freeze(), learn.unfreeze()), [True, True]),
    "validate": lambda learn: learn.validate()[0] > 0 and learn.history.rows == [],
    "validation_context": one_batch,
    "x": x_and_y,
    "y": x_and_y,
}

REFUSED: dict[str, tuple[Verb, str]] = {
    "distrib_ctx": (lambda learn: learn.distrib_ctx(), "start the same program with torchrun"),
    "export": (lambda learn: learn.export("mine.pkl"), "`contorno export RUN_FOLDER`"),
    "loss_not_reduced": (lambda learn: learn.loss_not_reduced(), "batch_size=1"),
    "to_distributed": (lambda learn: learn.to_distributed(), "start the same program with torchrun"),
    "to_fp16": (lambda learn: learn.to_fp16(), r"learn.to_bf16\(\)"),
    "to_non_native_fp16": (lambda learn: learn.to_non_native_fp16(), r"learn.to_fp16\(\)"),
    "tta": (lambda learn: learn.tta(), r"learn.get_preds\(\)"),
}
"""On a CPU; to_fp16 works on a GPU."""

NOT_OURS = {"gather_args"}
"""Put there by wandb's callback for itself."""


@pytest.fixture(autouse=True)
def _no_window() -> Iterator[None]:
    mpl.use("Agg")
    yield
    from matplotlib import pyplot

    pyplot.close("all")


def learner_on_cpu(**options: Any) -> DetectionLearner:
    """A tiny learner that trains on the CPU also where there is a GPU."""
    learn = tiny_learner(**options)
    learn.dls.device = "cpu"
    return learn


def fastai_verbs() -> set[str]:
    """Public names of fastai's Learner, those included that some module of fastai adds when it is imported."""
    found = {name for name in dir(Learner) if not name.startswith("_")}
    for path in Path(str(fastai.__file__)).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef) or not node.args.args:
                continue
            decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
            first = node.args.args[0].annotation
            if "patch" in decorators and first is not None and ast.unparse(first) == "Learner":
                found.add(node.name)
    return {name for name in found if not name.startswith("_")}


def test_the_table_has_every_verb_of_fastai() -> None:
    verbs = fastai_verbs()
    assert {"parallel_ctx", "lr_find", "to_distributed"} <= verbs
    assert set(WORKS) | set(REFUSED) | NOT_OURS == verbs


@pytest.mark.parametrize("name", WORKS)
def test_a_verb_works(name: str, tmp_path: Path) -> None:
    assert WORKS[name](learner_on_cpu(path=tmp_path))
    assert list(tmp_path.iterdir()) == []  # nothing is left behind that was not asked for


@pytest.mark.parametrize("name", REFUSED)
def test_a_verb_is_refused_in_one_sentence(name: str) -> None:
    call, sentence = REFUSED[name]
    with pytest.raises(ConfigError, match=sentence) as caught:
        call(learner_on_cpu())
    assert "\n" not in str(caught.value)


def real_learner(name: str) -> DetectionLearner:
    """A small real model on images of 64 px, two of each split."""
    train, valid = tiny_run.datasets(tiny.disc_records(2, seed=1), tiny.disc_records(2, seed=2))
    torch.manual_seed(0)
    fitted = tiny_run.few_regions(
        fit_model(train.records, 64, backbone="resnet18_fpn", weights="none", detector=name)  # type: ignore[arg-type]
    )
    model_type = {"mask_rcnn": mask_rcnn, "faster_rcnn": faster_rcnn}[name]
    made: DetectionLearner = model_type.fastai.learner(
        dls=[model_type.train_dl(train, batch_size=2), model_type.valid_dl(valid, batch_size=2)],
        model=fitted.model,
        metrics=[COCOMetric(COCOMetricType.bbox)],
        show_progress=False,
        precision="float32",
    )
    return made


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mask_rcnn", "faster_rcnn"])
def test_the_verbs_of_a_notebook_work_on_a_real_model(name: str, tmp_path: Path) -> None:
    learn = real_learner(name)
    learn.path = tmp_path
    text = learn.summary()
    assert ("roi_heads.mask_predictor.mask_fcn_logits" in text) == (name == "mask_rcnn")
    before = {key: value.clone() for key, value in learn.model.state_dict().items()}
    assert learn.lr_find(num_it=6, show_plot=False).valley > 0
    assert all(torch.equal(value, before[key]) for key, value in learn.model.state_dict().items())
    learn.fine_tune(1, 1e-3, freeze_epochs=1)
    learn.load(learn.save("mine").stem)
    predictions, targets = learn.get_preds()
    assert [prediction.image_id for prediction in predictions] == [record.image_id for record in targets] == [1, 2]
    assert all((prediction.masks is not None) == (name == "mask_rcnn") for prediction in predictions)
    assert learn.show_results(show=False).width > 600
    assert learn.show_batch(show=False).width > 600
    assert learn.predict(targets[0].image).size_hw == (64, 64)
    assert learn.validate()[0] > 0


def test_the_parameters_of_a_summary_are_those_of_the_model() -> None:
    learn = real_learner("mask_rcnn")
    learn.freeze()
    text = learn.summary()
    total = sum(parameter.numel() for parameter in learn.model.parameters())
    trained = sum(parameter.numel() for parameter in learn.model.parameters() if parameter.requires_grad)
    rows = [line.split() for line in text.splitlines() if line.endswith(("yes", "no", "partly"))]
    assert sum(int(row[-2].replace(",", "")) for row in rows) == total
    assert f"parameters: {total:,}, trained: {trained:,}, not trained: {total - trained:,}" in text
    assert trained < total
    conv = next(line for line in text.splitlines() if line.startswith("backbone.body.conv1"))
    assert conv.split() == ["backbone.body.conv1", "Conv2d", "64", "x", "32", "x", "32", "9,408", "no"]
    assert repr(text) == str(text)  # a notebook shows its lines


def test_a_summary_changes_neither_modes_nor_random_states_nor_the_next_epoch() -> None:
    learn = learner_on_cpu()
    learn.model.train()
    learn.model.body.eval()
    torch.manual_seed(3)
    drawn = torch.rand(2)
    torch.manual_seed(3)
    learn.summary()
    assert torch.equal(torch.rand(2), drawn)
    assert learn.model.training
    assert not learn.model.body.training
    assert learn.dls.train.sampler.epoch == 0


def test_precision_is_set_once_and_taken_back() -> None:
    learn = learner_on_cpu()
    learn.dls.device = "cuda"  # never used: nothing is trained
    assert learn.to_fp16().precision == "float16"
    assert learn.to_bf16().precision == "bfloat16"
    assert len(learn._grab_cbs(MixedPrecision)) == 1
    assert learn.to_channelslast(amp_mode="fp16").precision == "float16"
    assert learn.to_fp16().precision == "float16"
    assert len(learn._grab_cbs(MixedPrecision)) == 1
    assert learn.to_contiguous(to_fp32=True).precision == "float32"
    assert not learn._grab_cbs(MixedPrecision)


def test_bfloat16_trains_on_a_cpu() -> None:
    learn = learner_on_cpu().to_bf16()
    inside: list[bool] = []
    learn.model.body.register_forward_hook(lambda *_: inside.append(torch.is_autocast_enabled("cpu")))
    learn.fit(1)
    assert set(inside) == {True}


def test_a_model_in_data_parallel_is_refused_when_made_and_when_trained() -> None:
    sentence = "give the learner the model itself, model.module"
    with pytest.raises(ConfigError, match=sentence):
        tiny_learner(model=nn.DataParallel(TinyDetector()))
    learn = learner_on_cpu()
    learn.model = nn.DataParallel(learn.model)
    with pytest.raises(ConfigError, match=sentence):
        learn.fit(1)


def test_more_gpus_than_one_name_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(sys, "argv", ["/usr/bin/contorno", "run", "finetune", "data=my photos"])
    learn = learner_on_cpu()
    command = "`torchrun --nproc_per_node=2 -m contorno run finetune 'data=my photos'`"
    for call in (learn.to_parallel, lambda: learn.parallel_ctx().__enter__()):
        with pytest.raises(ConfigError, match=re.escape(command)):
            call()


def test_under_torchrun_to_parallel_does_nothing_however_many_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    learn = learner_on_cpu()
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for name, value in {"RANK": 1, "WORLD_SIZE": 2, "LOCAL_RANK": 1, "MASTER_ADDR": "here", "MASTER_PORT": 1}.items():
        monkeypatch.setenv(name, str(value))
    assert learn.to_parallel() is learn


@pytest.mark.parametrize("given", [[nn.functional.l1_loss], nn.functional.l1_loss, [3]], ids=["list", "bare", "number"])
def test_metrics_that_are_no_coco_metric_are_refused(given: Any) -> None:
    with pytest.raises(ConfigError, match=r"a detector is measured by COCOMetric\(COCOMetricType.mask\)"):
        tiny_learner(metrics=given)
    with pytest.raises(ConfigError, match="a detector is measured by"):
        learner_on_cpu().metrics = given


def test_loaders_have_a_device_and_single_batches() -> None:
    learn = learner_on_cpu()
    assert learn.dls.device == torch.device("cpu")
    assert learn.dls.to("cpu").cpu() is learn.dls
    assert (len(learn.dls.train), len(learn.dls.valid)) == (3, 2)
    first = [info.record.image_id for info in learn.dls.one_batch()[2]]
    assert first == [info.record.image_id for info in next(iter(learn.dls.train))[2]]
    assert learn.dls.train_ds.class_map == datasets()[0].class_map


def test_the_progress_bar_can_be_put_away_and_comes_back(capsys: pytest.CaptureFixture[str]) -> None:
    learn = learner_on_cpu(show_progress=True)
    with learn.no_bar(), learn.no_logging():
        assert not hasattr(learn, "progress")
        learn.fit(1)
    assert capsys.readouterr().out == ""
    assert hasattr(learn, "progress")
    learn.fit(1)
    assert "valid_loss_box" in capsys.readouterr().out
