"""How fast `keyword` and `replace` work on real captions, next to the limit of each in the same run.

    python benchmarks/captions.py [captions.json [TAGGER]]

One core, COCO captions without annotations, CPU seconds of the best of three runs in fresh caches. Beside `keyword`
stand three things that no generator with these checks can do without: tokens of the captions, their statements, and
the statements of its own negatives. Beside `replace` stands spaCy's tagger alone, through `pipe`, on the same captions
and the same tokens; its fills are the cloze model's. The closing line is one JSON object.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from nearmiss.base.tables import table
from nearmiss.engine.formats.coco import read_captions
from nearmiss.engine.text import collisions, grammar, labels, parsing, phrases, tokens
from nearmiss.engine.text.parsing import parse
from nearmiss.engine.text.pipelines import as_doc, trained_pipeline
from nearmiss.engine.text.tokens import tokenize
from nearmiss.stages.negatives import keyword, replace
from nearmiss.stages.negatives.candidates import Caption, Corpus, Method
from nearmiss.stages.negatives.spec import KeywordConfig, MethodConfig, ReplaceConfig
from nearmiss.stages.negatives.stage import Taken, take

SHARED = Path(__file__).parents[2] / "shared"
CAPTIONS = SHARED / "realdata" / "coco_captions_val2017" / "captions_val2017.json"
TAGGER = SHARED / "models" / "en_ewt_tagger"
NUMBER = 4_000
CACHED = (
    tokens.tokenize,
    tokens.normalized,
    parsing.parse,
    phrases._unknown,
    labels._outline,
    labels._canonical,
    labels._mention_changes,
    collisions._said,
    grammar._faults,
)


def seconds(work: Callable[[], object], runs: int = 3) -> float:
    """CPU seconds of the best run; what earlier runs remember of these texts is forgotten."""
    found = []
    for _ in range(runs):
        for function in CACHED:
            function.cache_clear()
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def corpus_of(file: Path) -> Corpus:
    """The first captions of a file, in the order of their images, without annotations."""
    read = read_captions(file).sort("image_id", "caption_id").head(NUMBER)
    rows = [Caption(*row) for row in read.select("caption_id", "image_id", "text", "template_id", "source").iter_rows()]
    return Corpus(rows, *(table(name, []) for name in ("images", "objects", "relations")), 0)


def made(corpus: Corpus, method: Method, options: MethodConfig, name: str) -> Taken:
    """Everything that the stage does but writing, in one shard."""
    fresh = Corpus(corpus.captions, corpus.images, corpus.objects, corpus.relations, 0)
    assert method.learn is not None
    learned = method.learn(fresh, options)
    fresh = Corpus(corpus.captions, corpus.images, corpus.objects, corpus.relations, 0, learned=learned)
    return take(fresh, method, options, name)


def main() -> None:
    """Print both tables and, as the last line, their figures."""
    corpus = corpus_of(Path(sys.argv[1]) if len(sys.argv) > 1 else CAPTIONS)
    tagger = sys.argv[2] if len(sys.argv) > 2 else str(TAGGER)
    texts = [caption.text for caption in corpus.captions]
    count = len(texts)
    options = KeywordConfig()
    negatives = [row["negative"] for row in made(corpus, keyword.METHOD, options, "keyword").negatives]
    found = {
        "tokens of the captions": seconds(lambda: [tokenize(text) for text in texts]),
        "statements of the captions": seconds(lambda: [parse(text) for text in texts]),
        "statements of the negatives": seconds(lambda: [parse(text) for text in negatives]),
        "keyword, checked and labelled": seconds(lambda: made(corpus, keyword.METHOD, options, "keyword")),
    }
    print(f"{count} captions, {len(negatives)} negatives by keyword")
    for name, value in found.items():
        print(f"  {name:34}{count / value:10,.0f} captions/s a core")
    nlp = trained_pipeline(tagger)
    distinct = list(dict.fromkeys(texts))

    def tag_alone() -> None:
        for _ in nlp.pipe((as_doc(nlp, tokenize(text)) for text in distinct), batch_size=256):
            pass

    with_tagger = ReplaceConfig(tagger=tagger)
    alone = seconds(tag_alone, 1)
    whole = seconds(lambda: made(corpus, replace.METHOD, with_tagger, "replace"), 1)
    print(f"  {'tagger alone':34}{count / alone:10,.0f} captions/s a core")
    print(f"  {'replace, cloze fills and checks':34}{count / whole:10,.0f} captions/s a core: {whole / alone:.2f} x")
    figures = {name: round(count / value) for name, value in found.items()}
    print(json.dumps({"captions": count, **figures, "tagger": round(count / alone), "replace": round(count / whole)}))


if __name__ == "__main__":
    main()
