"""Every loss term against a plain loop over Python numbers, golden values, and what a mask must and must not do."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from nearmiss.base.seeding import array_rng
from nearmiss.engine.objectives import spec
from nearmiss.engine.objectives.features import Features
from nearmiss.engine.objectives.registry import Objective

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "losses.json"
TERMS = {
    "contrastive": spec.Contrastive(),
    "hard_negative_columns all": spec.HardNegativeColumns(negatives="all"),
    "hard_negative_columns own": spec.HardNegativeColumns(negatives="own"),
    "own_negatives": spec.OwnNegatives(),
    "intra_modal_contrast own": spec.IntraModalContrast(negatives="own"),
    "intra_modal_contrast all": spec.IntraModalContrast(negatives="all"),
    "cross_modal_rank mean": spec.CrossModalRank(threshold="mean"),
    "cross_modal_rank max": spec.CrossModalRank(threshold="max"),
    "cross_modal_rank fixed": spec.CrossModalRank(threshold="fixed"),
}
TYPES = 3


def features(name="batch", n=6, g=1, k=3, d=8, *, collide=True):
    """A batch of random float64 embeddings; two captions are the same text, and some negatives are absent."""
    draws = array_rng(0, "losses", name)

    def unit(*shape):
        return F.normalize(torch.tensor(draws.normal(size=(*shape, d))), dim=-1)

    images, captions, positives, negatives = unit(n), unit(n), unit(n, g), unit(n, g, k)
    caption_ids = torch.arange(n)
    if collide:
        caption_ids[3] = 1
        captions[3] = captions[1]
    positive_ids = 100 + torch.arange(n * g).reshape(n, g)
    if g == 1:
        positives, positive_ids = captions[:, None], caption_ids[:, None]
    negative_ids = 1000 + torch.arange(n * g * k).reshape(n, g, k)
    if collide and k:
        negative_ids[0, 0, 0] = 2  # image 0's first negative is image 2's own caption
        negatives[0, 0, 0] = captions[2]
    return Features(
        images=images,
        captions=captions,
        positives=positives,
        negatives=negatives,
        valid=torch.tensor(draws.random((n, g, k)) < 0.7),
        scale=torch.tensor(12.5, dtype=torch.float64),
        caption_ids=caption_ids,
        positive_ids=positive_ids,
        negative_ids=negative_ids,
        for_others=torch.tensor(draws.random((n, g, k)) < 0.8),
        kinds=torch.tensor(draws.integers(0, TYPES, (n, g, k))),
    )


BATCHES = {"captions": features("captions"), "pairs": features("pairs", g=2, k=1)}


def dot(a, b):
    return sum(x * y for x, y in zip(a.tolist(), b.tolist(), strict=True))


def cross_entropy(right, wrong):
    """-log of the first logit's share, over Python numbers."""
    top = max([right, *wrong])
    return top + math.log(sum(math.exp(value - top) for value in [right, *wrong])) - right


def mean(values):
    return math.fsum(values) / len(values) if values else 0.0


def slots(f, i):
    return [
        (g, k) for g in range(f.valid.shape[1]) for k in range(f.valid.shape[2]) if bool(f.valid[i, g, k])
    ]  # valid negatives of image i


def columns(f, i, own):
    """Negatives that stand beside image i: its own, and other images' that may serve others and are not true of i."""
    found = [(i, g, k) for g, k in slots(f, i)]
    if own:
        return found
    truths = {int(f.caption_ids[i]), *f.positive_ids[i].tolist()}
    for j in range(len(f.images)):
        for g, k in slots(f, j) if j != i else []:
            if bool(f.for_others[j, g, k]) and int(f.negative_ids[j, g, k]) not in truths:
                found.append((j, g, k))
    return found


def contrastive_loop(f, extra=None):
    s, ids, n = float(f.scale), f.caption_ids.tolist(), len(f.images)
    others = [[j for j in range(n) if j != i and ids[j] != ids[i]] for i in range(n)]
    rows, backs = [], []
    for i in range(n):
        wrong = [s * dot(f.images[i], f.captions[j]) for j in others[i]]
        if extra is not None:
            wrong += [s * dot(f.images[i], f.negatives[at]) for at in columns(f, i, extra == "own")]
        right = s * dot(f.images[i], f.captions[i])
        rows.append(cross_entropy(right, wrong))
        backs.append(cross_entropy(right, [s * dot(f.images[j], f.captions[i]) for j in others[i]]))
    return (mean(rows) + mean(backs)) / 2


def own_loop(f):
    s, losses = float(f.scale), []
    for i in range(len(f.images)):
        for g in range(f.valid.shape[1]):
            wrong = [s * dot(f.images[i], f.negatives[i, g, k]) for group, k in slots(f, i) if group == g]
            if wrong:
                losses.append(cross_entropy(s * dot(f.images[i], f.positives[i, g]), wrong))
    return mean(losses)


def intra_loop(f, own):
    s, losses = float(f.scale), []
    for i in range(len(f.images)):
        for g in range(f.valid.shape[1]):
            at = [(i, g, k) for group, k in slots(f, i) if group == g] if own else columns(f, i, False)
            wrong = [s * dot(f.positives[i, g], f.negatives[place]) for place in at]
            if wrong:
                losses.append(cross_entropy(s * dot(f.images[i], f.positives[i, g]), wrong))
    return mean(losses)


def rank_loop(f, thresholds, rule, cap):
    """The loss with these thresholds, and the thresholds for the next batch."""
    s, losses, gaps = float(f.scale), [], {kind: [] for kind in range(TYPES)}
    for i in range(len(f.images)):
        for g, k in slots(f, i):
            gap = dot(f.images[i], f.positives[i, g]) - dot(f.images[i], f.negatives[i, g, k])
            kind = int(f.kinds[i, g, k])
            losses.append(s * max(0.0, thresholds[kind] - gap))
            gaps[kind].append(gap)
    follow = {"mean": mean, "max": lambda values: max(values) / 5, "fixed": lambda values: cap}[rule]
    new = [min(max(follow(gaps[kind]), 0.0), cap) if gaps[kind] else thresholds[kind] for kind in range(TYPES)]
    return mean(losses), new


def by_hand(term, f):
    match term:
        case spec.Contrastive():
            return contrastive_loop(f)
        case spec.HardNegativeColumns():
            return contrastive_loop(f, term.negatives)
        case spec.OwnNegatives():
            return own_loop(f)
        case spec.IntraModalContrast():
            return intra_loop(f, term.negatives == "own")
        case spec.CrossModalRank():
            start = [term.cap if term.threshold == "fixed" else 0.0] * TYPES
            return rank_loop(f, start, term.threshold, term.cap)[0]


def exact(terms):
    """An objective in float64; a fixed threshold is made of the cap itself and not of its nearest float32."""
    objective = Objective(terms, types=TYPES).double()
    for term in terms:
        if isinstance(term, spec.CrossModalRank) and term.threshold == "fixed":
            objective.terms[term.term].threshold.fill_(term.cap)
    return objective


def computed(term, f):
    return exact([term])(f)[1][term.term].item()


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("name", TERMS)
def test_a_term_equals_a_plain_loop(name, batch):
    assert computed(TERMS[name], BATCHES[batch]) == pytest.approx(by_hand(TERMS[name], BATCHES[batch]), abs=1e-12)


@pytest.mark.parametrize("rule", ["mean", "max", "fixed"])
def test_the_threshold_follows_the_gap_of_the_batch_before(rule):
    term = spec.CrossModalRank(threshold=rule, cap=0.2)
    objective = exact([term])
    thresholds = [term.cap if rule == "fixed" else 0.0] * TYPES
    for number in range(4):
        f = features(f"step {number}")
        loss, thresholds_next = rank_loop(f, thresholds, rule, term.cap)
        assert objective(f)[1]["cross_modal_rank"].item() == pytest.approx(loss, abs=1e-12)
        thresholds = thresholds_next
        assert objective.terms["cross_modal_rank"].threshold.tolist() == pytest.approx(thresholds, abs=1e-12)
    assert "terms.cross_modal_rank.threshold" in objective.state_dict()


def test_the_threshold_stays_without_valid_pairs_and_in_evaluation():
    objective = Objective([spec.CrossModalRank()], types=TYPES).double()
    objective(features())
    before = objective.state_dict()["terms.cross_modal_rank.threshold"].clone()
    none = replace(features("none"), valid=torch.zeros(6, 1, 3, dtype=torch.bool))
    objective(none)
    objective.eval()(features("other"))
    assert torch.equal(objective.terms["cross_modal_rank"].threshold, before)


@pytest.mark.parametrize("name", TERMS)
@pytest.mark.parametrize("case", ["some", "none of a sample", "none at all"])
def test_gradients_are_numbers_however_many_negatives_there_are(name, case):
    f = features("gradient")
    valid = f.valid.clone()
    if case != "some":
        valid[slice(None) if case == "none at all" else slice(0, 2)] = False
    leaves = {part: getattr(f, part).clone().requires_grad_() for part in ("images", "captions", "negatives", "scale")}
    f = replace(f, **leaves, positives=leaves["captions"][:, None], valid=valid)
    loss, _ = Objective([TERMS[name]], types=TYPES).double()(f)
    assert torch.isfinite(loss)
    if loss.requires_grad:
        loss.backward()
    for leaf in leaves.values():
        assert leaf.grad is None or torch.isfinite(leaf.grad).all()


@pytest.mark.parametrize("name", [name for name in TERMS if name != "contrastive"])
def test_an_absent_negative_changes_nothing(name):
    f = features("absent")
    moved = f.negatives.clone()
    moved[~f.valid] = -moved[~f.valid]
    assert computed(TERMS[name], f) == computed(TERMS[name], replace(f, negatives=moved))


def test_plain_contrast_needs_no_negatives():
    f = features("plain", k=0)
    assert computed(TERMS["contrastive"], f) == pytest.approx(contrastive_loop(f), abs=1e-12)


def test_an_identical_caption_of_another_image_is_not_wrong():
    f = features("same")
    worse = replace(f, caption_ids=torch.arange(6))
    assert computed(TERMS["contrastive"], f) < computed(TERMS["contrastive"], worse)


def test_a_count_is_no_negative_of_other_images():
    f = features("count", collide=False)
    none = replace(f, for_others=torch.zeros_like(f.for_others))
    both, own = computed(TERMS["hard_negative_columns all"], none), computed(TERMS["hard_negative_columns own"], f)
    assert both == pytest.approx(own, abs=1e-12)
    assert computed(TERMS["hard_negative_columns all"], f) > own


def test_the_rank_term_teaches_the_scale_nothing():
    scale = torch.tensor(12.5, dtype=torch.float64, requires_grad=True)
    f = replace(features("scale"), scale=scale, images=features("scale").images.requires_grad_())
    Objective([spec.CrossModalRank(threshold="fixed")], types=TYPES).double()(f)[0].backward()
    assert scale.grad is None
    assert f.images.grad is not None


def test_an_objective_is_the_weighted_sum_of_its_terms():
    terms = [spec.HardNegativeColumns(), spec.IntraModalContrast(weight=0.2), spec.CrossModalRank(weight=0.4)]
    total, values = Objective(terms, types=TYPES).double()(features())
    expected = sum(term.weight * values[term.term].item() for term in terms)
    assert total.item() == pytest.approx(expected, abs=1e-12)
    assert list(values) == [term.term for term in terms]


def test_losses_are_those_of_the_golden_file():
    """`python tests/objectives/test_losses.py` writes the file; a change of it is a change of what arms are."""
    golden = json.loads(GOLDEN.read_text())
    for batch, f in BATCHES.items():
        for name, term in TERMS.items():
            assert computed(term, f) == pytest.approx(golden[batch][name], abs=1e-9), (batch, name)


if __name__ == "__main__":
    values = {
        batch: {name: round(computed(term, f), 12) for name, term in TERMS.items()} for batch, f in BATCHES.items()
    }
    GOLDEN.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n")
