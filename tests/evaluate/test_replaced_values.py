"""A value of a published file is replaced by one of another type: items are unchanged or excluded."""

import json
from pathlib import Path

import benchmark_files
import pytest
from benchmark_files import read
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_files import put_text

from nearmiss.base.errors import InputError
from nearmiss.engine.benchmarks.benchmark import ItemBenchmark
from nearmiss.engine.benchmarks.fields import kind_of

FILES = {
    "sugarcrepe": "sugarcrepe/data/swap_obj.json",
    "sugarcrepe_pp": "sugarcrepe_pp/data/swap_obj.json",
    "aro": "aro/visual_genome_relation.json",
    "aro_order": "flickr30k/flickr30k_test.json",
    "valse": "valse/data/existence.json",
    "vl_checklist": "vl_checklist/Attribute/vg/color.json",
    "hnc": "hnc/hnc_clean_strict_test.json",
    "winoground": "winoground/examples.jsonl",
    "cola": "cola/COLA_multiobjects_matching_benchmark.json",
    "whatsup": "whatsup/controlled_images_dataset.json",
    "eqben": "eqben/ann.json",
    "vsr": "vsr/random/test.jsonl",
    "colorswap": "colorswap/test.json",
    "coco_counterfactuals": "coco_counterfactuals/examples.jsonl",
    "spec": "spec/count/image2text.json",
    "imagecode": "imagecode/valid_data.json",
    "bla": "bla/annotations/active_passive_captions.json",
    "colorfoil": "coco/annotations/captions_val2017.json",
}
VALUES = [None, True, 7, 0.5, float("nan"), 10**400, "ab", "", " \u2028", [], ["ab"], [None], {}, {"ab": 1}]


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> dict[str, object]:
    """The records of a sound file of each benchmark."""
    root = benchmark_files.write(tmp_path_factory.mktemp("data"))
    found = {}
    for name, file in FILES.items():
        text = (root / file).read_text(encoding="utf-8")
        found[name] = (
            [json.loads(line) for line in text.split("\n") if line] if file.endswith("l") else json.loads(text)
        )
    return found


def places(value: object, path: tuple = ()) -> list[tuple]:
    """The path of every value in a document, itself left out."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [each for key, one in inner for each in [(*path, key), *places(one, (*path, key))]]


def replaced(document: object, path: tuple, value: object) -> object:
    copy = json.loads(json.dumps(document))
    *above, last = path
    inner = copy
    for key in above:
        inner = inner[key]
    before, inner[last] = inner[last], value
    return None if kind_of(before) == kind_of(value) and value not in ("", " \u2028", [], {}, [None]) else copy


def items_of(root: Path, name: str, document: object) -> tuple[list[object], ItemBenchmark | None]:
    """The questions of a benchmark whose one file holds `document`, without their ids, and the benchmark."""
    lines = FILES[name].endswith("l")
    text = "\n".join(json.dumps(record) for record in document) if lines else json.dumps(document)
    put_text(root / FILES[name], text)
    try:
        benchmark = read(root, name)
        items = benchmark.items
    except InputError as error:
        assert error.problem
        return [], None
    return items.select("images", "captions", "truth", "crop", "concept").rows(), benchmark


@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
@settings(max_examples=40, deadline=None, derandomize=True)
def test_a_field_of_another_type_never_changes_an_item(tmp_path_factory, sound, name, data):
    from nearmiss.engine.benchmarks import aro_order
    from nearmiss.engine.text.tagging import tag

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aro_order, "tag", lambda texts, pipeline: tag(texts))
        root = tmp_path_factory.mktemp("changed")
        path = data.draw(st.sampled_from(places(sound[name])))
        document = replaced(sound[name], path, data.draw(st.sampled_from(VALUES)))
        legal = name == "aro_order" and path[-1] == "caption"  # one caption is allowed without a list
        if document is None or legal:
            return
        before, _ = items_of(root, name, sound[name])
        after, benchmark = items_of(root, name, document)
        assert all(after.count(each) <= before.count(each) for each in after)
        if benchmark is not None and len(after) < len(before) and name != "hnc":
            assert benchmark.coverage.malformed or benchmark.coverage.excluded
