"""A data source is one file and its line in the registry: stages `data` and `negatives` run on it."""

import re
from pathlib import Path

import pytest

from checkout import copy_checkout

SOURCE = '''"""Toys in a table of text: the captions alone, one image for all."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from nearmiss.stages.data.sources.spec import DataSource, Declaration

TEXTS = ("a red cube and a blue ball", "a blue cube and a red ball", "a green star", "a red star and a green cube")


class ToySource(DataSource):
    """Four captions."""

    name: Literal["toys"] = Field("toys", description="Toys.")

    def declare(self, data):
        purposes = ("base", "continued", "negatives", "inpaint")
        return Declaration(
            splits=("train",),
            caption_sets=("toys",),
            default_sets=dict.fromkeys(purposes, "toys"),
            image_root=f"{data}/images",
            images=f"{data}/images",
            words=f"{data}/words.txt",
            folders=(f"{data}/images",),
            keys={"images": "data.source", "benchmarks": "data.source"},
        )

    def write(self, data, workers):
        from PIL import Image

        from nearmiss.base.tables import table, write_table

        (data / "images").mkdir()
        (data / "tables").mkdir()
        Image.new("RGB", (8, 8)).save(data / "images" / "toy.png")
        (data / "words.txt").write_text("\\n".join(sorted({word for text in TEXTS for word in text.split()})))
        image = {"file": "toy.png", "width": 8, "height": 8, "split": "train", "source": "toys"}
        rows = {
            "images": [{"image_id": str(number), **image} for number in range(len(TEXTS))],
            "captions": [
                {"caption_id": f"c{number}", "image_id": str(number), "text": text, "source": "published"}
                for number, text in enumerate(TEXTS)
            ],
            "objects": [],
            "relations": [],
        }
        for name, records in rows.items():
            write_table(table(name, records), data / "tables" / f"{name}.parquet", name)
        return {"images": len(TEXTS)}, {}
'''

EXPERIMENT = """experiment: toys
data: {source: {name: toys}}
inpaint: {operations: []}
finetune: {tasks: []}
evaluate: {benchmarks: []}
robustness: {corruptions: []}
compare: {controls: []}
arms:
  base: {objective: [{term: contrastive}], texts: 0}
  keyword: {method: keyword, objective: [{term: hard_negative_columns}]}
"""


@pytest.fixture
def checkout(root: Path, tmp_path: Path):
    copied = copy_checkout(root, tmp_path / "checkout")
    sources = copied.path / "src" / "nearmiss" / "stages" / "data" / "sources"
    (sources / "toys.py").write_text(SOURCE)
    registry = (sources / "registry.py").read_text()
    registry = registry.replace("\nAnySource", "\nfrom nearmiss.stages.data.sources.toys import ToySource\nAnySource")
    (sources / "registry.py").write_text(re.sub(r"(AnySource = Annotated\[)", r"\1ToySource | ", registry))
    (copied.path / "toys.yaml").write_text(EXPERIMENT)
    return copied


def test_data_and_negatives_run_on_a_source_that_was_added(checkout):
    answer = checkout.snakemake("--cores", "2", "--", "data", "negatives", config="toys.yaml")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    made = checkout.path / "results" / "toys"
    assert (made / "data" / "manifest.json").is_file()
    assert (made / "negatives" / "keyword" / "negatives.parquet").is_file()
    assert not (made / "negatives" / "keyword" / "truth.json").exists()
