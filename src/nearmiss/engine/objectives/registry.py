"""From the configuration's terms to an objective: the weighted sum of the loss terms of a run."""

from collections.abc import Sequence

from torch import Tensor, nn

from nearmiss.engine.objectives import spec
from nearmiss.engine.objectives.contrastive import ContrastiveTerm
from nearmiss.engine.objectives.contrastive_positives import ContrastivePositivesTerm
from nearmiss.engine.objectives.cross_modal_rank import CrossModalRankTerm
from nearmiss.engine.objectives.cross_modal_rank_released import CrossModalRankReleasedTerm
from nearmiss.engine.objectives.features import Features
from nearmiss.engine.objectives.focal_own_negatives import FocalOwnNegativesTerm
from nearmiss.engine.objectives.hard_negative_columns import HardNegativeColumnsTerm
from nearmiss.engine.objectives.hard_positive import HardPositiveTerm
from nearmiss.engine.objectives.image_text_matching import ImageTextMatchingTerm
from nearmiss.engine.objectives.intra_modal_contrast import IntraModalContrastTerm
from nearmiss.engine.objectives.intra_modal_contrast_released import IntraModalContrastReleasedTerm
from nearmiss.engine.objectives.own_negatives import OwnNegativesTerm
from nearmiss.engine.objectives.sigmoid import SigmoidTerm


def build(term: spec.Term, types: int) -> nn.Module:
    """The loss term that an entry of the configuration names, for negatives of so many types."""
    match term:
        case spec.Contrastive():
            return ContrastiveTerm()
        case spec.ContrastivePositives():
            return ContrastivePositivesTerm()
        case spec.Sigmoid():
            return SigmoidTerm(term.negatives, term.bias)
        case spec.HardNegativeColumns():
            return HardNegativeColumnsTerm(term.negatives)
        case spec.OwnNegatives():
            return OwnNegativesTerm()
        case spec.FocalOwnNegatives():
            return FocalOwnNegativesTerm(term.gamma, term.smoothing)
        case spec.IntraModalContrast():
            return IntraModalContrastTerm(own=term.negatives == "own")
        case spec.IntraModalContrastReleased():
            return IntraModalContrastReleasedTerm(term.form)
        case spec.CrossModalRank():
            return CrossModalRankTerm(term.threshold, term.cap, types)
        case spec.CrossModalRankReleased():
            return CrossModalRankReleasedTerm(term.threshold, term.bound, types)
        case spec.HardPositive():
            return HardPositiveTerm()
        case spec.ImageTextMatching():
            return ImageTextMatchingTerm(term.mined)


class Objective(nn.Module):
    """The weighted sum of loss terms. State and parameters of terms are in `state_dict`."""

    def __init__(self, terms: Sequence[spec.Term], types: Sequence[str] = ("",)) -> None:
        """`types` are the names of the negatives' types, in the order of their numbers."""
        super().__init__()
        self.types = tuple(types)
        self.weights: dict[str, float] = {term.term: term.weight for term in terms}
        self.terms = nn.ModuleDict({term.term: build(term, len(self.types)) for term in terms})

    def forward(self, features: Features) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, and each term's unweighted value (detached) by name."""
        values = {name: term(features) for name, term in self.terms.items()}
        total = sum(self.weights[name] * value for name, value in values.items())
        assert isinstance(total, Tensor)
        return total, {name: value.detach() for name, value in values.items()}

    def start_epoch(self) -> None:
        """Reset the terms with a state per epoch."""
        for term in self.terms.values():
            if isinstance(term, CrossModalRankReleasedTerm):
                term.start_epoch()

    def remembered(self) -> dict[str, float]:
        """What the terms carry from step to step, for the curve: thresholds by type, and a learned bias."""
        found: dict[str, float] = {}
        for term in self.terms.values():
            if isinstance(term, CrossModalRankTerm | CrossModalRankReleasedTerm):
                found |= {f"threshold/{name}": float(x) for name, x in zip(self.types, term.threshold, strict=True)}
            if isinstance(term, SigmoidTerm):
                found["bias"] = term.bias.item()
        return found
