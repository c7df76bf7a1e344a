"""A training by several processes, through the rule that starts it."""

import pytest
import torch
import yaml
from safetensors.torch import load_file

from checkout import TINY
from nearmiss.base.files import read_json


def test_the_rule_trains_with_two_processes_as_with_one(mine):
    """The arm continues from the base that is there; losses and weights are those of one process but for rounding."""
    run = mine.results() / "pretrain" / "clip" / "0"
    single = load_file(run / "checkpoint" / "open_clip_model.safetensors")
    losses = [(run / "curve.jsonl").read_text()]
    pretrain = yaml.safe_load((mine.path / TINY).read_text())["pretrain"] | {"num_processes": 2}
    target = (run / "manifest.json").relative_to(mine.path).as_posix()
    (run / "manifest.json").unlink()
    config = mine.configure(pretrain=pretrain)
    done = mine.snakemake("--cores", "2", "--allowed-rules", "pretrain_arm", "--", target, config=config)
    log = (mine.path / "logs" / "tiny" / "pretrain" / "clip-0.log").read_text()
    assert done.returncode == 0, done.stderr + log
    together = load_file(run / "checkpoint" / "open_clip_model.safetensors")
    assert together.keys() == single.keys()
    # the bias of attention's keys has no gradient but rounding
    for name in (each for each in single if not each.endswith("in_proj_bias")):
        torch.testing.assert_close(together[name], single[name], rtol=1e-3, atol=1e-4, msg=name)
    losses.append((run / "curve.jsonl").read_text())
    first, second = ([yaml.safe_load(line)["loss"] for line in text.splitlines()] for text in losses)
    assert second == pytest.approx(first, rel=1e-4)
    assert read_json(run / "manifest.json")["fingerprint"]["config"]["shared"]["num_processes"] == 2
    assert [path.name for path in (mine.path / "state" / "tiny" / "pretrain" / "clip-0").iterdir()] == ["lock"]
