"""A configuration is checked completely before any compute, and an error names the place and the remedy."""

import json

import pytest

from nearmiss.base.errors import InputError
from nearmiss.config import Experiment, load, resolve
from nearmiss.reference import BEGIN, END, keys, schema
from nearmiss.stages.pretrain.config import default_arms, training_config


@pytest.fixture
def write(tmp_path):
    """Write an experiment file and give its path."""

    def written(text):
        file = tmp_path / "experiment.yaml"
        file.write_text(text)
        return file

    return written


SOURCE = "experiment: x\ndata:\n  source:\n    name: world\n"
COCO = "experiment: x\ndata: {source: {name: coco, root: data}}\n"
QUIET = "evaluate: {benchmarks: [retrieval]}\nrobustness: {corruptions: []}\n"
BASE = "  base: {objective: [{term: contrastive}], num_negatives: 0}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{SOURCE}    images:\n      trian: 4\n", ["trian", "line 6", "did you mean 'train'"]),
        ("experiment: x\ndata: {world: {seed: 1}}\n", ["data.world is now data.source", "line 2"]),
        ("experiment: x\ndata: {source: world}\n", ["{source: {name: NAME, ...}}", "line 2"]),
        ("experiment: x\ndata: {source: {name: coco}}\n", ["'root' is missing", "data.source"]),
        ("experiment: x\ndata: {source: {name: wrld}}\n", ["data.source", "did you mean 'world'"]),
        ("experiment: x\ndata: {source: {seed: 3}}\n", ["'name' is missing", "data.source"]),
        ("experiment: x\nnegatives: {captions: brod}\n", ["caption set 'brod'", "did you mean 'broad'"]),
        ("experiment: x\npretrain: {base: {captions: all}}\n", ["caption set 'all'", "broad, narrow"]),
        (f"{COCO}{QUIET}finetune: {{tasks: []}}\n", ["by their masks", "inpaint.operations", "operations: []"]),
        (f"{COCO}{QUIET}inpaint: {{operations: []}}\n", ["no examples", "'vsr'", "tasks: []"]),
        (f"{COCO}inpaint: {{operations: []}}\nevaluate: {{benchmarks: [inpaintcoco]}}\n", ["benchmark 'inpaintcoco'"]),
        (f"{COCO}{QUIET}inpaint: {{operations: []}}\nfinetune: {{tasks: []}}\n", ["'replace' tags", "en_core_web_sm"]),
        ("experiment: x\nsede: [0]\n", ["sede", "line 2", "did you mean 'seeds'"]),
        ("experiment: x\nzzz: 1\n", ["zzz", "keys here are: arms"]),
        ("experiment: x\nseeds: [one]\n", ["seeds.0", "line 2", "integer", "'one'"]),
        ("experiment: x\nseeds: [0, 0]\n", ["seeds", "once"]),
        ("experiment: x\nseeds: [0\n", ["malformed YAML", "line 3"]),
        ("experiment: x\nseeds: [0]\nseeds: [1]\n", ["occurs twice", "lines 2 and 3"]),
        ("experiment: a/b\n", ["experiment", "line 1"]),
        ("seeds: [0]\n", ["'experiment' is missing"]),
        ("- experiment\n", ["map of keys"]),
        ("experiment: x\nevaluate: {split: val}\n", ["'val'", "data.source.benchmark.splits"]),
        ("experiment: x\ndata: {source: {name: world, images: {test: 0}}}\n", ["split 'test'", "empty"]),
        ("experiment: x\ncompare: {controls: [clap]}\n", ["'clap' is no arm", "compare.controls"]),
        ("experiment: x\ncompare: {controls: []}\narms:\n  clip: {objective: [{term: contrastive}]}\n", ["'base'"]),
        (f"experiment: x\narms:\n{BASE}  a: {{method: none, objective: [{{term: own_negatives}}]}}\n", ["'none'"]),
        (f"experiment: x\narms:\n{BASE}  a: {{objective: [{{term: own_negatives}}]}}\n", ["no negatives", "arms.a"]),
        (f"experiment: x\narms:\n{BASE}  a: {{method: keyword, objective: [{{term: contrastive}}]}}\n", ["uses"]),
        (f"experiment: x\narms:\n{BASE}  a: {{objective: []}}\n", ["no loss term"]),
        (
            f"experiment: x\narms:\n{BASE}  a/b: {{objective: [{{term: contrastive}}]}}\n",
            ["not a valid name for an arm"],
        ),
        (f"experiment: x\narms:\n{BASE}  store: {{objective: [{{term: contrastive}}]}}\n", ["image store"]),
        ("experiment: x\narms:\n  base: {method: random, objective: [{term: own_negatives}]}\n", ["arms.base"]),
        (
            f"experiment: x\narms:\n{BASE}  a:\n    objective:\n    - term: contrastive\n      weigth: 2\n",
            ["arms.a.objective.0.weigth", "line 7", "did you mean 'weight'"],
        ),
        (
            "experiment: x\nnegatives: {methods: {keyword: {method: keyword, concept: [color]}}}\n",
            ["negatives.methods.keyword.concept", "did you mean 'concepts'"],
        ),
    ],
)
def test_an_error_names_the_file_the_key_and_the_remedy(write, text, words):
    file = write(text)
    with pytest.raises(InputError) as caught:
        load(file)
    for word in [*words, str(file)]:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        ("pretrain: {batch: 8}", "pretrain.batch", "batch_size"),
        ("pretrain: {warmup: 8}", "pretrain.warmup", "warmup_steps"),
        ("pretrain: {clip: 1.0}", "pretrain.clip", "grad_clip_norm"),
        ("pretrain: {average: 0.9}", "pretrain.average", "ema_decay"),
        ("pretrain: {parts: 2}", "pretrain.parts", "grad_cache_chunks"),
        ("pretrain: {processes: 2}", "pretrain.processes", "num_processes"),
        ("pretrain: {base: {captions: broad, cooldown: 2}}", "pretrain.base.cooldown", "cooldown_steps"),
        ("arms: {base: {objective: clip, texts: 0}}", "arms.base.texts", "num_negatives"),
        ("arms: {base: {objective: clip, image_rate: 1.0e-3}}", "arms.base.image_rate", "image_lr"),
        ("arms: {base: {objective: clip, text_rate: 1.0e-3}}", "arms.base.text_rate", "text_lr"),
        ("arms: {base: {objective: clip, lora: {where: [text]}}}", "arms.base.lora.where", "target_modules"),
        ("finetune: {tasks: [{task: vsr, head_rate: 1.0e-3}]}", "finetune.tasks.0.head_rate", "head_lr"),
        ("evaluate: {batch: 8}", "evaluate.batch", "batch_size"),
    ],
)
def test_a_former_key_is_refused_with_the_new_one(write, text, old, new):
    with pytest.raises(InputError) as caught:
        load(write(f"experiment: x\n{text}\n"))
    assert f"{old} (line 2)" in str(caught.value.record)
    assert new in caught.value.problem and new in caught.value.remedy


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.yaml"):
        load(tmp_path / "none.yaml")


def test_the_default_caption_set_is_that_of_the_source(write):
    experiment = load(write("experiment: x\nnegatives: {captions: broad}\n"))
    phases = (experiment.pretrain.base.captions, experiment.pretrain.continued.captions)
    assert (*phases, experiment.negatives.captions, experiment.inpaint.captions) == (
        "broad",
        "narrow",
        "broad",
        "narrow",
    )
    experiment = load(write("experiment: x\npretrain: {continued: {captions: broad}}\n"))
    assert experiment.evaluate.captions == experiment.robustness.captions == "broad"


def test_sections_have_defaults_and_maps_replace(write):
    text = f"experiment: x\narms:\n{BASE}data: {{source: {{name: world, images: {{train: 5}}, things: {{2: 1.0}}}}}}\n"
    experiment = load(write(text + "compare: {controls: [base]}\n"))
    assert experiment.data.source.images.val == Experiment(experiment="y").data.source.images.val
    assert experiment.data.source.things == {2: 1.0}
    assert list(experiment.arms) == ["base"]
    assert experiment.methods() == []


def test_quick_mode_shrinks_everything_and_appends_to_the_name(write):
    whole = load(write("experiment: x\nseeds: [3, 4]\n")).with_model_defaults()
    quick = load(write("experiment: x\nseeds: [3, 4]\n"), {"quick": True})
    assert quick.experiment == "x-quick"
    assert list(quick.arms) == ["base", "clip", "random", "hnc"]
    assert quick.seeds == [3]
    assert quick.methods() == ["random", "scene_graph"]
    assert quick.pretrain.continued.steps < whole.pretrain.continued.steps
    assert quick.data.source.images.train < whole.data.source.images.train
    assert quick.data.source.benchmark.splits == whole.data.source.benchmark.splits


def test_quick_mode_keeps_smaller_values(write):
    assert load(write("experiment: x\nquick: true\npretrain: {warmup_steps: 3}\n")).pretrain.warmup_steps == 3


def test_a_printed_experiment_is_valid(root):
    experiment = load(root / "config" / "config.yaml")
    assert resolve(json.loads(json.dumps(experiment.model_dump(mode="json")))) == experiment


def test_every_committed_configuration_is_valid(root):
    files = sorted((root / "config").glob("*.yaml"))
    assert {"config.yaml", "world-seeds.yaml", "world-search.yaml"} <= {file.name for file in files}
    for file in [*files, root / "tests" / "tiny.yaml"]:
        assert load(file).experiment


def test_the_seeds_experiment_differs_only_in_its_seeds(root):
    default, seeds = (load(root / "config" / name) for name in ("config.yaml", "world-seeds.yaml"))
    assert seeds.seeds == [0, 1, 2]
    assert seeds.model_copy(update={"seeds": default.seeds, "experiment": default.experiment}) == default


def test_every_arm_of_the_search_has_the_same_grid(root):
    default, search = (load(root / "config" / name) for name in ("config.yaml", "world-search.yaml"))
    assert search.seeds == [10, 11, 12]
    assert search.evaluate.split == "val"
    grids: dict[str, set] = {}
    for name, arm in search.arms.items():
        if name != "base":
            original = default.arms[name.rpartition("-")[0]]
            rates = {"image_lr": original.image_lr, "text_lr": original.text_lr}
            assert arm.model_copy(update=rates) == original
            grids.setdefault(name.rpartition("-")[0], set()).add((arm.image_lr, arm.text_lr))
    assert set(grids) == set(default.arms) - {"base"}
    assert len({frozenset(grid) for grid in grids.values()}) == 1


def test_the_schema_file_is_up_to_date(root):
    assert (root / "workflow" / "schemas" / "config.schema.json").read_text() == schema(), "run `make schema`"


def test_the_table_of_keys_is_up_to_date(root):
    text = (root / "config" / "README.md").read_text()
    assert text.partition(BEGIN)[2].partition(END)[0].strip() == keys().strip(), "run `make schema`"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("{image: {name: a, wights: b}, text: {name: c}}", "unknown key 'wights'"),
        ("{image: {name: a}}", "the key 'text' is missing"),
        ("{name: ViT-B-32, pretraind: openai}", "unknown key 'pretraind'"),
        ("{image_sze: 48}", "unknown key 'image_sze'"),
    ],
)
def test_errors_of_a_union_concern_the_intended_variant(tmp_path, model, message):
    file = tmp_path / "config.yaml"
    file.write_text(f"experiment: x\npretrain: {{model: {model}}}\n")
    with pytest.raises(InputError, match=message):
        load(file)


STEPS = "  a: {objective: [{term: contrastive}], num_negatives: 0, steps: 700}\n"


def test_an_arm_trains_for_its_own_steps_and_the_others_for_those_of_the_phase(write):
    experiment = load(write(f"experiment: x\ncompare: {{controls: []}}\narms:\n{BASE}{STEPS}"))
    steps = {name: training_config(experiment.pretrain, name, arm, 0).steps for name, arm in default_arms().items()} | {
        name: training_config(experiment.pretrain, name, arm, 0).steps for name, arm in experiment.arms.items()
    }
    assert (steps["base"], steps["clip"], steps["a"]) == (1500, 2000, 700)
    assert load(write(f"experiment: x\nquick: true\narms:\n{BASE}{STEPS}")).arms["a"].steps == 250


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"arms:\n{BASE}{STEPS.replace('700', '400')}", ["cool-down of 500", "400 steps of the arm 'a'", "line 4"]),
        ("arms:\n  base: {objective: clip, num_negatives: 0, steps: 9}\n", ["pretrain.base.steps"]),
        ("compare: {study: {comparisons: {hnx: [clip]}, primary: [P]}}\n", ["the arm 'hnx'", "did you mean 'hnc'"]),
        ("compare: {study: {comparisons: {hnc: [clap]}, primary: [P]}}\n", ["the control 'clap'", "is no arm"]),
        ("compare: {study: {comparisons: {hnc: [hnc]}, primary: [P]}}\n", ["compared with itself"]),
        ("compare: {study: {comparisons: {hnc: [clip]}, primary: [P, P]}}\n", ["two primary endpoints"]),
    ],
)
def test_wrong_steps_and_comparisons_are_refused_by_their_key(write, text, words):
    endpoint = "{name: p, where: {benchmark: world, metric: accuracy}}"
    with pytest.raises(InputError) as caught:
        load(write(f"experiment: x\n{text.replace('P', endpoint)}"))
    assert all(word in str(caught.value) for word in words), str(caught.value)
