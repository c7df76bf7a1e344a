"""How fast scene_graph writes captions, next to what was measured of the HNC release on the same graphs.

    python benchmarks/scene_graph.py [graphs.json]

One core, from the tables on: pairs of all 16 types (each is two captions) in mode `default` and `released`, and the
whole path through the stage (checks, labels, rows). The release's generator is not run here: it needs four statistics
files that its repository lacks. Its recorded figure stands beside ours: 268 captions/s with one core on the 14 sample
graphs, the missing files rebuilt from those graphs. So the ratio is between two records, not within one run.
"""

import json
import statistics as stats
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from nearmiss.base.tables import table
from nearmiss.engine.formats.gqa import read_scene_graphs
from nearmiss.engine.text.scene_graphs.graphs import Graph, graphs
from nearmiss.stages.negatives.acceptance import check_candidates
from nearmiss.stages.negatives.candidates import Corpus
from nearmiss.stages.negatives.scene_graph.method import BUILDERS, METHOD, pairs
from nearmiss.stages.negatives.scene_graph.pairs import Pair
from nearmiss.stages.negatives.scene_graph.released import released_pairs
from nearmiss.stages.negatives.scene_graph.replacement import count
from nearmiss.stages.negatives.spec import SceneGraphConfig

SAMPLE = Path(__file__).parents[2] / "shared" / "realdata" / "gqa_scene_graph_sample" / "train-sgs-sample.json"
RELEASE = 268  # captions/s, recorded
RUNS = 15
OPTIONS = SceneGraphConfig(types=sorted(BUILDERS), per_image=100_000)


def rate(work: Callable[[], int]) -> float:
    """Captions per second of processor time, the median of several runs; the first one warms caches."""
    work()
    found = []
    for _ in range(RUNS):
        start = time.process_time()
        captions = work()
        found.append(captions / (time.process_time() - start))
    return stats.median(found)


def main() -> None:
    """Print the table and, as the last line, its figures."""
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLE
    tables = read_scene_graphs(file, strict=True).tables
    objects, relations = tables["objects"], tables["relations"]
    found = graphs(objects, relations)
    known = count(found)
    made = Counter(p.type for g in found for p in pairs(g, known, OPTIONS, 0) if isinstance(p, Pair))

    def read() -> list[Graph]:
        """Afresh from the tables in every run, since a graph keeps what it has looked up once."""
        return graphs(objects, relations)

    def default() -> int:
        return 2 * sum(isinstance(each, Pair) for g in read() for each in pairs(g, known, OPTIONS, 0))

    def released() -> int:
        return 2 * sum(1 for g in read() for _ in released_pairs(g, known, 0))

    def whole() -> int:
        rows = [
            {"image_id": g.image_id, "file": "", "width": 500, "height": 500, "split": "", "source": ""} for g in found
        ]
        corpus = Corpus((), table("images", rows), objects, relations, 0)
        return 2 * len(check_candidates(corpus, METHOD, OPTIONS, "scene_graph").negatives)

    figures = {"graphs": len(found), "objects": objects.height, "relations": relations.height}
    print(f"{file.name}: " + ", ".join(f"{number} {name}" for name, number in figures.items()))
    for name in sorted(made):
        print(f"  {name:24}{made[name]:6} pairs")
    print(f"  {'all':24}{made.total():6} pairs\n")
    rates = {"default": rate(default), "released": rate(released), "default, checked rows": rate(whole)}
    for name, value in rates.items():
        print(f"{name:24}{value:10,.0f} captions/s a core{value / RELEASE:8.1f} x the release's recorded {RELEASE}")
    print(json.dumps({**figures, "pairs": made.total(), **{k: round(v) for k, v in rates.items()}, "release": RELEASE}))


if __name__ == "__main__":
    main()
