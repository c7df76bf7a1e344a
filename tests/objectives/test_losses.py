"""Every loss term against a plain loop over Python numbers, golden values, and what a mask must and must not do."""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from toy_matching import judged_by_embeddings

from nearmiss.base.seeding import array_rng
from nearmiss.engine.objectives import spec
from nearmiss.engine.objectives.contrastive_positives import ContrastivePositivesTerm
from nearmiss.engine.objectives.features import Features, positives_taken_for_true, taken_for_true
from nearmiss.engine.objectives.registry import Objective
from nearmiss.engine.objectives.spec import PRESETS, Preset
from nearmiss.stages.pretrain.config import ArmConfig

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "losses.json"
TERMS = {
    "contrastive": spec.Contrastive(),
    "hard_negative_columns all": spec.HardNegativeColumns(negatives="all"),
    "hard_negative_columns own": spec.HardNegativeColumns(negatives="own"),
    "hard_negative_columns released": spec.HardNegativeColumns(negatives="released"),
    "sigmoid none": spec.Sigmoid(bias=-4.0),
    "sigmoid own": spec.Sigmoid(negatives="own", bias=-4.0),
    "sigmoid all": spec.Sigmoid(negatives="all", bias=-4.0),
    "own_negatives": spec.OwnNegatives(),
    "focal_own_negatives": spec.FocalOwnNegatives(),
    "focal_own_negatives plain": spec.FocalOwnNegatives(gamma=0.0, smoothing=0.0),
    "intra_modal_contrast own": spec.IntraModalContrast(negatives="own"),
    "intra_modal_contrast all": spec.IntraModalContrast(negatives="all"),
    "cross_modal_rank mean": spec.CrossModalRank(threshold="mean"),
    "cross_modal_rank max": spec.CrossModalRank(threshold="max"),
    "cross_modal_rank fixed": spec.CrossModalRank(threshold="fixed"),
    "intra_modal_contrast_released true_pair": spec.IntraModalContrastReleased(form="true_pair"),
    "intra_modal_contrast_released first_negative": spec.IntraModalContrastReleased(form="first_negative"),
    "intra_modal_contrast_released no_positive": spec.IntraModalContrastReleased(form="no_positive"),
    "cross_modal_rank_released mean": spec.CrossModalRankReleased(threshold="mean"),
    "cross_modal_rank_released fixed": spec.CrossModalRankReleased(threshold="fixed"),
    "hard_positive": spec.HardPositive(),
}
RELEASED = [name for name in TERMS if name.endswith(" released") or name.startswith("intra_modal_contrast_released")]
TYPES = ("attribute", "object", "relation")


@dataclass(frozen=True, kw_only=True)
class Example(Features):
    """Features with what the masks are made of: which texts are the same, and which may serve other images."""

    caption_ids: Tensor  # (N,)
    positive_ids: Tensor  # (N, G)
    negative_ids: Tensor  # (N, G, K)
    for_others: Tensor  # (N, G, K) bool


def masked(f, mask="same_image", truth=None, **changed):
    """The same example after a change of what its masks are made of."""
    f = replace(f, **changed)
    captions, negatives = taken_for_true(
        mask,
        captions=f.caption_ids,
        positives=f.positive_ids,
        negatives=f.negative_ids,
        for_others=f.for_others,
        truth=truth,
    )
    return replace(f, true_captions=captions, true_negatives=negatives)


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
    example = Example(
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
        kinds=torch.tensor(draws.integers(0, len(TYPES), (n, g, k))),
        paraphrases=positives,
        paraphrased=torch.tensor(draws.random((n, g)) < 0.6),
        true_captions=torch.zeros(n, n, dtype=torch.bool),
        true_negatives=torch.zeros(n, n * g * k, dtype=torch.bool),
    )
    otherwise = torch.where(example.paraphrased[..., None], unit(n, g), positives)
    return masked(example, paraphrases=otherwise)


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
        if extra == "released":
            wrong += [s * dot(f.images[i], negative) for negative in f.negatives.flatten(0, 2)]
        elif extra is not None:
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
    s, losses, gaps = float(f.scale), [], {kind: [] for kind in range(len(TYPES))}
    for i in range(len(f.images)):
        for g, k in slots(f, i):
            gap = dot(f.images[i], f.positives[i, g]) - dot(f.images[i], f.negatives[i, g, k])
            kind = int(f.kinds[i, g, k])
            losses.append(s * max(0.0, thresholds[kind] - gap))
            gaps[kind].append(gap)
    follow = {"mean": mean, "max": lambda values: max(values) / 5, "fixed": lambda values: cap}[rule]
    new = [min(max(follow(gaps[kind]), 0.0), cap) if gaps[kind] else thresholds[kind] for kind in range(len(TYPES))]
    return mean(losses), new


def sigmoid_loop(f, negatives, bias):
    s, ids, total = float(f.scale), f.caption_ids.tolist(), 0.0
    for i in range(len(f.images)):
        for j in range(len(f.images)):
            if i == j or ids[i] != ids[j]:
                z = 1 if i == j else -1
                total += math.log1p(math.exp(-z * (s * dot(f.images[i], f.captions[j]) + bias)))
        if negatives != "none":
            at = columns(f, i, negatives == "own")
            total += sum(math.log1p(math.exp(s * dot(f.images[i], f.negatives[place]) + bias)) for place in at)
    return total / len(f.images)


def focal_loop(f, gamma, smoothing):
    s, losses = float(f.scale), []
    for i in range(len(f.images)):
        for g in range(f.valid.shape[1]):
            wrong = [s * dot(f.images[i], f.negatives[i, g, k]) for group, k in slots(f, i) if group == g]
            if wrong:
                powers = [math.exp(logit) for logit in [s * dot(f.images[i], f.positives[i, g]), *wrong]]
                shares = [power / sum(powers) for power in powers]
                labels = [
                    smoothing / len(shares) + (1 - smoothing if place == 0 else 0) for place in range(len(shares))
                ]
                losses.append(-sum(y * (1 - p) ** gamma * math.log(p) for y, p in zip(labels, shares, strict=True)))
    return mean(losses)


def released_intra_loop(f, form):
    s, losses = float(f.scale), []
    for i in range(len(f.images)):
        for g in range(f.valid.shape[1]):
            logits = [s * dot(f.positives[i, g], negative) for negative in f.negatives.flatten(0, 2)]
            if form != "no_positive":
                logits = [s * dot(f.images[i], f.positives[i, g]), *logits]
            answer = logits.pop(1 if form == "first_negative" else 0)
            losses.append(cross_entropy(answer, logits))
    return mean(losses)


def released_rank_loop(f, thresholds, bound):
    """The loss with these thresholds, and the thresholds of the rule `mean` for the next batch."""
    s, total, wrongs = float(f.scale), 0.0, {kind: [] for kind in range(len(TYPES))}
    rights = [[s * dot(f.images[i], positive) for positive in f.positives[i]] for i in range(len(f.images))]
    for i in range(len(f.images)):
        for g, k in slots(f, i):
            wrong, kind = s * dot(f.images[i], f.negatives[i, g, k]), int(f.kinds[i, g, k])
            total += max(0.0, thresholds[kind] + wrong - rights[i][g])
            wrongs[kind].append(wrong)
    middle = mean([right for row in rights for right in row])
    new = [
        min(max(middle - mean(wrongs[kind]), 0.0), bound) if wrongs[kind] else thresholds[kind]
        for kind in range(len(TYPES))
    ]
    return total / f.valid.numel(), new


def hard_positive_loop(f):
    s, losses = float(f.scale), []
    for i in range(len(f.images)):
        for g, k in slots(f, i):
            if bool(f.paraphrased[i, g]):
                gap = dot(f.images[i], f.negatives[i, g, k]) - dot(f.images[i], f.paraphrases[i, g])
                losses.append(math.log1p(math.exp(s * gap)))
    return mean(losses)


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
            start = [term.cap if term.threshold == "fixed" else 0.0] * len(TYPES)
            return rank_loop(f, start, term.threshold, term.cap)[0]
        case spec.Sigmoid():
            return sigmoid_loop(f, term.negatives, term.bias)
        case spec.FocalOwnNegatives():
            return focal_loop(f, term.gamma, term.smoothing)
        case spec.IntraModalContrastReleased():
            return released_intra_loop(f, term.form)
        case spec.CrossModalRankReleased():
            return released_rank_loop(f, [2.0 if term.threshold == "fixed" else 0.0] * len(TYPES), term.bound)[0]
        case spec.HardPositive():
            return hard_positive_loop(f)


def exact(terms):
    """An objective in float64; a fixed threshold is made of the cap itself and not of its nearest float32."""
    objective = Objective(terms, TYPES).double()
    for term in terms:
        if isinstance(term, spec.CrossModalRank) and term.threshold == "fixed":
            objective.terms[term.term].threshold.fill_(term.cap)
    return objective


def computed(term, f):
    return exact([term])(f)[1][term.term].item()


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("name", TERMS)
def test_a_term_equals_a_reference_loop(name, batch):
    assert computed(TERMS[name], BATCHES[batch]) == pytest.approx(by_hand(TERMS[name], BATCHES[batch]), abs=1e-12)


@pytest.mark.parametrize("rule", ["mean", "max", "fixed"])
def test_the_threshold_follows_the_gap_of_the_batch_before(rule):
    term = spec.CrossModalRank(threshold=rule, cap=0.2)
    objective = exact([term])
    thresholds = [term.cap if rule == "fixed" else 0.0] * len(TYPES)
    for number in range(4):
        f = features(f"step {number}")
        loss, thresholds_next = rank_loop(f, thresholds, rule, term.cap)
        assert objective(f)[1]["cross_modal_rank"].item() == pytest.approx(loss, abs=1e-12)
        thresholds = thresholds_next
        assert objective.terms["cross_modal_rank"].threshold.tolist() == pytest.approx(thresholds, abs=1e-12)
    assert "terms.cross_modal_rank.threshold" in objective.state_dict()


def test_the_threshold_stays_without_valid_pairs_and_in_evaluation():
    objective = Objective([spec.CrossModalRank()], TYPES).double()
    objective(features())
    before = objective.state_dict()["terms.cross_modal_rank.threshold"].clone()
    none = replace(features("none"), valid=torch.zeros(6, 1, 3, dtype=torch.bool))
    objective(none)
    objective.eval()(features("other"))
    assert torch.equal(objective.terms["cross_modal_rank"].threshold, before)


@pytest.mark.parametrize("name", TERMS)
@pytest.mark.parametrize("case", ["some", "none of a sample", "none at all"])
def test_gradients_are_finite_for_any_number_of_negatives(name, case):
    f = features("gradient")
    valid = f.valid.clone()
    if case != "some":
        valid[slice(None) if case == "none at all" else slice(0, 2)] = False
    leaves = {part: getattr(f, part).clone().requires_grad_() for part in ("images", "captions", "negatives", "scale")}
    f = replace(f, **leaves, positives=leaves["captions"][:, None], valid=valid)
    loss, _ = Objective([TERMS[name]], TYPES).double()(f)
    assert torch.isfinite(loss)
    if loss.requires_grad:
        loss.backward()
    for leaf in leaves.values():
        assert leaf.grad is None or torch.isfinite(leaf.grad).all()


@pytest.mark.parametrize("name", [name for name in TERMS if name not in ("contrastive", "sigmoid none", *RELEASED)])
def test_an_absent_negative_changes_nothing(name):
    f = features("absent")
    moved = f.negatives.clone()
    moved[~f.valid] = -moved[~f.valid]
    assert computed(TERMS[name], f) == computed(TERMS[name], replace(f, negatives=moved))


def test_the_contrastive_loss_needs_no_negatives():
    f = features("plain", k=0)
    assert computed(TERMS["contrastive"], f) == pytest.approx(contrastive_loop(f), abs=1e-12)


def test_an_identical_caption_of_another_image_is_not_wrong():
    f = features("same")
    for term in ("contrastive", "sigmoid none"):
        assert computed(TERMS[term], f) < computed(TERMS[term], masked(f, caption_ids=torch.arange(6)))


def test_without_a_mask_no_caption_counts_as_true():
    f = masked(features("bare"), "none")
    assert not f.true_captions.any() and not f.true_negatives.any()
    assert computed(TERMS["hard_negative_columns all"], f) > computed(TERMS["hard_negative_columns all"], masked(f))


def test_captions_marked_as_true_are_no_negatives_of_an_image():
    f = features("known", collide=False)
    texts = int(f.negative_ids.max()) + 1
    truth = torch.zeros(6, texts, dtype=torch.bool)
    assert masked(f, "truth", truth=truth).true_negatives.sum() == 0  # counts may serve others: it is known of which
    truth[0, 3] = truth[4, int(f.negative_ids[2, 0, 1])] = truth[5, int(f.negative_ids[5, 0, 0])] = True
    known = masked(f, "truth", truth=truth)
    assert known.true_captions.nonzero().tolist() == [[0, 3]]
    assert known.true_negatives.nonzero().tolist() == [[4, 2 * 3 + 1]]  # an image's own negatives stay its own


@pytest.mark.parametrize("rule", ["mean", "max"])
def test_released_thresholds_are_bounded_logits_and_reset_each_epoch(rule):
    term = spec.CrossModalRankReleased(threshold=rule, bound=6.0)
    objective = exact([term])
    thresholds = [0.0] * len(TYPES)
    for number in range(4):
        f = features(f"step {number}")
        loss, thresholds = released_rank_loop(f, thresholds, term.bound)
        computed_loss = objective(f)[1]["cross_modal_rank_released"].item()
        if rule == "mean":
            assert computed_loss == pytest.approx(loss, abs=1e-12)
            found = objective.remembered()
            assert list(found.values()) == pytest.approx(thresholds, abs=1e-12)
            assert list(found) == [f"threshold/{name}" for name in TYPES]
        assert all(0 <= value <= 6 for value in objective.remembered().values())
    assert max(objective.remembered().values()) > 0
    objective.start_epoch()
    assert set(objective.remembered().values()) == {0.0}


def test_only_the_released_rank_loss_has_a_gradient_for_the_scale():
    scale = torch.tensor(12.5, dtype=torch.float64, requires_grad=True)
    objective = exact([spec.CrossModalRankReleased(threshold="fixed")])
    objective(replace(features("scale"), scale=scale))[0].backward()
    assert scale.grad != 0


def test_the_bias_of_the_sigmoid_is_learned_and_belongs_to_the_state():
    objective = exact([spec.Sigmoid(bias=-4.0)])
    objective(features("bias"))[0].backward()
    assert objective.terms["sigmoid"].bias.grad != 0
    assert objective.remembered() == {"bias": -4.0}
    assert "terms.sigmoid.bias" in objective.state_dict()


def test_without_focus_and_smoothing_the_focal_term_is_contrastive():
    f = features("focus")
    assert computed(TERMS["focal_own_negatives plain"], f) == pytest.approx(computed(TERMS["own_negatives"], f))


def test_texts_without_a_paraphrase_do_not_change_the_loss():
    f = features("otherwise")
    moved = torch.where(f.paraphrased[..., None], f.paraphrases, -f.paraphrases)
    assert computed(TERMS["hard_positive"], f) == computed(TERMS["hard_positive"], replace(f, paraphrases=moved))
    none = replace(f, paraphrased=torch.zeros_like(f.paraphrased))
    assert computed(TERMS["hard_positive"], none) == 0


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_gives_a_finite_loss(name):
    arm = ArmConfig(objective=name, method="keyword")
    assert arm.objective == PRESETS[name]
    f = features("preset")
    assert math.isfinite(exact(arm.objective)(replace(f, matching=judged_by_embeddings(f)))[0].item())
    assert set(get_args(Preset)) == set(PRESETS)


def test_a_count_is_no_negative_of_other_images():
    f = features("count", collide=False)
    none = masked(f, for_others=torch.zeros_like(f.for_others))
    both, own = computed(TERMS["hard_negative_columns all"], none), computed(TERMS["hard_negative_columns own"], f)
    assert both == pytest.approx(own, abs=1e-12)
    assert computed(TERMS["hard_negative_columns all"], f) > own


def test_the_rank_term_has_no_gradient_for_the_scale():
    scale = torch.tensor(12.5, dtype=torch.float64, requires_grad=True)
    f = replace(features("scale"), scale=scale, images=features("scale").images.requires_grad_())
    Objective([spec.CrossModalRank(threshold="fixed")], TYPES).double()(f)[0].backward()
    assert scale.grad is None
    assert f.images.grad is not None


def test_an_objective_is_the_weighted_sum_of_its_terms():
    terms = [spec.HardNegativeColumns(), spec.IntraModalContrast(weight=0.2), spec.CrossModalRank(weight=0.4)]
    total, values = Objective(terms, TYPES).double()(features())
    expected = sum(term.weight * values[term.term].item() for term in terms)
    assert total.item() == pytest.approx(expected, abs=1e-12)
    assert list(values) == [term.term for term in terms]


def test_losses_equal_the_golden_file():
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


def positives_loop(f, written=None):
    """Images and positives group by group; counted as wrong unless the text is the image's own or serves no others.

    `written`: without those that are no positive of the method.
    """
    s, n, losses = float(f.scale), len(f.images), []
    truths = [{int(f.caption_ids[i]), *f.positive_ids[i].tolist()} for i in range(n)]

    def is_there(owner, g):
        return written is None or written[owner][g]

    def wrong(image, owner, g):
        serves = bool(f.for_others[owner, g, 0])
        return image != owner and serves and int(f.positive_ids[owner, g]) not in truths[image]

    for g in range(f.positives.shape[1]):
        for i in range(n):
            if not is_there(i, g):
                continue
            right = s * dot(f.images[i], f.positives[i, g])
            texts = [s * dot(f.images[i], f.positives[j, g]) for j in range(n) if wrong(i, j, g) and is_there(j, g)]
            images = [s * dot(f.images[j], f.positives[i, g]) for j in range(n) if wrong(j, i, g)]
            losses.append((cross_entropy(right, texts) + cross_entropy(right, images)) / 2)
    return mean(losses)


def test_contrastive_positives_is_the_symmetric_loss_of_each_positive():
    f = BATCHES["pairs"]
    shared = f.for_others[:, :, 0]
    masks = positives_taken_for_true("same_image", captions=f.caption_ids, positives=f.positive_ids, for_others=shared)
    found = ContrastivePositivesTerm()(replace(f, true_positives=masks))
    torch.testing.assert_close(float(found), positives_loop(f), rtol=1e-12, atol=0)


def test_placeholder_captions_are_no_texts_of_contrastive_positives():
    f = BATCHES["pairs"]
    shared = f.for_others[:, :, 0]
    masks = positives_taken_for_true("same_image", captions=f.caption_ids, positives=f.positive_ids, for_others=shared)
    given = replace(f, true_positives=masks)
    written = torch.ones_like(shared)
    every = ContrastivePositivesTerm()(replace(given, written=written))
    assert float(every) == float(ContrastivePositivesTerm()(given))
    written[0, 0] = written[2, -1] = False
    found = ContrastivePositivesTerm()(replace(given, written=written))
    torch.testing.assert_close(float(found), positives_loop(f, written.tolist()), rtol=1e-12, atol=0)
    other = f.positives.clone()
    other[0, 0] = -other[0, 0]
    assert float(ContrastivePositivesTerm()(replace(given, written=written, positives=other))) == float(found)


def test_positives_that_are_true_of_another_image_are_masked():
    captions, positives = torch.tensor([0, 1]), torch.tensor([[2, 3], [0, 4]])
    shared = torch.tensor([[True, False], [True, True]])
    masks = positives_taken_for_true("same_image", captions=captions, positives=positives, for_others=shared)
    assert masks[1, 0].tolist() == [False, True]  # positive 3 serves no other image
    assert masks[0, 1].tolist() == [True, False]  # positive 0 is the caption of image 0
    assert not masks[0, 0].any() and not masks[1, 1].any()
    truth = torch.zeros(2, 5, dtype=torch.bool)
    truth[1, 2] = True
    by_truth = {"positives": positives, "captions": captions, "for_others": shared, "truth": truth}
    assert positives_taken_for_true("truth", **by_truth)[1, 0].tolist() == [True, False]
    assert not positives_taken_for_true("none", **by_truth).any()
