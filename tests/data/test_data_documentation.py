"""Every configuration in docs/data.md is valid, and every source of photographs has one."""

import re
from pathlib import Path

import yaml

from nearmiss.config_text import models_in
from nearmiss.stages.data.config import DataConfig
from nearmiss.stages.data.sources.combination import CombinedSource
from nearmiss.stages.data.sources.registry import AnySource

DOCS = Path(__file__).resolve().parents[2] / "docs" / "data.md"


def test_the_examples_are_valid_and_complete():
    blocks = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL)
    sources = [DataConfig.model_validate(yaml.safe_load(block)["data"]).source for block in blocks]
    known = {next(iter(model.model_fields.values())).default for model in models_in(AnySource)}
    assert {source.name for source in sources} == known - {"world"} | {"combined"}
    combined = [source for source in sources if isinstance(source, CombinedSource)]
    assert [source.prefixes() for source in combined] == [["coco/", "visual_genome/"]]


def test_the_table_lists_every_source():
    text = DOCS.read_text(encoding="utf-8")
    for model in models_in(AnySource):
        assert f"`{next(iter(model.model_fields.values())).default}`" in text
