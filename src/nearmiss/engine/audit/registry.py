"""The probes, by name. A new one is a file with a `gap` and a line here.

`USED` balance a set, `UNSEEN` evaluates it afterwards: it uses neighboring words only, which no balancing probe uses
with labels.
"""

from nearmiss.engine.audit import classifier, edit_position, features, length, ngram, word_frequency
from nearmiss.engine.audit.probe import Probe

_BOTH = ("image", "edit")

PROBES = (
    Probe("length", length.gap),
    Probe("edit_position", edit_position.gap),
    Probe("word_frequency", word_frequency.gap),
    Probe("ngram", ngram.gap),
    Probe("form", classifier.form, trained=True),
    Probe("words", classifier.probe_of(features.words), _BOTH, trained=True),
    Probe("classifier", classifier.probe_of(features.words_and_bigrams), _BOTH, trained=True),
)
UNSEEN = Probe("bigrams", classifier.probe_of(features.bigrams), _BOTH, trained=True)
