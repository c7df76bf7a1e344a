"""The exchange of a word or phrase of a text for another.

`exchanged` writes what `apply` writes and has the edits that `diff` finds, without comparing the two texts: where words
of letters are exchanged for words of letters, the tokens around them stay, and of these only an article directly before
them changes with them ("a dog", "an elephant").
"""

from functools import lru_cache

from nearmiss.engine.text.edited_text import EditedText, Text
from nearmiss.engine.text.edits import Edit, apply, article_before, cased, diff
from nearmiss.engine.text.tokens import Words, token_texts

_ARTICLES = ("a", "an")


def exchanged(source: Text, first: int, last: int, new: str) -> EditedText:
    """The source with its words [first, last) exchanged for `new`, capitals kept and "a" and "an" adapted."""
    string, spans = source.string, source.spans
    start, end = spans[first][0], spans[last - 1][1]
    old = string[start:end]
    words = _words_of_letters(new)
    if words is None or not string.isascii() or _words_of_letters(old) is None:
        return EditedText.of(source, apply(string, [Edit(start, end, old, new)]))
    if old[0].isupper():
        new = cased(Edit(start, end, old, new), string.isupper())
    before = source.words[first - 1] if first else ""
    if before in _ARTICLES and (right := article_before(words[0])) != before:
        first, words = first - 1, (right, *words)
        opening, closing = spans[first]
        article = right.capitalize() if string[opening].isupper() else right
        old, new = string[opening:end], article + string[closing:start] + new
        start = opening
    edits = _aligned(old, new)
    if edits is not None:
        edits = tuple([Edit(start + edit.start, start + edit.end, edit.old, edit.new) for edit in edits])
    whole = source.words[:first] + words + source.words[last:]
    return EditedText(source, string[:start] + new + string[end:], whole, first, len(spans) - last, edits)


@lru_cache(maxsize=1 << 14)
def _words_of_letters(text: str) -> Words | None:
    """The words of a text of plain letters and spaces without an article in it; None for any other."""
    words = token_texts(text)
    plain = text.isascii() and all(word.isalpha() and word not in _ARTICLES for word in words)
    return words if words and plain and text[0].isalpha() and text[-1].isalpha() else None


@lru_cache(maxsize=1 << 14)
def _aligned(old: str, new: str) -> tuple[Edit, ...] | None:
    """The edits from `old` to `new`, where they are the same in whatever texts the two stand; else None.

    `diff` pairs the tokens that are equal from the start and from the end, and those of equal position between if there
    are as many. With as many tokens in both, or none in common, the first and the last different token are inside. The
    words around them are equal, so nothing else is paired.
    """
    was, becomes = token_texts(old), token_texts(new)
    if was == becomes or not (len(was) == len(becomes) or frozenset(was).isdisjoint(becomes)):
        return None
    return tuple(diff(old, new))
