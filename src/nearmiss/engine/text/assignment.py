"""Assignment of different objects to the mentions of a caption, under relations between mentions.

Without relations this is a bipartite matching. With relations it is a constraint satisfaction problem: a depth-first
search over the related mentions that keeps domains arc consistent and prunes a branch as soon as no matching of all
mentions exists. Interchangeable objects are tried once. The search is exact; beyond a maximum number of steps it
raises an error (the bound is our choice).

Sets of objects are integers: bit i represents object i.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

MAX_STEPS = 10_000


class TooManyStepsError(Exception):
    """The search was stopped before a decision."""


class Steps:
    """Counts the steps of a search: objects tried for a mention, and searches for augmenting paths."""

    def __init__(self, most: int | None = None) -> None:
        self.most, self.taken = MAX_STEPS if most is None else most, 0

    @property
    def exceeded(self) -> bool:
        """Whether a search was stopped."""
        return self.taken > self.most

    def count(self) -> None:
        """Count one step. Raises TooManyStepsError beyond the bound."""
        self.taken += 1
        if self.exceeded:
            raise TooManyStepsError


class Table(NamedTuple):
    """Which pairs of objects a relation allows: `rows[i]` of object i at its subject, `columns[j]` the reverse."""

    rows: list[int]
    columns: list[int]

    @classmethod
    def of(cls, rows: list[int]) -> "Table":
        """The table with its columns; as many as rows."""
        columns = [0] * len(rows)
        for i, row in enumerate(rows):
            for j in bits(row):
                columns[j] |= 1 << i
        return cls(rows, columns)


class Constraint(NamedTuple):
    """A relation between two different mentions, given by their indices."""

    subject: int
    obj: int
    allowed: Table


def bits(objects: int) -> Iterator[int]:
    """The indices of a set of objects, in ascending order."""
    while objects:
        lowest = objects & -objects
        yield lowest.bit_length() - 1
        objects ^= lowest


def assignable(domains: Sequence[int], constraints: Sequence[Constraint], classes: Sequence[int], steps: Steps) -> bool:
    """Whether each mention can be a different object of its domain so that all constraints hold.

    `classes[i]` is the class of object i; objects of one class must be interchangeable in domains and constraints.
    Raises TooManyStepsError beyond the bound of `steps`.
    """
    problem = _Problem(constraints, classes, steps)
    root = problem.consistent(list(domains), {}, list(constraints))
    if root is None:
        return False
    branches = [problem.branches(root)]
    if not problem.open_mentions(root):
        return True
    while branches:
        node = next(branches[-1], None)
        if node is None:
            branches.pop()
        elif not problem.open_mentions(node):
            return True
        else:
            branches.append(problem.branches(node))
    return False


@dataclass(frozen=True)
class _Node:
    """Arc-consistent domains, and a matching (object -> mention) of all mentions."""

    domains: list[int]
    owners: dict[int, int]


class _Problem:
    def __init__(self, constraints: Sequence[Constraint], classes: Sequence[int], steps: Steps) -> None:
        self._classes, self._steps = classes, steps
        self._constraints: dict[int, list[Constraint]] = {}
        for each in constraints:
            self._constraints.setdefault(each.subject, []).append(each)
            self._constraints.setdefault(each.obj, []).append(each)

    def open_mentions(self, node: _Node) -> list[int]:
        """The related mentions that are not decided yet."""
        return [mention for mention in self._constraints if node.domains[mention].bit_count() > 1]

    def branches(self, node: _Node) -> Iterator[_Node]:
        """The consistent children of a node: one for each object of the open mention with the smallest domain."""
        mention = min(self.open_mentions(node), key=lambda each: (node.domains[each].bit_count(), each), default=None)
        if mention is None:
            return
        used = sum({node.domains[each] for each in self._constraints if node.domains[each].bit_count() == 1})
        tried: set[int] = set()  # classes; an object in the domain of another mention is no longer interchangeable
        for choice in bits(node.domains[mention] & ~used):
            if self._classes[choice] in tried:
                continue
            tried.add(self._classes[choice])
            self._steps.count()
            domains = [*node.domains]
            domains[mention] = 1 << choice
            narrowed = self.consistent(domains, node.owners, self._constraints[mention])
            if narrowed is not None:
                yield narrowed

    def consistent(self, domains: list[int], owners: dict[int, int], changed: Sequence[Constraint]) -> _Node | None:
        """The node of these domains, made arc consistent; None where a domain is empty or no matching exists."""
        if not all(domains) or not self._narrowed(domains, changed):
            return None
        kept = {owned: mention for owned, mention in owners.items() if domains[mention] >> owned & 1}
        matched = _matched(domains, kept, self._steps)
        return None if matched is None else _Node(domains, matched)

    def _narrowed(self, domains: list[int], changed: Sequence[Constraint]) -> bool:
        """Remove what no partner supports, in place; False where a domain becomes empty."""
        waiting = deque(changed)
        while waiting:
            each = waiting.popleft()
            for here, there, table in (
                (each.subject, each.obj, each.allowed.rows),
                (each.obj, each.subject, each.allowed.columns),
            ):
                supported = 0
                for choice in bits(domains[here]):
                    supported |= table[choice]
                if domains[here].bit_count() == 1:  # different mentions are different objects
                    supported &= ~domains[here]
                if domains[there] & ~supported:
                    domains[there] &= supported
                    if not domains[there]:
                        return False
                    waiting.extend(self._constraints[there])
        return True


def _matched(domains: Sequence[int], owners: dict[int, int], steps: Steps) -> dict[int, int] | None:
    """A matching object -> mention of all mentions, extended from `owners`; None where there is none."""
    owners = dict(owners)
    taken = sum(1 << owned for owned in owners)
    have = set(owners.values())
    for mention in range(len(domains)):
        if mention in have:
            continue
        free = domains[mention] & ~taken
        if free:
            found = (free & -free).bit_length() - 1
            owners[found] = mention
        else:
            steps.count()
            found = _augment(domains, owners, mention, taken)
            if found < 0:
                return None
        taken |= 1 << found
    return owners


def _augment(domains: Sequence[int], owners: dict[int, int], mention: int, taken: int) -> int:
    """Match one more mention along an augmenting path, in place; returns the object that it ends in, or -1."""
    came_from: dict[int, int] = {}  # object -> the mention from which it was reached
    through: dict[int, int] = {}  # mention -> the object that it gives up
    waiting = deque([mention])
    seen = 0
    while waiting:
        here = waiting.popleft()
        reached = domains[here] & ~seen
        seen |= reached
        for each in bits(reached):
            came_from[each] = here
        free = reached & ~taken
        if free:
            end = at = (free & -free).bit_length() - 1
            while True:
                owner = came_from[at]
                owners[at] = owner
                if owner == mention:
                    return end
                at = through[owner]
        for each in bits(reached):
            through[owners[each]] = each
            waiting.append(owners[each])
    return -1
