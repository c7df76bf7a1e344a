"""How fast `keyword` is, next to the floor: only tokenizing the same captions and the negatives made of them.

    python benchmarks/negatives_keyword.py [captions.json]      (default: COCO's val2017 in ../shared/realdata)

One core, one run, the same captions. Reading and counting are timed by themselves; "made and checked" is everything
from the captions to the tables: draws, all checks, labels, edits. Seconds are of processor time; the first pass
over the captions fills the caches of words and is not counted, as in a run over a million captions. Rates are captions
of the input a second; the last line is one JSON object.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from nearmiss.engine.text.tokens import normalized, token_texts, tokenize
from nearmiss.stages.negatives.acceptance import check_candidates
from nearmiss.stages.negatives.keyword.method import METHOD, learn
from nearmiss.stages.negatives.reading import read_annotation_files
from nearmiss.stages.negatives.shards import garbage_collection_off, shards
from nearmiss.stages.negatives.spec import KeywordConfig

REAL = Path(__file__).parents[2] / "shared" / "realdata" / "coco_captions_val2017" / "captions_val2017.json"
RUNS = 3
BAR = 12_000  # captions a second and core


def seconds(work: Callable[[], object], runs: int = RUNS) -> float:
    """Median seconds of processor time."""
    found = []
    for _ in range(runs):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return statistics.median(found)


def main(file: Path) -> None:
    """Print the table and, as the last line, its figures."""
    options = KeywordConfig()
    start = time.process_time()
    corpus = read_annotation_files(captions=file, instances=None, graphs=None, method="keyword", seed=0).corpus
    reading = time.process_time() - start
    learned = learn(corpus, options)
    made: list[str] = []
    tried = [0]

    def whole() -> None:
        made.clear()
        tried[0] = 0
        for shard in shards(corpus):
            with garbage_collection_off():  # as the stage does, rows into columns included
                frames = check_candidates(replace(shard, learned=learned), METHOD, options, "keyword").frames()
            made.extend(frames["negatives"]["negative"])
            tried[0] += frames["negatives"].height + frames["rejected"].height

    def floor() -> None:
        for cached in (tokenize, token_texts, normalized):
            cached.cache_clear()
        for text in texts:
            token_texts(text)

    whole()
    texts = [caption.text for caption in corpus.captions] + made
    count = len(corpus.captions)
    rows = {
        "read the file": reading,
        "count its words": seconds(lambda: learn(corpus, options), 1),
        "made and checked": seconds(whole),
        "floor: tokenized": seconds(floor),
    }
    print(f"{file.name}: {count} captions, {tried[0]} candidates, {len(made)} negatives")
    for name, value in rows.items():
        print(f"  {name:20}{count / value:12,.0f} captions/s")
    rate, ratio = count / rows["made and checked"], rows["made and checked"] / rows["floor: tokenized"]
    print(f"  {ratio:.1f} times the floor; {len(made) / rows['made and checked']:,.0f} negatives/s; the bar is {BAR:,}")
    figures = {name: round(count / value) for name, value in rows.items()}
    sizes = {"captions": count, "candidates": tried[0], "negatives": len(made)}
    print(
        json.dumps(
            {"benchmark": "negatives_keyword", **sizes, **figures, "floors": round(ratio, 2), "bar_met": rate >= BAR}
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else REAL)
