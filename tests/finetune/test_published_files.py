"""Fine-tuning on published files below a data root, without an experiment: VSR's two splits and any image folder."""

import json

import polars as pl
import pytest
import toy_tasks
from PIL import Image

from nearmiss.base.errors import InputError
from nearmiss.base.tables import read_table
from nearmiss.cli import app
from nearmiss.stages.finetune.config import FinetuneConfig, ImageFolderConfig, VsrConfig
from nearmiss.stages.finetune.published import write_tables

COUNTS = {"train": 12, "dev": 6, "test": 6}
COLORS = toy_tasks.TINTS


def write_vsr(root, split, *, label=None):
    """VSR's files of one split: twins of one caption on a red and a blue image."""
    (root / "vsr" / "images").mkdir(parents=True, exist_ok=True)
    (root / "vsr" / split).mkdir(parents=True, exist_ok=True)
    for part, count in COUNTS.items():
        lines = []
        for number in range(count):
            shown, named = ("red", "blue")[number % 2], ("red", "blue")[number // 2 % 2]
            name = f"{split}-{part}-{number}.jpg"
            Image.new("RGB", (24, 24), COLORS[shown]).save(root / "vsr" / "images" / name)
            line = {"image": name, "image_link": f"http://images/{name}", "caption": f"the thing is {named}"}
            lines.append(line | {"label": int(shown == named) if label is None else label, "relation": "in"})
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (root / "vsr" / split / f"{part}.jsonl").write_text(text)


def write_image_folder(root, name="imagefolder"):
    for part, count in zip(("train", "val", "test"), COUNTS.values(), strict=True):
        for cls, color in COLORS.items():
            folder = root / name / part / cls
            folder.mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (20, 30), color).save(folder / f"{number}.png")


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "root"
    for split in ("random", "zeroshot"):
        write_vsr(folder, split)
    write_image_folder(folder)
    toy_tasks.write_checkpoint(tmp_path / "checkpoint", seed=5)
    return folder


def finetune(root, tasks, *words):
    given = ["--checkpoint", root.parent / "checkpoint", "--arm", "clip", "--seed", "0", "--data-root", root]
    given += ["--out", root.parent / "out", "--tasks", tasks, "--resamples", "100", "--shares", "[1.0]", *words]
    app(["finetune", *map(str, given)], exit_on_error=False, result_action="return_value")
    return root.parent / "out"


def test_a_probe_on_any_image_folder_learns_its_classes(root):
    out = finetune(root, "imagefolder")
    metrics = read_table(out / "metrics.parquet", "metrics").filter(metric="accuracy")
    assert metrics.select("task", "value", "n_scored").rows() == [("imagefolder", 1.0, 3 * COUNTS["test"])]


def test_both_splits_of_vsr_are_tasks_of_their_own(root):
    tasks = [{"task": name, "steps": 3, "batch_size": 4, "factors": [1.0]} for name in ("vsr_random", "vsr_zeroshot")]
    found = read_table(finetune(root, json.dumps(tasks)) / "predictions.parquet", "predictions")
    assert dict(found.group_by("task").len().rows()) == {"vsr_random": 6, "vsr_zeroshot": 6}
    labels = found.filter(task="vsr_random").sort("example_id")["label"].to_list()
    assert labels == [1, 0, 0, 1, 1, 0]


def test_the_tables_name_files_below_the_data_root(root, tmp_path):
    write_tables([VsrConfig(task="vsr_zeroshot"), ImageFolderConfig()], root, tmp_path / "tables")
    images = read_table(tmp_path / "tables" / "images.parquet", "images")
    assert all((root / file).is_file() for file in images["file"])
    assert set(images.filter(pl.col("file").str.starts_with("imagefolder"))["height"]) == {30}
    examples = read_table(tmp_path / "tables" / "examples_imagefolder.parquet", "examples")
    assert examples["classes"][0].to_list() == sorted(COLORS)
    assert set(examples["split"]) == {"train", "dev", "test"}


def test_tasks_can_be_named_with_commas():
    tasks = FinetuneConfig(tasks="vsr_random, imagefolder").tasks
    assert [each.task for each in tasks] == ["vsr_random", "imagefolder"]
    with pytest.raises(ValueError, match="nlvr9"):
        FinetuneConfig(tasks="nlvr9")


def test_a_task_of_a_data_source_is_refused(root, tmp_path):
    with pytest.raises(InputError, match="task shapes has no published files"):
        finetune(root, "shapes")


def test_a_missing_file_is_named(root):
    (root / "vsr" / "zeroshot" / "dev.jsonl").unlink()
    with pytest.raises(InputError, match="missing") as error:
        finetune(root, "vsr_zeroshot")
    assert error.value.file == root / "vsr" / "zeroshot" / "dev.jsonl"


def test_a_missing_image_of_a_statement_is_named(root):
    (root / "vsr" / "images" / "random-test-3.jpg").unlink()
    with pytest.raises(InputError, match=r"image random-test-3\.jpg is in no list of images") as error:
        finetune(root, "vsr_random")
    assert error.value.record == "line 4"


def test_a_label_that_is_neither_true_nor_false_is_refused(root):
    write_vsr(root, "random", label=2)
    with pytest.raises(InputError, match="a label is 2, not 0 or 1"):
        finetune(root, "vsr_random")


def test_a_class_without_a_folder_or_an_image_is_refused(root):
    folder = root / "imagefolder" / "test" / "red"
    for file in folder.iterdir():
        file.unlink()
    with pytest.raises(InputError, match="a class has no images"):
        finetune(root, "imagefolder")
    folder.rmdir()
    with pytest.raises(InputError, match="in one of the splits train and test only"):
        finetune(root, "imagefolder")


def test_a_file_that_is_no_image_is_refused_before_training(root):
    file = root / "imagefolder" / "val" / "red" / "0.png"
    file.write_text("no image")
    with pytest.raises(InputError, match="an image does not decode") as error:
        finetune(root, "imagefolder")
    assert error.value.file == file


def test_examples_come_from_one_place(root):
    with pytest.raises(InputError, match="from the tables of an experiment or from published files"):
        finetune(root, "imagefolder", "--tables", str(root))
