"""How often the measured color of a thing is the word that people use, and how often none is measured.

Three questions about things of COCO photographs with masks, those large enough to be edited:

- words of captions: colors that COCO's captions say of a thing whose name is unique in its photograph;
- readings: the colors that one reader, a language model, would accept (docs/read/colors.tsv), which also say where no
  single color fits. Things of held-out photographs (held_out_photographs.py) were read before they were measured;
- the least share of agreeing pixels, `quality.measured`, chosen by cross-validation: for each fold of photographs that
  are not held out, the smallest share at which the other folds agree in 80 %.

Bar: 80 % of what is measured agrees. Run:

    python benchmarks/measured_colors.py [LEAST]      (reads ../shared/realdata)
"""

import csv
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import yaml
from held_out_photographs import held_out

from nearmiss.engine.formats.coco_folder import read_coco_folder
from nearmiss.engine.formats.segmentation import runs_of
from nearmiss.engine.images.decode import open_rgb
from nearmiss.engine.images.editing.light import balanced
from nearmiss.engine.images.editing.measure import measured_color
from nearmiss.engine.images.masks import decode
from nearmiss.engine.text.lexicon import load, noun_group
from nearmiss.stages.inpaint.corpus import family
from nearmiss.stages.inpaint.wording import stated_colors

ROOT = Path(__file__).parents[1]
REAL = ROOT.parent / "shared" / "realdata" / "coco_open_instances"
READINGS = ROOT / "docs" / "read" / "colors.tsv"
GRID, FOLDS, BAR = (0.35, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8), 5, 0.8


@dataclass(frozen=True)
class Thing:
    """A thing with its color at each share of `GRID`, and the words that people or the reader would say."""

    image_id: str
    name: str
    measured: dict[float, str | None]
    said: frozenset[str] | None
    """Colors of the captions; None where they name none or the name is not unique."""
    read: frozenset[str] | None
    """Colors that the reader accepts, () for none; None where the reader did not see the thing."""


def main(least: float) -> None:
    """Print agreement and abstention for both parts of the photographs, and the cross-validated share."""
    things = list(measured())
    tuned = [each for each in things if not held_out(each.image_id)]
    parts = {"tuned on": tuned, "held out": [each for each in things if held_out(each.image_id)]}
    print(f"share {least:.2f}")
    for part, those in parts.items():
        for question in ("said", "read"):
            print(f"{part}, {question:4s}: {figure([(each, least) for each in those], question)}")
    chosen = {fold: share(each for each in tuned if fold_of(each) != fold) for fold in range(FOLDS)}
    validated = [(each, chosen[fold_of(each)]) for each in tuned]
    print(f"cross-validated by photograph, read: {figure(validated, 'read')}; shares {sorted(chosen.values())}")
    wrong = Counter(
        f"{each.name}: {each.measured[least]}, read {'/'.join(sorted(each.read)) or 'none'}"
        for each in tuned
        if each.read is not None and each.measured[least] is not None and each.measured[least] not in each.read
    )
    print("disagreements of the photographs tuned on:", *sorted(wrong), sep="\n  ")


def measured() -> Iterable[Thing]:
    """Every thing that is large enough, its color measured at each share."""
    config = yaml.safe_load((ROOT / "config" / "coco.yaml").read_text(encoding="utf-8"))["inpaint"]["quality"]
    found = read_coco_folder(
        REAL / "images", captions=REAL / "captions.json", instances=REAL / "instances.json", workers=1
    )
    captions: dict[str, list[str]] = {}
    for row in found.captions.iter_rows(named=True):
        captions.setdefault(row["image_id"], []).append(row["text"])
    readings = read()
    for image in found.images.sort("image_id").iter_rows(named=True):
        rows = found.objects.filter(image_id=image["image_id"]).sort("object_id").rows(named=True)
        names = Counter(noun_group(row["name"]) for row in rows)
        seen = balanced(np.asarray(open_rgb(REAL / "images" / image["file"])))
        for row in rows:
            name = noun_group(row["name"])
            if row["mask"] is None or row["crowd"]:
                continue
            if not {name, *family(name)}.isdisjoint(load("color")["rarely_colored"]):
                continue
            mask = decode(runs_of(row["mask"]), image["height"], image["width"])
            if not config["smallest"] <= mask.mean() <= config["largest"]:
                continue
            texts = captions.get(image["image_id"], []) if names[name] == 1 else []
            said = frozenset().union(*(stated_colors(text, name) for text in texts))
            colors = {share: None if seen is None else measured_color(seen, mask, share) for share in GRID}
            yield Thing(image["image_id"], name, colors, said or None, readings.get(row["object_id"]))


def read() -> dict[str, frozenset[str]]:
    """Accepted colors by id of the thing."""
    with READINGS.open(encoding="utf-8", newline="") as file:
        return {
            row["thing"]: frozenset(filter(None, row["words"].split("|")))
            for row in csv.DictReader(file, delimiter="\t")
        }


def fold_of(thing: Thing) -> int:
    """The fold of a photograph, by its id."""
    return int(sha256(f"fold {thing.image_id}".encode()).hexdigest(), 16) % FOLDS


def share(things: Iterable[Thing]) -> float:
    """The smallest share of the grid at which at least `BAR` of the things agree with their readings."""
    known = [each for each in things if each.read is not None]
    for least in GRID:
        stated = [each for each in known if each.measured[least] is not None]
        if sum(each.measured[least] in (each.read or ()) for each in stated) >= BAR * len(stated):
            return least
    return GRID[-1]


def figure(things: Sequence[tuple[Thing, float]], question: str) -> str:
    """Agreement of those not abstained on, and the share abstained on."""
    compared = [(each.measured[least], getattr(each, question)) for each, least in things]
    compared = [(color, words) for color, words in compared if words is not None]
    stated = [(color, words) for color, words in compared if color is not None]
    right = sum(color in words for color, words in stated)
    share_right = f" = {right / len(stated):.0%}" if stated else ""
    abstained = f" = {1 - len(stated) / len(compared):.0%}" if compared else ""
    withheld = len(compared) - len(stated)
    return f"{right} of {len(stated)}{share_right} agree, abstained {withheld} of {len(compared)}{abstained}"


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 0.65)
