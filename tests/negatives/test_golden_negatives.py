"""Golden negatives of a few scenes, a file for each method: a change of any generator shows as a change of sentences.

Where a change is meant, delete the file in tests/golden, run this test twice, and read what changed.
"""

from pathlib import Path

import pytest
import small_world

from nearmiss.base.files import read_json, write_json
from nearmiss.stages.negatives.acceptance import check_candidates
from nearmiss.stages.negatives.config import NegativesConfig
from nearmiss.stages.negatives.reading import read_corpus
from nearmiss.stages.negatives.registry import METHODS

GOLDEN = Path(__file__).parents[1] / "golden"
CONFIGS = NegativesConfig().methods
_SHOWN = 4  # scenes of 20


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> dict[str, Path]:
    return small_world.write(tmp_path_factory.mktemp("world"), 20)


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_negatives_equal_the_golden_file(given, name):
    corpus = read_corpus(**given)
    taken = check_candidates(corpus, METHODS[CONFIGS[name].method], CONFIGS[name], name)
    images = sorted(corpus.captions_of)[:_SHOWN]
    shown = [
        " | ".join(str(row[key]) for key in ("positive", "negative", "type", "concept", "operator"))
        for row in taken.negatives
        if row["image_id"] in images
    ]
    file = GOLDEN / f"negatives_{name}.json"
    if not file.exists():
        write_json(file, shown)
        pytest.fail(f"{file.name} was missing and has been written: read it, then run again")
    assert shown == read_json(file)
