"""Combinations that no training text may have: what the benchmark keeps for its new pairs and new relations."""

from dataclasses import dataclass
from pathlib import Path

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.engine.text.labels import mentioned_pairs, mentioned_relations
from nearmiss.engine.text.parsing import parse


@dataclass(frozen=True)
class Reserved:
    """(color, noun) pairs and (noun, predicate, noun) relations; a relation told from its other end is the same."""

    pairs: frozenset[tuple[str, str]] = frozenset()
    relations: frozenset[tuple[str, str, str]] = frozenset()

    @classmethod
    def read(cls, path: Path) -> "Reserved":
        """From `reserved.json`; an `InputError` names what is wrong in it."""
        content = read_json(path)
        try:
            pairs = frozenset((color, shape) for color, shape in content["pairs"])
            relations = frozenset((subject, predicate, other) for subject, predicate, other in content["relations"])
        except (TypeError, KeyError, ValueError) as error:
            raise InputError(
                f"reserved combinations are not as expected: {error}",
                file=path,
                remedy='write {"pairs": [[color, shape]], "relations": [[shape, predicate, shape]], "templates": [id]}',
            ) from None
        return cls(pairs, relations)

    def mentioned_in(self, text: str, names: frozenset[str] = frozenset()) -> bool:
        """Whether the text speaks of a reserved combination; what does not parse speaks of none."""
        if not self.pairs and not self.relations:
            return False
        caption = parse(text, names)
        if caption is None:
            return False
        return not self.pairs.isdisjoint(mentioned_pairs(caption)) or not self.relations.isdisjoint(
            mentioned_relations(caption)
        )


NOTHING = Reserved()
