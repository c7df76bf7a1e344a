"""Coverage of the methods on captions of several styles: how many captions get a negative, and why others get none.

    python benchmarks/negatives_styles.py [--tagger NAME_OR_PATH] coco=captions.json alt_text=alt.json ...

Each file has captions in COCO's format, without annotations (default: COCO's val2017 and the tagger in ../shared). A
line for each style and method: captions, share of records set aside, share of captions with a negative,
negatives per caption, and their types. Below, the reasons for which records were set aside, and the most frequent ones
for which a caption got no negative.
"""

import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from nearmiss.stages.negatives.reading import read_annotation_files
from nearmiss.stages.negatives.registry import METHODS
from nearmiss.stages.negatives.spec import KeywordConfig, MethodConfig, ReplaceConfig, SwapConfig
from nearmiss.stages.negatives.stage import write_negatives
from nearmiss.stages.negatives.summary import RECORD

SHARED = Path(__file__).parents[2] / "shared"
REAL = SHARED / "realdata" / "coco_captions_val2017" / "captions_val2017.json"
TAGGER = SHARED / "models" / "en_ewt_tagger"
_SHOWN = 3


def main(tagger: str, files: dict[str, Path]) -> None:
    """Print the table and the reasons."""
    methods: list[MethodConfig] = [KeywordConfig(), ReplaceConfig(tagger=tagger), SwapConfig(tagger=tagger)]
    print(f"{'style':12}{'method':10}{'captions':>9}{'set aside':>11}{'with one':>10}{'each':>6}  types")
    reasons = []
    for style, file in files.items():
        for options in methods:
            name = options.method
            given = read_annotation_files(captions=file, instances=None, graphs=None, method=name, seed=0)
            with TemporaryDirectory() as folder:
                write_negatives(given.corpus, METHODS[name], options, name, Path(folder))
                negatives = pl.read_parquet(Path(folder) / "negatives.parquet")
                rejected = pl.read_parquet(Path(folder) / "rejected.parquet")
            count, aside = len(given.corpus.captions), given.rejected
            whole = count + aside.height
            covered = negatives["caption_id"].unique()
            kinds = ", ".join(f"{kind} {number}" for kind, number in sorted(Counter(negatives["type"]).items()))
            print(
                f"{style:12}{name:10}{count:9,}{aside.height / whole:11.1%}{len(covered) / whole:10.1%}"
                f"{negatives.height / whole:6.2f}  {kinds}"
            )
            left = rejected.filter(~pl.col("caption_id").is_in(covered.implode()))
            why = Counter(left.unique(["caption_id", "reason"])["reason"]).most_common(_SHOWN)
            reasons.append((style, name, "; ".join(f"{reason} {number / whole:.1%}" for reason, number in why)))
        why = Counter(reason.split(RECORD)[0] for reason in aside["reason"])
        reasons.append(
            (style, "set aside", "; ".join(f"{reason} {number}" for reason, number in why.items()) or "none")
        )
    print("\nwithout a negative, and set aside")
    for style, name, text in reasons:
        print(f"{style:12}{name:10} {text}")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    chosen = str(TAGGER)
    if arguments[:1] == ["--tagger"]:
        chosen, arguments = arguments[1], arguments[2:]
    named = {name: Path(file) for name, _, file in (each.partition("=") for each in arguments)}
    main(chosen, named or {"coco": REAL})
