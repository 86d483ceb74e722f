"""Who a process is by torchrun's variables, and that one process alone does nothing and imports nothing for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from contorno import processes
from contorno.errors import ConfigError
from contorno.processes import Place

TORCHRUN = {
    "RANK": "3",
    "WORLD_SIZE": "4",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "2",
    "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "29500",
}


@pytest.fixture
def torchrun(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.usefixtures("torchrun")
def test_torchrun_says_which_process_this_is() -> None:
    assert processes.place() == Place(rank=3, count=4, local_rank=1, local_count=2)
    assert processes.count() == 4
    assert not processes.is_first()


@pytest.mark.parametrize("name", ["RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"])
def test_with_some_of_the_variables_only_a_process_is_alone(torchrun: pytest.MonkeyPatch, name: str) -> None:
    torchrun.delenv(name)  # clusters set WORLD_SIZE and RANK for purposes of their own
    assert processes.place() == Place()
    assert processes.is_first()


def test_variables_that_are_no_numbers_are_refused(torchrun: pytest.MonkeyPatch) -> None:
    torchrun.setenv("RANK", "first")
    with pytest.raises(ConfigError, match=r"must be numbers .*'first'"):
        processes.place()


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["/usr/bin/contorno", "run", "finetune", "data=a b"], "-m contorno run finetune 'data=a b'"),
        (["/lib/contorno/__main__.py", "run", "quickstart"], "-m contorno run quickstart"),
        (["mine.py", "--fast"], "mine.py --fast"),
        (["/lib/ipykernel_launcher.py", "-f", "kernel.json"], "your_script.py"),
        ([""], "your_script.py"),
        ([], "your_script.py"),
    ],
    ids=["command", "module", "script", "notebook", "interpreter", "embedded"],
)
def test_the_launch_command_starts_the_same_program(words: list[str], command: str) -> None:
    assert processes.launch_command(2, words) == f"torchrun --nproc_per_node=2 {command}"


def test_alone_everything_is_one_s_own(tmp_path: Path) -> None:
    weights = torch.tensor([1.0, 2.0])
    processes.start()
    processes.announce(tmp_path)
    processes.release()
    processes.meet()
    processes.average([weights])
    processes.equalize([weights])
    assert (processes.agreed("mine"), processes.gathered(1), processes.gathered_by_first(2)) == ("mine", [1], [2])
    with processes.told_of_the_end():
        processes.end()
    processes.require_not_over()
    assert weights.tolist() == [1.0, 2.0]
    assert not torch.distributed.is_initialized()


def test_alone_no_torch_is_imported() -> None:
    code = (
        "import sys; from contorno import processes\n"
        "processes.start(); processes.agreed(1); processes.end()\n"
        "print([name for name in sys.modules if name.partition('.')[0] in ('torch', 'numpy')])"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.usefixtures("torchrun")
def test_more_processes_than_gpus_are_refused_by_the_first(torchrun: pytest.MonkeyPatch) -> None:
    torchrun.setattr(torch.cuda, "is_available", lambda: True)
    torchrun.setattr(torch.cuda, "device_count", lambda: 1)
    torchrun.setattr(sys, "argv", ["mine.py"])
    with pytest.raises(SystemExit) as caught:
        processes.start()
    assert caught.value.code == 2
    torchrun.setenv("RANK", "0")
    sentence = r"started 2 processes on a machine of 1 GPUs.*say `torchrun --nproc_per_node=1 mine.py`"
    with pytest.raises(ConfigError, match=sentence):
        processes.start()
