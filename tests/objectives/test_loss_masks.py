"""Which captions and negatives count: masks of true captions, absent negatives and absent paraphrases."""

from dataclasses import replace

import pytest
import torch
from loss_examples import RELEASED, TERMS, computed, features, masked

from nearmiss.engine.objectives.features import positives_taken_for_true


@pytest.mark.parametrize("name", [name for name in TERMS if name not in ("contrastive", "sigmoid none", *RELEASED)])
def test_an_absent_negative_changes_nothing(name):
    f = features("absent")
    moved = f.negatives.clone()
    moved[~f.valid] = -moved[~f.valid]
    assert computed(TERMS[name], f) == computed(TERMS[name], replace(f, negatives=moved))


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


def test_texts_without_a_paraphrase_do_not_change_the_loss():
    f = features("otherwise")
    moved = torch.where(f.paraphrased[..., None], f.paraphrases, -f.paraphrases)
    assert computed(TERMS["hard_positive"], f) == computed(TERMS["hard_positive"], replace(f, paraphrases=moved))
    none = replace(f, paraphrased=torch.zeros_like(f.paraphrased))
    assert computed(TERMS["hard_positive"], none) == 0


def test_a_count_is_no_negative_of_other_images():
    f = features("count", collide=False)
    none = masked(f, for_others=torch.zeros_like(f.for_others))
    both, own = computed(TERMS["hard_negative_columns all"], none), computed(TERMS["hard_negative_columns own"], f)
    assert both == pytest.approx(own, abs=1e-12)
    assert computed(TERMS["hard_negative_columns all"], f) > own


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
