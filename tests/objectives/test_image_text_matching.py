"""The matching term against a reference loop over Python numbers, golden values, and which pairs it uses."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from loss_examples import computed, exact, features, masked
from loss_loops import cross_entropy, dot, mean
from toy_matching import matching_by_embeddings

from nearmiss.base.seeding import array_rng
from nearmiss.engine.objectives import image_text_matching, spec

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "matching.json"
TERMS = {"mined": spec.ImageTextMatching(), "own": spec.ImageTextMatching(mined=False)}


def matching_loss(name, **changed):
    f = features(name, **changed)
    return replace(f, matching=matching_by_embeddings(f, name))


BATCHES = {"captions": matching_loss("captions"), "pairs": matching_loss("pairs", g=2, k=1)}


def drawn(logits, noise, allowed):
    """The place with the largest sum, among those that are allowed; None where none is."""
    return max(allowed, key=lambda place: logits[place] + noise[place], default=None)


def mined_loop(f):
    """Pairs (image, text) that are drawn: for each image a caption, then for each caption an image."""
    m, s, n, found = f.matching, float(f.scale), len(f.images), []
    cosines = [[s * dot(f.images[i], f.captions[j]) for j in range(n)] for i in range(n)]
    noise = m.noise.tolist()
    fits = [[i != j and not bool(f.true_captions[i, j]) for j in range(n)] for i in range(n)]
    for i in range(n):
        j = drawn(cosines[i], noise[0][i], [j for j in range(n) if fits[i][j]])
        found += [] if j is None else [(i, int(m.captions[j]))]
    for j in range(n):
        column = [cosines[i][j] for i in range(n)]
        i = drawn(column, [noise[1][i][j] for i in range(n)], [i for i in range(n) if fits[i][j]])
        found += [] if i is None else [(i, int(m.captions[j]))]
    return found


def matching_loop(f, mined):
    m, n = f.matching, len(f.images)

    def loss(image, text, match):
        logits = m.logits(torch.tensor([image]), torch.tensor([text]))[0].tolist()
        return cross_entropy(logits[match], [logits[1 - match]])

    right, wrong = [], []
    for i in range(n):
        right.append(loss(i, int(m.captions[i]), 1))
        for g in range(f.valid.shape[1]):
            if m.positives[i, g] != m.captions[i]:
                right.append(loss(i, int(m.positives[i, g]), 1))
            for k in range(f.valid.shape[2]):
                if bool(f.valid[i, g, k]):
                    wrong.append(loss(i, int(m.negatives[i, g, k]), 0))
    wrong += [loss(i, text, 0) for i, text in mined_loop(f)] if mined else []
    return (mean(right) + mean(wrong)) / 2


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("name", TERMS)
def test_the_term_equals_a_reference_loop(name, batch):
    f, term = BATCHES[batch], TERMS[name]
    assert computed(term, f) == pytest.approx(matching_loop(f, term.mined), abs=1e-12)


@pytest.mark.parametrize("part", ["_true_pairs", "_own_negatives", "mined_pairs"])
def test_an_omitted_pair_changes_the_loss(monkeypatch, part):
    whole, f = getattr(image_text_matching, part), BATCHES["pairs"]
    monkeypatch.setattr(image_text_matching, part, lambda *given: whole(*given)[:, 1:])
    assert computed(TERMS["mined"], f) != pytest.approx(matching_loop(f, True), abs=1e-6)


def test_both_kinds_of_pairs_have_equal_weight():
    f = BATCHES["captions"]
    sure = replace(f.matching, logits=lambda image, text: torch.tensor([[0.0, 50.0]]).repeat(len(image), 1).double())
    assert computed(TERMS["mined"], replace(f, matching=sure)) == pytest.approx(25.0)
    either = replace(f.matching, logits=lambda image, text: torch.zeros(len(image), 2).double())
    assert computed(TERMS["mined"], replace(f, matching=either)) == pytest.approx(math.log(2))


def test_pairs_masked_as_true_are_never_drawn():
    f = features("known", collide=False)
    n = len(f.images)
    for lonely in range(n):  # image `lonely` has no text of others that is wrong of it
        known = f.true_captions.clone()
        known[lonely] = True
        given = replace(f, true_captions=known, matching=matching_by_embeddings(f))
        pairs = image_text_matching.mined_pairs(given, given.matching).T.tolist()
        assert len(pairs) == 2 * n - 1 and lonely not in [image for image, _ in pairs]
    all_true = replace(f, true_captions=torch.ones_like(known), matching=matching_by_embeddings(f))
    assert image_text_matching.mined_pairs(all_true, all_true.matching).shape == (2, 0)
    assert math.isfinite(computed(TERMS["mined"], all_true))


def test_the_same_caption_of_another_image_is_drawn_without_a_mask_only():
    f = matching_loss("same")  # images 1 and 3 have one caption
    bare, pair = masked(f, "none"), (1, int(f.matching.captions[3]))
    drawn = {"none": set(), "same_image": set()}
    for number in range(50):
        noise = torch.tensor(array_rng(number, "noise").gumbel(size=(2, 6, 6)))
        for name, given in (("none", bare), ("same_image", f)):
            pairs = image_text_matching.mined_pairs(given, replace(f.matching, noise=noise))
            drawn[name] |= set(map(tuple, pairs.T.tolist()))
    assert pair in drawn["none"] and pair not in drawn["same_image"]


def test_pairs_are_drawn_with_softmax_probabilities():
    f = replace(features("often", collide=False), scale=torch.tensor(3.0, dtype=torch.float64))
    matching, times, count = matching_by_embeddings(f), 3000, torch.zeros(6, 6, dtype=torch.float64)
    for number in range(times):
        noise = torch.tensor(array_rng(number, "often").gumbel(size=(2, 6, 6)))
        pairs = image_text_matching.mined_pairs(f, replace(matching, noise=noise))[:, :6]
        count[pairs[0], torch.searchsorted(matching.captions, pairs[1])] += 1
    logits = (f.scale * f.images @ f.captions.T).fill_diagonal_(float("-inf"))
    assert (count / times - logits.softmax(1)).abs().max() < 0.04
    assert (count / times - (logits / 3).softmax(1)).abs().max() > 0.04  # at another scale it would be seen


def test_gradients_are_finite_and_do_not_reach_the_sampling():
    for case in ("some", "none at all"):
        f = features("gradient")
        images, scale = f.images.clone().requires_grad_(), f.scale.clone().requires_grad_()
        valid = f.valid if case == "some" else torch.zeros_like(f.valid)
        f = replace(f, images=images, scale=scale, valid=valid)
        exact([TERMS["mined"]])(replace(f, matching=matching_by_embeddings(f)))[0].backward()
        assert torch.isfinite(images.grad).all() and (images.grad.norm(dim=1) > 0).all()
        assert scale.grad is None


def test_without_a_fusion_the_term_names_what_is_missing():
    with pytest.raises(ValueError, match="cross-encoder"):
        computed(TERMS["mined"], features("bare"))


def test_losses_equal_the_golden_file():
    """`python tests/objectives/test_image_text_matching.py` writes the file; a change of it changes what arms are."""
    golden = json.loads(GOLDEN.read_text())
    for batch, f in BATCHES.items():
        assert values(f) == pytest.approx(golden[batch], abs=1e-9)


def values(f):
    return {name: round(computed(term, f), 12) for name, term in TERMS.items()}


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps({batch: values(f) for batch, f in BATCHES.items()}, indent=1) + "\n")
