"""What `replace` costs on top of its tagger: spaCy's `pipe` alone beside the whole method, in one run.

    python benchmarks/negatives_replace.py [--tagger NAME_OR_PATH] [captions.json]

One core, the same captions (default: COCO's val2017 and the tagger in ../shared), fills from the captions themselves.
The whole method is everything from the captions to rows of the tables, its one pass of tagging included. Seconds are of
processor time; the last line is one JSON object. The bar is 60 % on top of the tagger.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from nearmiss.engine.text.pipelines import as_doc, trained_pipeline
from nearmiss.engine.text.tokens import tokenize
from nearmiss.stages.negatives.acceptance import check_candidates
from nearmiss.stages.negatives.reading import read_annotation_files
from nearmiss.stages.negatives.replace.method import METHOD, learn
from nearmiss.stages.negatives.shards import garbage_collection_off, shards
from nearmiss.stages.negatives.spec import ReplaceConfig

SHARED = Path(__file__).parents[2] / "shared"
REAL = SHARED / "realdata" / "coco_captions_val2017" / "captions_val2017.json"
TAGGER = SHARED / "models" / "en_ewt_tagger"
BATCH, BAR = 256, 0.60


def seconds(work: Callable[[], object]) -> float:
    """Seconds of processor time."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main(file: Path, tagger: str) -> None:
    """Print the table and, as the last line, its figures."""
    options = ReplaceConfig(tagger=tagger)
    corpus = read_annotation_files(captions=file, instances=None, graphs=None, method="replace", seed=0).corpus
    texts = list(dict.fromkeys(caption.text for caption in corpus.captions))
    nlp = trained_pipeline(tagger)
    made = [0]

    def alone() -> None:
        for _ in nlp.pipe((as_doc(nlp, tokenize(text)) for text in texts), batch_size=BATCH):
            pass

    def rest() -> None:
        for shard in shards(corpus):
            with garbage_collection_off():
                made[0] += len(
                    check_candidates(replace(shard, learned=learned[0]), METHOD, options, "replace").accepted
                )

    next(nlp.pipe([as_doc(nlp, tokenize(texts[0]))]))  # what a first call loads
    pipe = seconds(alone)
    learned = [None]
    learning = seconds(lambda: learned.__setitem__(0, learn(corpus, options)))  # type: ignore[func-returns-value]
    writing = seconds(rest)
    count, whole = len(corpus.captions), learning + writing
    print(f"{file.name}: {count} captions, {made[0]} negatives, pipeline of {', '.join(nlp.pipe_names)}")
    rows = {"tagger alone": pipe, "learning, tagging included": learning, "made and checked": writing, "whole": whole}
    for name, value in rows.items():
        print(f"  {name:28}{value:8.1f} s{count / value:12,.0f} captions/s")
    extra = whole / pipe - 1
    print(f"  {extra:.0%} on top of the tagger; the bar is {BAR:.0%}")
    figures = {name: round(value, 2) for name, value in rows.items()}
    print(json.dumps({"benchmark": "negatives_replace", "captions": count, **figures, "extra": round(extra, 3)}))


if __name__ == "__main__":
    given = sys.argv[1:]
    named = given.index("--tagger") if "--tagger" in given else None
    chosen = str(TAGGER) if named is None else given.pop(named + 1)
    rest_of_them = [each for each in given if each != "--tagger"]
    main(Path(rest_of_them[0]) if rest_of_them else REAL, chosen)
