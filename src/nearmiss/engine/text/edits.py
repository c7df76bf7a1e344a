"""Edits of a caption: spans and their replacements."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple

from nearmiss.engine.text.tokens import Token, token_texts, tokenize

_MOST_PAIRS = 1_000_000  # of tokens that difflib compares,
_MOST_EQUAL = 50_000  # and of equal ones; a caption of 300 words has 3,000


class Edit(NamedTuple):
    """Replaces `old` at [start, end) of the positive by `new`. Offsets in characters."""

    start: int
    end: int
    old: str
    new: str

    def as_record(self) -> dict[str, int | str]:
        """The edit as a table record."""
        return {"start": self.start, "end": self.end, "old": self.old, "new": self.new}


def replay(text: str, edits: Sequence[Edit]) -> str:
    """The text with the edits applied exactly. Raises ValueError where `old` does not match, or edits overlap."""
    return _replay(text, edits)[0]


def apply(text: str, edits: Sequence[Edit]) -> str:
    """The text with the edits applied, with capitals kept and "a" and "an" adapted to the changed words.

    Raises ValueError where an edit's `old` does not match the text, or where edits overlap.
    """
    capitalized = [Edit(edit.start, edit.end, edit.old, cased(edit, text)) for edit in edits]
    changed, spans = _replay(text, capitalized)
    mended = _articles(changed, spans)
    return replay(changed, mended) if mended else changed


def diff(positive: str, negative: str) -> list[Edit]:
    """The fewest whole-token edits with which `replay` gives exactly the negative, in order."""
    old, new = tokenize(positive), tokenize(negative)
    edits = []
    head, middle, tail = _anchors(old, new)
    if head and positive[: old[head - 1].end] == negative[: new[head - 1].end]:
        begin = [(head - 1, head - 1)]
    else:
        begin = [(index, index) for index in range(-1, head)]
    back = [(len(old) - left, len(new) - left) for left in range(tail, -1, -1)]
    if tail and positive[old[-tail].start :] == negative[new[-tail].start :]:
        back = back[:1]
    for before, after in pairwise([*begin, *middle, *back]):
        start, end = _gap(positive, old, before[0], after[0])
        left, right = _gap(negative, new, before[1], after[1])
        was, becomes = positive[start:end], negative[left:right]
        if was != becomes:
            edits.append(_trimmed(start, was, becomes))
    return edits


def _replay(text: str, edits: Sequence[Edit]) -> tuple[str, list[tuple[int, int]]]:
    """The edited text, and its new spans."""
    parts: list[str] = []
    spans: list[tuple[int, int]] = []
    at = length = 0
    for edit in sorted(edits):
        if edit.start < at or text[edit.start : edit.end] != edit.old:
            raise ValueError(f"an edit does not fit its text: {edit} in {text!r}")
        kept = text[at : edit.start]
        length += len(kept)
        spans.append((length, length + len(edit.new)))
        length += len(edit.new)
        parts += [kept, edit.new]
        at = edit.end
    return "".join([*parts, text[at:]]), spans


def cased(edit: Edit, text: str) -> str:
    """The new words of an edit of a text, with a capital where the old ones have that of their place.

    A sentence begins with a capital, and so does every word of a title. Any other capital belongs to the old word: an
    abbreviation ("TV") or a name ("a Frisbee").
    """
    old, new = edit.old, edit.new
    if not old or not new or not old[0].isupper():
        return new
    if sum(map(str.isalpha, old)) > 1 and old.isupper() and text.isupper():
        return new.upper()
    if _opens_sentence(text, edit.start) or (not old.isupper() and _is_title(text)):
        return new[0].upper() + new[1:]
    return new


def _opens_sentence(text: str, start: int) -> bool:
    before = text[:start].rstrip(" \t\n\"'(\u201c\u2018")
    return not before or before[-1] in ".!?"


@lru_cache(maxsize=1 << 10)
def _is_title(text: str) -> bool:
    """Whether a text is written like a title: most words begin with a capital (our choice: 60 % of three or more)."""
    words = [token.text for token in tokenize(text) if token.is_word]
    return len(words) > 2 and sum(word[0].isupper() for word in words) >= 0.6 * len(words)


def _articles(text: str, spans: list[tuple[int, int]]) -> list[Edit]:
    """Edits that fit "a" and "an" to what follows, wherever the article or its next word is new."""
    found: list[Edit] = []
    words = token_texts(text)
    if "a" not in words and "an" not in words:
        return found
    tokens = tokenize(text)
    for at, low in enumerate(words[:-1]):
        if low not in ("a", "an"):
            continue
        article, word = tokens[at], tokens[at + 1]
        if not word.is_word or not _touches(spans, article.start, word.end):
            continue
        right = article_before(word.lower)
        if right != low:
            capital = article.text[0].isupper()
            found.append(Edit(article.start, article.end, article.text, right.capitalize() if capital else right))
    return found


@cache
def article_before(word: str) -> str:
    """ "a" or "an"; the library takes seconds to import, which whoever only compares captions need not wait."""
    from nearmiss.engine.text.inflection import indefinite_article

    return indefinite_article(word)


def _touches(spans: list[tuple[int, int]], start: int, end: int) -> bool:
    return any(left < end and start < right for left, right in spans)


def _anchors(old: Sequence[Token], new: Sequence[Token]) -> tuple[int, list[tuple[int, int]], int]:
    """How many tokens are equal at the start, pairs of indices of equal tokens between, how many at the end."""
    was, becomes = [token[0] for token in old], [token[0] for token in new]
    head = 0
    for one, other in zip(was, becomes, strict=False):
        if one != other:
            break
        head += 1
    tail, most = 0, min(len(was), len(becomes)) - head
    while tail < most and was[-1 - tail] == becomes[-1 - tail]:
        tail += 1
    found: list[tuple[int, int]] = []
    first, second = was[head : len(was) - tail], becomes[head : len(becomes) - tail]
    if len(first) == len(second):  # word for word: the most frequent case, and fast
        found += [(head + i, head + i) for i, text in enumerate(first) if text == second[i]]
    else:
        found += [(head + i, head + j) for i, j in _matching(first, second)]
    return head, found, tail


def _matching(first: Sequence[str], second: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of indices of equal tokens, in order.

    Texts that are too long for difflib, which takes quadratic time or worse, are first split at the tokens that occur
    once in each (patience diff): texts of a thousand words, longer than any caption (our choice).
    """
    if _comparable(first, second):
        return _blocks(first, second)
    found: list[tuple[int, int]] = []
    for (i, j), (next_i, next_j) in pairwise([(-1, -1), *_unique(first, second), (len(first), len(second))]):
        if i >= 0:
            found.append((i, j))
        one, other = first[i + 1 : next_i], second[j + 1 : next_j]
        if len(one) == len(other):
            inside = [(at, at) for at, token in enumerate(one) if token == other[at]]
        else:
            inside = _blocks(one, other) if _comparable(one, other) else []
        found += [(i + 1 + a, j + 1 + b) for a, b in inside]
    return found


def _blocks(first: Sequence[str], second: Sequence[str]) -> list[tuple[int, int]]:
    matcher = SequenceMatcher(None, first, second, autojunk=False)
    return [(i + step, j + step) for i, j, size in matcher.get_matching_blocks() for step in range(size)]


def _comparable(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether difflib compares two texts quickly."""
    if len(first) * len(second) > _MOST_PAIRS:
        return False
    counts = Counter(second)
    return sum(counts[token] for token in first) <= _MOST_EQUAL


def _unique(first: Sequence[str], second: Sequence[str]) -> list[tuple[int, int]]:
    """The longest ascending run of pairs of tokens that occur once in each text."""
    once = [{token for token, count in Counter(text).items() if count == 1} for text in (first, second)]
    index_of = {token: at for at, token in enumerate(second) if token in once[1]}
    pairs = [(at, index_of[token]) for at, token in enumerate(first) if token in once[0] and token in index_of]
    ends: list[int] = []  # the smallest last index in `second` over the runs of each length
    last: list[int] = []  # and the pair that it belongs to
    before: list[int | None] = []
    for number, (_, index) in enumerate(pairs):
        length = bisect_left(ends, index)
        before.append(last[length - 1] if length else None)
        ends[length : length + 1] = [index]
        last[length : length + 1] = [number]
    found = []
    at = last[-1] if last else None
    while at is not None:
        found.append(pairs[at])
        at = before[at]
    return found[::-1]


def _gap(text: str, tokens: Sequence[Token], before: int, after: int) -> tuple[int, int]:
    """The span between two tokens; index -1 is the start of the text, one past the last token its end."""
    start = tokens[before].end if before >= 0 else 0
    return start, tokens[after].start if after < len(tokens) else len(text)


def _trimmed(start: int, was: str, becomes: str) -> Edit:
    """The edit without the whitespace that both sides share at their ends."""
    head = 0
    while head < min(len(was), len(becomes)) and was[head] == becomes[head] and was[head].isspace():
        head += 1
    tail = 0
    room = min(len(was), len(becomes)) - head
    while tail < room and was[-1 - tail] == becomes[-1 - tail] and was[-1 - tail].isspace():
        tail += 1
    return Edit(start + head, start + len(was) - tail, was[head : len(was) - tail], becomes[head : len(becomes) - tail])
