"""Text of unknown origin, made safe for display: a terminal, an image, an XML file, Markdown.

Captions, names and licenses come from data sets and configurations. A terminal obeys the control characters in them, an
XML file is broken by them, and Markdown turns their punctuation into markup. HTML is escaped by its templates.
"""

import re

_MISSING = "\N{REPLACEMENT CHARACTER}"
_BREAKS = re.compile(r"[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")
# C0 and C1 controls, halves of surrogate pairs, what is no character, what reverses the order of the text around it
_UNSAFE = re.compile(r"[\x00-\x08\v\f\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_MARKUP = re.compile(r"[\\`*_\[\]|~$]")
_START = re.compile(r"^\s*(?:(?=[#+=-])|\d{1,9}(?=[.)](?:\s|$)))")  # of a heading, a list or a rule
_WEB_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d{1,5})?(?:[/?#][A-Za-z0-9._~/?#=&%+:@,-]*)?")


def without_controls(text: str) -> str:
    """The text with a replacement character for each one that cannot be shown; line breaks and tabs stay."""
    return _UNSAFE.sub(_MISSING, text)


def single_line(text: str) -> str:
    """`without_controls` on one line: breaks and tabs are a space."""
    return without_controls(_BREAKS.sub(" ", text))


def markdown(text: str) -> str:
    """The text as one line of Markdown that shows it to the letter, also in a cell of a table.

    A web address stays as it is, and is made a link where it is read, if it is http or https and has no character
    that Markdown or HTML would take for markup. Every other address is text and no link.
    """
    line = single_line(text)
    if _WEB_ADDRESS.fullmatch(line):
        return line
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _START.sub(r"\g<0>\\", _MARKUP.sub(r"\\\g<0>", line))
    # a bare address inside of a text would become a link
    return re.sub(r"(?i)(\w):(?=//)|\b(www)\.|(\w)@(?=\w)", _unlinked, line)


def _unlinked(match: re.Match[str]) -> str:
    shown = match[0]
    return shown[:-1] + {":": "&#58;", ".": "&#46;", "@": "&#64;"}[shown[-1]]
