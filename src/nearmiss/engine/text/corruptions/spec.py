"""Names and typed options of the text corruptions. Severities are our choice."""

from typing import Annotated, Literal

from pydantic import Field

from nearmiss.base.typed import Typed

Share = Annotated[float, Field(gt=0, le=1)]
Shares = Annotated[
    list[Share],
    Field(min_length=5, max_length=5, description="Share of a caption's words that are changed, by severity."),
]
SHARES = [0.1, 0.175, 0.25, 0.325, 0.4]


class TyposConfig(Typed):
    """Keyboard typos: a neighboring key, two letters swapped, one left out, one repeated."""

    corruption: Literal["typos"] = "typos"
    share: Shares = SHARES


class SwappedLettersConfig(Typed):
    """Two neighboring letters of a word in the other order."""

    corruption: Literal["swapped_letters"] = "swapped_letters"
    share: Shares = SHARES


class DroppedLettersConfig(Typed):
    """Words without one of their letters."""

    corruption: Literal["dropped_letters"] = "dropped_letters"
    share: Shares = SHARES


class DoubledLettersConfig(Typed):
    """Words with a letter twice."""

    corruption: Literal["doubled_letters"] = "doubled_letters"
    share: Shares = SHARES


class OcrErrorsConfig(Typed):
    """Letters read as others of similar shape, as by optical character recognition."""

    corruption: Literal["ocr_errors"] = "ocr_errors"
    share: Shares = SHARES


class CapitalsConfig(Typed):
    """Words in capital letters; tokenizers that write texts in lower case see no difference."""

    corruption: Literal["capitals"] = "capitals"
    share: Shares = SHARES


class PunctuationConfig(Typed):
    """A punctuation mark after words."""

    corruption: Literal["punctuation"] = "punctuation"
    share: Shares = SHARES


class DroppedWordsConfig(Typed):
    """Captions without some of their words."""

    corruption: Literal["dropped_words"] = "dropped_words"
    share: Shares = SHARES


TextCorruptionConfig = (
    TyposConfig
    | SwappedLettersConfig
    | DroppedLettersConfig
    | DoubledLettersConfig
    | OcrErrorsConfig
    | CapitalsConfig
    | PunctuationConfig
    | DroppedWordsConfig
)
AnyTextCorruption = Annotated[TextCorruptionConfig, Field(discriminator="corruption")]


def default_texts() -> list[AnyTextCorruption]:
    """Keyboard typos."""
    return [TyposConfig()]
