"""The contrastive loss over the positives that a method writes."""

from dataclasses import replace

import torch
from loss_examples import BATCHES
from loss_loops import positives_loop

from nearmiss.engine.objectives.contrastive_positives import ContrastivePositivesTerm
from nearmiss.engine.objectives.features import positives_taken_for_true


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
