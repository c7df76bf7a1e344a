"""`--set KEY=VALUE` changes one key of an experiment as an edit of its file does, or ends in one message."""

from pathlib import Path

import pytest
import yaml
from snakemake.cli import parse_config

from nearmiss import driver
from nearmiss.base.errors import InputError
from nearmiss.base.fingerprint_file import write_fingerprint
from nearmiss.config import load, resolve
from nearmiss.config_yaml import parse_yaml
from nearmiss.experiment_parts import parts
from nearmiss.fields import flags, source
from nearmiss.overrides import as_one_word, of_workflow, parse_overrides
from nearmiss.stages.evaluate.config import EvaluateConfig

TINY = Path(__file__).parent / "tiny.yaml"


def overridden(*texts, file=TINY, **changes):
    return load(file, changes, parse_overrides(texts))


def test_an_override_is_an_edit_of_the_file(tmp_path):
    values = yaml.safe_load(TINY.read_text())
    values["pretrain"]["continued"]["steps"] = 9
    values["data"]["source"]["images"]["val"] = 5
    values["finetune"]["tasks"][0]["steps"] = 3
    (tmp_path / "edited.yaml").write_text(yaml.safe_dump(values))
    texts = ("pretrain.continued.steps=9", "data.source.images.val=5", "finetune.tasks.0.steps=3")
    edited, given = load(tmp_path / "edited.yaml"), overridden(*texts)
    assert given == edited
    assert parts(given) == parts(edited) != parts(load(TINY))


def test_only_the_key_that_is_named_changes():
    default = resolve({"experiment": "x"})
    given = resolve({"experiment": "x"}, overrides=parse_overrides(["arms.hnc.num_negatives=2"]))
    assert given.arms["hnc"].num_negatives == 2
    assert {**given.arms, "hnc": None} == {**default.arms, "hnc": None}
    given = resolve({"experiment": "x"}, overrides=parse_overrides(["pretrain.continued.steps=900"]))
    assert given.pretrain.continued.cooldown_steps == default.pretrain.continued.cooldown_steps > 0


def test_another_variant_drops_the_options_of_the_former_one():
    texts = ["pretrain.model.name=ViT-B-32", "pretrain.model.pretrained=openai", "arms.clip.image_lr=1e-5"]
    given = resolve({"experiment": "x"}, overrides=parse_overrides(texts))
    assert given.pretrain.model.model_dump() == {"name": "ViT-B-32", "pretrained": "openai", "sha256": None}
    assert given.arms["clip"].image_lr == 1e-5
    with pytest.raises(InputError, match="the key 'root' is missing"):
        overridden("data.source.name=coco")


def test_a_value_may_have_equal_signs():
    (override,) = parse_overrides(["evaluate.data_root=/data/split=test/a=b"])
    assert (override.key, override.value) == ("evaluate.data_root", "/data/split=test/a=b")
    assert overridden("evaluate.data_root=/a=b").evaluate.data_root == "/a=b"


def test_overrides_take_precedence_over_quick_mode():
    assert overridden("pretrain.continued.steps=500", quick=True).pretrain.continued.steps == 500
    with pytest.raises(InputError, match="quick leaves out the arm 'keyword'"):
        overridden("arms.keyword.num_negatives=1", quick=True)


@pytest.mark.parametrize(
    ("text", "record", "words"),
    [
        ("pretrain.continued.stepz=5", "pretrain.continued.stepz", ["unknown key 'stepz'", "did you mean 'steps'"]),
        ("pretran.seed=5", "pretran", ["unknown key 'pretran'", "did you mean 'pretrain'"]),
        ("pretrain.batch=5", "pretrain.batch", ["now named 'batch_size'"]),
        ("arms.hnc.texts=2", "arms.hnc.texts", ["now named 'num_negatives'"]),
        ("pretrain.continued.steps=many", "pretrain.continued.steps", ["valid integer", "given: 'many'"]),
        ("pretrain.batch_size=yes", "pretrain.batch_size", ["a number, not a boolean"]),
        ("pretrain=3", "pretrain", ["PretrainConfig"]),
        ("seeds=[0, 0]", "seeds", ["occurs twice"]),
        ("seeds.0.x=3", "seeds.0.x", ["a value without keys"]),
        ("finetune.tasks.7.steps=3", "finetune.tasks.7.steps", ["a list of 2 entries"]),
        ("compare.controls=[clyp]", "compare.controls", ["did you mean 'clip'"]),
    ],
)
def test_a_wrong_override_names_the_key_and_the_remedy(text, record, words):
    with pytest.raises(InputError) as caught:
        overridden(text)
    assert (caught.value.file, caught.value.record) == ("--set", record)
    assert caught.value.remedy and all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("texts", [["steps"], ["=3"], ["pretrain.=3"], ["a b .c=3"], ["seeds=1", "seeds=2"]])
def test_an_invalid_override_is_refused(texts):
    with pytest.raises(InputError):
        parse_overrides(texts)


def test_a_mistake_of_the_file_still_names_the_file(tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text("experiment: x\npretrain:\n  batch_sise: 4\n")
    with pytest.raises(InputError, match=r"batch_sise \(line 3\)") as caught:
        overridden("pretrain.continued.steps=500", file=file)
    assert caught.value.file == file


TEXTS = ("pretrain.continued.steps=7", 'evaluate.data_root=/it\'s a & b=c%20 # "d"', "seeds=[0, 1]")


def test_the_workflow_reads_the_same_configuration(tmp_path, monkeypatch):
    """What `nearmiss run` gives to Snakemake, as Snakemake parses it, here and in its jobs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Snakefile").write_text("")
    (tmp_path / "tiny.yaml").write_text(TINY.read_text())
    given = []
    monkeypatch.setattr(driver, "_snakemake", lambda experiment, arguments: given.append((experiment, arguments)) or 1)
    driver.run(config=Path("tiny.yaml"), overrides=TEXTS, quick=True)
    ((experiment, arguments),) = given
    words = parse_config(arguments[arguments.index("--config") + 1 :])
    values, lines = parse_yaml(Path("tiny.yaml"))
    whole, overrides = of_workflow({**values, **words}, lines)
    assert resolve(whole, overrides=overrides) == experiment == overridden(*TEXTS, quick=True)


def test_a_key_of_that_name_in_a_file_is_an_unknown_key(tmp_path):
    file = tmp_path / "x.yaml"
    file.write_text("experiment: x\nset: seeds=3\n")
    values, lines = parse_yaml(file)
    values, overrides = of_workflow(values, lines)
    with pytest.raises(InputError, match="unknown key 'set'"):
        resolve(values, lines=lines, overrides=overrides)


def test_a_snakemake_argument_round_trips_overrides():
    for texts in (TEXTS, ["a.b=", "a.c==", "a.d=é\n"]):
        assert of_workflow({"set": as_one_word(texts)}, {})[1] == parse_overrides(texts)


def test_a_command_reads_overrides_with_a_file_and_without():
    for config in (None, TINY):
        given = source("evaluate", config=config, overrides=["evaluate.resamples=300"])
        assert given.section(EvaluateConfig, {}).resamples == 300
        assert given.section(EvaluateConfig, flags(("--resamples", "400"))).resamples == 400
        with pytest.raises(InputError, match="does not read this key"):
            source("evaluate", config=config, overrides=["robustness.resamples=300"])
        with pytest.raises(InputError, match="did you mean 'resamples'"):
            source("evaluate", config=config, overrides=["evaluate.resample=300"])


def test_a_fingerprint_accepts_no_override(tmp_path):
    file = tmp_path / "evaluate.json"
    config = EvaluateConfig(resamples=300).model_dump(mode="json")
    write_fingerprint(file, {"stage": "evaluate", "config": config, "code": "c", "lock": "l"})
    given = source("evaluate", fingerprint=file)
    assert given.section(EvaluateConfig, {}).resamples == 300
    with pytest.raises(InputError, match="--resamples has no effect"):
        given.section(EvaluateConfig, flags(("--resamples", "400")))
    for more in ({"overrides": ["evaluate.resamples=400"]}, {"config": TINY}):
        with pytest.raises(InputError, match="exclude each other"):
            source("evaluate", fingerprint=file, **more)
    with pytest.raises(InputError, match="is no fingerprint file"):
        source("evaluate", fingerprint=TINY)
