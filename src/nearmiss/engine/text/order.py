"""ARO's four perturbations of word order (Yuksekgonul et al., ICLR 2023, section 4: COCO-Order and Flickr30k-Order).

Each permutes the tokens at some positions of a caption and keeps the others. Corrected compared with the published
code: draws are seeded by the item's name, not by global generators that must be seeded before the data set is built; a
draw that returns the caption is repeated, since a distractor equal to the caption can only be guessed. Our choice:
tokens are ours, where the paper uses spaCy's for two perturbations and nltk's for two.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from nearmiss.base.seeding import rng
from nearmiss.engine.text.tagging import Tagged

Order = list[int]  # the token index at each position
_TRIES = 20
_LENGTH = 3  # of a trigram


def nouns_and_adjectives(sentence: Sequence[Tagged], random: Random) -> Order:
    """Permutes nouns among nouns and adjectives among adjectives (tags NN*, JJ*); all else stays."""
    order = list(range(len(sentence)))
    for prefix in ("NN", "JJ"):
        _shuffle(order, [at for at, word in enumerate(sentence) if word.tag.startswith(prefix)], random)
    return order


def all_but_nouns_and_adjectives(sentence: Sequence[Tagged], random: Random) -> Order:
    """Permutes all tokens except nouns and adjectives."""
    order = list(range(len(sentence)))
    _shuffle(order, [at for at, word in enumerate(sentence) if not word.tag.startswith(("NN", "JJ"))], random)
    return order


def trigrams(sentence: Sequence[Tagged], random: Random) -> Order:
    """Permutes consecutive trigrams as units; the last may be shorter."""
    whole = [list(range(at, min(at + _LENGTH, len(sentence)))) for at in range(0, len(sentence), _LENGTH)]
    random.shuffle(whole)
    return [at for each in whole for at in each]


def within_trigrams(sentence: Sequence[Tagged], random: Random) -> Order:
    """Permutes the words within each trigram."""
    order: Order = []
    for start in range(0, len(sentence), _LENGTH):
        indices = list(range(start, min(start + _LENGTH, len(sentence))))
        random.shuffle(indices)
        order += indices
    return order


PERTURBATIONS: Final[dict[str, Callable[[Sequence[Tagged], Random], Order]]] = {
    "nouns_and_adjectives": nouns_and_adjectives,
    "all_but_nouns_and_adjectives": all_but_nouns_and_adjectives,
    "trigrams": trigrams,
    "within_trigrams": within_trigrams,
}


def perturbed(sentence: Sequence[Tagged], name: str, seed: int, item: str) -> list[str] | None:
    """The tokens of a tagged caption in a perturbed order; None where every such order equals the caption.

    `name` is one of `PERTURBATIONS`; the draw depends on the seed, the name and `item`, the item's id.
    """
    words = [word.text for word in sentence]
    random = rng(seed, "order", name, item)
    for _ in range(_TRIES):
        perturbed_words = [words[at] for at in PERTURBATIONS[name](sentence, random)]
        if [word.lower() for word in perturbed_words] != [word.lower() for word in words]:
            return perturbed_words
    return None


def _shuffle(order: Order, indices: list[int], random: Random) -> None:
    moved = random.sample(indices, len(indices))
    for index, token in zip(indices, moved, strict=True):
        order[index] = token
