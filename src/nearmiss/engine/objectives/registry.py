"""From the configuration's terms to an objective: the weighted sum of the loss terms of a run."""

from collections.abc import Sequence

from torch import Tensor, nn

from nearmiss.engine.objectives import spec
from nearmiss.engine.objectives.contrastive import ContrastiveTerm
from nearmiss.engine.objectives.cross_modal_rank import CrossModalRankTerm
from nearmiss.engine.objectives.features import Features
from nearmiss.engine.objectives.hard_negative_columns import HardNegativeColumnsTerm
from nearmiss.engine.objectives.intra_modal_contrast import IntraModalContrastTerm
from nearmiss.engine.objectives.own_negatives import OwnNegativesTerm

NEEDS_NEGATIVES = (spec.HardNegativeColumns, spec.OwnNegatives, spec.IntraModalContrast, spec.CrossModalRank)


def build(term: spec.Term, types: int) -> nn.Module:
    """The loss term that an entry of the configuration names, for negatives of so many types."""
    match term:
        case spec.Contrastive():
            return ContrastiveTerm()
        case spec.HardNegativeColumns():
            return HardNegativeColumnsTerm(own=term.negatives == "own")
        case spec.OwnNegatives():
            return OwnNegativesTerm()
        case spec.IntraModalContrast():
            return IntraModalContrastTerm(own=term.negatives == "own")
        case spec.CrossModalRank():
            return CrossModalRankTerm(term.threshold, term.cap, types)


class Objective(nn.Module):
    """The weighted sum of loss terms. What a term remembers between steps is in `state_dict`."""

    def __init__(self, terms: Sequence[spec.Term], types: int = 1) -> None:
        super().__init__()
        self.weights: dict[str, float] = {term.term: term.weight for term in terms}
        self.terms = nn.ModuleDict({term.term: build(term, types) for term in terms})

    def forward(self, features: Features) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, and each term's unweighted value (detached) by name."""
        values = {name: term(features) for name, term in self.terms.items()}
        total = sum(self.weights[name] * value for name, value in values.items())
        assert isinstance(total, Tensor)
        return total, {name: value.detach() for name, value in values.items()}
