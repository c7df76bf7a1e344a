"""The probes, by name. A new one is a function of type `Gap` and a line here.

`USED` balance a set, `UNSEEN` evaluates it afterwards: it uses neighboring words only, which no balancing probe uses
with labels.
"""

from nearmiss.engine.audit import classifier, features, gaps, ngram
from nearmiss.engine.audit.probe import Probe

_BOTH = ("image", "edit")

PROBES = (
    Probe("length", gaps.length),
    Probe("edit_position", gaps.edit_position),
    Probe("word_frequency", gaps.word_frequency),
    Probe("ngram", ngram.gap),
    Probe("form", classifier.form, trained=True),
    Probe("words", classifier.probe_of(features.words), _BOTH, trained=True),
    Probe("classifier", classifier.probe_of(features.words_and_bigrams), _BOTH, trained=True),
)
UNSEEN = Probe("bigrams", classifier.probe_of(features.bigrams), _BOTH, trained=True)
