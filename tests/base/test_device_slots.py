"""One GPU for each process, by a list of devices that stands in for a machine's."""

import os
import subprocess
import sys

import pytest
import torch

from nearmiss.base import device_slots
from nearmiss.base.device import device_of
from nearmiss.base.device_slots import HELD, VISIBLE, claim, devices
from nearmiss.base.errors import InputError

# Takes a device, tells which, and keeps it until its input ends.
JOB = """
import os, sys
from pathlib import Path
from nearmiss.base.device_slots import claim
print(claim(sys.argv[2].split(","), Path(sys.argv[1])), os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """No device is held or named by the tests' own environment, and what a test takes is given back."""
    for name in (VISIBLE, HELD, "SLURM_JOB_ID"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr(device_slots, "_held", [])


def start(folder, available):
    environment = {name: value for name, value in os.environ.items() if name not in (VISIBLE, HELD)}
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", JOB, str(folder), available]
    return subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def test_two_trainings_on_two_gpus_have_different_ones_and_a_third_waits_for_the_first_to_end(tmp_path):
    first, second = start(tmp_path, "0,1"), start(tmp_path, "0,1")
    taken = [job.stdout.readline().split() for job in (first, second)]
    assert sorted(taken) == [["0", "0"], ["1", "1"]]
    third = start(tmp_path, "0,1")
    assert "waiting for a GPU" in third.stderr.readline()
    first.kill()  # a lock of a killed process is free at once
    assert third.stdout.readline().split() == taken[0]
    for job in (second, third):
        job.communicate("")
    first.communicate()


def test_a_process_takes_one_device_and_its_children_use_the_same(tmp_path):
    assert [claim(["0", "1"], tmp_path) for _ in range(3)] == ["0"] * 3
    assert os.environ[VISIBLE] == "0"
    assert subprocess.run(
        [sys.executable, "-c", JOB, str(tmp_path), "0,1"], input="", capture_output=True, text=True, check=True
    ).stdout.split() == ["0", "0"]


def test_named_devices_are_those_of_the_variable(monkeypatch):
    monkeypatch.setenv(VISIBLE, "GPU-5f, MIG-7a/1")
    assert devices() == ["GPU-5f", "MIG-7a/1"]
    for none in ("", "-1"):
        monkeypatch.setenv(VISIBLE, none)
        assert devices() == []


def test_jobs_of_a_scheduler_do_not_wait_for_each_other(monkeypatch, tmp_path):
    """With device cgroups, device 0 of two jobs is not the same."""
    monkeypatch.setattr(device_slots.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert claim(["0"]) == "0"
    monkeypatch.delenv(HELD)
    monkeypatch.setenv("SLURM_JOB_ID", "8")
    assert claim(["0"]) == "0"


def test_auto_is_the_cpu_where_there_is_no_gpu_and_an_error_where_one_was_granted(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(device_slots.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr("nearmiss.base.device.devices", list)
    assert device_of("auto", key="pretrain.device").type == "cpu"
    with pytest.raises(InputError, match="no GPU that torch can use"):
        device_of("cuda", key="pretrain.device")
    monkeypatch.setenv(VISIBLE, "0")
    with pytest.raises(InputError, match=r"was given one \(CUDA_VISIBLE_DEVICES=0\)") as caught:
        device_of("auto", key="pretrain.device")
    assert caught.value.record == "pretrain.device"
    assert device_of("cpu", key="pretrain.device").type == "cpu"
