"""How often the bag of words of a caption does not identify its image within a training batch.

Where it does not, the contrastive loss already has to learn word order, and hard negatives have little to add. The
report shows these shares next to the results.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from nearmiss.base.seeding import rng
from nearmiss.engine.world.oracles import content_words, scene_words
from nearmiss.engine.world.scene import Scene


def separability(
    scenes: Mapping[str, Scene],
    captions: Mapping[str, Sequence[tuple[str, str]]],
    *,
    seed: int,
    size: int = 64,
    batches: int = 100,
) -> dict[str, Any]:
    """Shares over drawn batches of `size` images with one caption (text, template_id) each.

    A caption is ambiguous where the bag of its words fits another image of the batch too. `captions` is the share of
    such captions, `batches` the share of batches with at least one; `kinds` has both for each kind of caption
    (relation, location, ...), its batches counted over those that have a caption of the kind.
    """
    images = sorted(scenes)
    batch_flags: dict[str, list[bool]] = {}
    caption_flags: dict[str, list[bool]] = {}
    for number in range(batches):
        generator = rng(seed, "separability", number)
        batch = generator.sample(images, min(size, len(images)))
        shown = {image: scene_words(scenes[image]) for image in batch}
        found: dict[str, list[bool]] = {}
        for image in batch:
            text, template_id = generator.choice(captions[image])
            unclear = _ambiguous(text, image, shown)
            found.setdefault(template_id.split(".")[0], []).append(unclear)
            found.setdefault("all", []).append(unclear)
        for kind, flags in found.items():
            caption_flags.setdefault(kind, []).extend(flags)
            batch_flags.setdefault(kind, []).append(any(flags))
    shares = {
        kind: {"captions": _share(caption_flags[kind]), "batches": _share(batch_flags[kind])}
        for kind in sorted(caption_flags)
    }
    return {"batch": min(size, len(images)), "drawn": batches, **shares.pop("all"), "kinds": shares}


def _share(flags: list[bool]) -> float:
    return sum(flags) / len(flags)


def _ambiguous(text: str, image: str, shown: Mapping[str, Counter[str]]) -> bool:
    content = content_words(text)
    return any(content <= words for other, words in shown.items() if other != image)
