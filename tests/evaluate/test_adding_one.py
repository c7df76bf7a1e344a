"""The example of docs/benchmarks.md works as it stands there."""

import re
from pathlib import Path
from types import ModuleType

import benchmark_files
from nearmiss.engine.benchmarks.published import Folders, filled
from nearmiss.engine.scoring.published import decisions, lines

DOCS = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"


def test_the_documented_example_is_a_benchmark(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL)
    reader = ModuleType("svo_probes")
    exec(compile(code, str(DOCS), "exec"), reader.__dict__)
    record = {"sentence": "A man rides a horse.", "pos_image_id": 1, "neg_image_id": 2, "differs": "verb"}
    benchmark_files.put(tmp_path / "svo" / "probes.json", [record])
    items = filled(reader.SOURCE, reader.fill, Folders(tmp_path)).items()
    (decided,) = decisions(lines(items), [0.5, 0.2], reader.SOURCE.rule).to_dicts()
    assert decided == {"item": 0, "text": None, "image": True, "group": None, "interaction": None}
