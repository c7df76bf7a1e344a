"""Combines the decisions of several annotators into one verdict per item."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from nearmiss.engine.curation.items import Item
from nearmiss.engine.curation.store import Decision

Rule = Literal["all", "majority"]
Outcome = Literal["accepted", "refused", "undecided"]


@dataclass(frozen=True)
class Verdict:
    """The result for an item: its outcome, its changed caption (as accepted), and the decisions."""

    item: Item
    outcome: Outcome
    caption: str
    decisions: tuple[Decision, ...]

    @property
    def captions_differ(self) -> bool:
        """Whether the annotators who accepted it have different captions."""
        accepting = [each for each in self.decisions if each.decision == "accept"]
        return len({_caption(self.item, each) for each in accepting}) > 1


def decide(
    items: Sequence[Item], decisions: Iterable[Decision], annotators: Sequence[str], rule: Rule
) -> list[Verdict]:
    """One verdict per item, in the items' order, from the last decisions of the given annotators.

    "all": accepted if every annotator accepts, refused if one refuses. "majority": accepted if more than half of all
    annotators accept, refused if this is no longer possible. Missing decisions count as open, so an item is undecided
    until its outcome is certain.
    """
    of_item: dict[str, list[Decision]] = {}
    for decision in decisions:
        if decision.annotator in annotators:
            of_item.setdefault(decision.item, []).append(decision)
    verdicts = []
    for item in items:
        given = sorted(of_item.get(item.key, ()), key=lambda each: each.annotator)
        accepting = [each for each in given if each.decision == "accept"]
        outcome = _outcome(len(accepting), len(given) - len(accepting), len(annotators), rule)
        verdicts.append(Verdict(item, outcome, _agreed(item, accepting), tuple(given)))
    return verdicts


def _outcome(accepting: int, refusing: int, annotators: int, rule: Rule) -> Outcome:
    needed = annotators if rule == "all" else annotators // 2 + 1
    if accepting >= max(needed, 1):
        return "accepted"
    return "refused" if annotators - refusing < needed else "undecided"


def _agreed(item: Item, accepting: Sequence[Decision]) -> str:
    """The most frequent caption of those who accept; at equal frequency a corrected one, then the first by alphabet.

    Our choice: a correction shows that an annotator found a mistake, which others may have overlooked.
    """
    votes: Mapping[str, int] = Counter(_caption(item, each) for each in accepting)
    return min(votes, key=lambda text: (-votes[text], text == item.changed, text), default=item.changed)


def _caption(item: Item, decision: Decision) -> str:
    return item.changed if decision.caption is None else decision.caption
