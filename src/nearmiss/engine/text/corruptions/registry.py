"""The text corruptions by name."""

from nearmiss.engine.text.corruptions import (
    capitals,
    doubled_letters,
    dropped_letters,
    dropped_words,
    ocr_errors,
    punctuation,
    swapped_letters,
    typos,
)
from nearmiss.engine.text.corruptions.corruption import TextCorruption

TEXT_CORRUPTIONS: dict[str, TextCorruption] = {
    each.name: each
    for each in (
        typos.CORRUPTION,
        swapped_letters.CORRUPTION,
        dropped_letters.CORRUPTION,
        doubled_letters.CORRUPTION,
        ocr_errors.CORRUPTION,
        capitals.CORRUPTION,
        punctuation.CORRUPTION,
        dropped_words.CORRUPTION,
    )
}
