"""The workflow with a model of open_clip, whose checkpoints have no tokenizer files."""

from safetensors.torch import load_file, save_file

import small_open_clip
from nearmiss.base.files import read_json, write_json
from nearmiss.engine.formats.checkpoint import CONFIG, WEIGHTS
from nearmiss.engine.models.architecture import configuration_of
from nearmiss.engine.models.checkpoint import fresh_model


def test_a_named_model_is_trained_by_the_rules_and_by_an_arm_with_negatives(mine, tmp_path):
    """The base is the weights as they are, by default; an arm with negatives goes on from it."""
    name = small_open_clip.register(tmp_path)
    config, folder = configuration_of(name, None), tmp_path / "pretrained"
    write_json(folder / CONFIG, config)
    save_file(fresh_model(config, 3).state_dict(), folder / WEIGHTS)
    changed = mine.configure(
        pretrain={
            "model": {"name": f"local-dir:{folder}"},
            "base": {"captions": "broad"},
            "continued": {"captions": "narrow", "steps": 3},
            "batch_size": 8,
            "device": "cpu",
        },
        arms={
            "base": {"objective": "clip", "num_negatives": 0},
            "keyword": {"objective": "negclip", "method": "keyword"},
        },
        compare={"controls": []},
    )
    rules = ("pretrain_store", "pretrain_base", "pretrain_arm", "pretrain")
    done = mine.snakemake("--cores", "2", "--allowed-rules", *rules, "--", "pretrain", config=changed)
    assert done.returncode == 0, done.stderr
    runs = {arm: mine.results() / "pretrain" / arm / "0" for arm in ("base", "keyword")}
    for run in runs.values():
        assert sorted(path.name for path in (run / "checkpoint").iterdir()) == sorted([CONFIG, WEIGHTS])
    source, base, arm = (load_file(place / WEIGHTS) for place in (folder, *(r / "checkpoint" for r in runs.values())))
    assert all((base[key] == value).all() for key, value in source.items())
    assert any((arm[key] != value).any() for key, value in source.items())
    options = read_json(runs["keyword"] / "manifest.json")["fingerprint"]["config"]
    assert options["arm"]["image_lr"] == 5e-6 and options["shared"]["epsilon"] == 1e-6
