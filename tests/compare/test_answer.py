"""The answer of the first screen: a gain only where the adjusted test supports it; and texts with marked edits."""

from types import SimpleNamespace

import pytest

from nearmiss.stages.compare.answer import answer
from nearmiss.stages.compare.answer_figure import ARMS, answer_figure, shown_arms
from nearmiss.stages.compare.exports import Exported, as_csv, as_latex, as_markdown
from nearmiss.stages.compare.marked import LONGEST, marked
from nearmiss.stages.compare.overview import Cell, Column, Gain, Overview

RELATION, COUNT, T2I = (
    Column(name, name, name, {"benchmark": name, "concept": name}, name, cost)
    for name, cost in (("relation", False), ("count", False), ("t2i", True))
)


def report(differences, controls=("clip",), values=None, trained=True):
    """A comparison of hnc with its controls: (control, column, seed, value, p), each with an interval of +-1 point."""
    columns = [RELATION, COUNT, T2I]
    arms = ["base", *controls, "hnc"] if values is None else list(values)
    values = values or dict.fromkeys(arms, 0.5) | {"hnc": 0.9}
    gains = {}
    for control, column, seed, value, p in differences:
        gains.setdefault((control, column.name), {})[seed] = (value, value - 0.01, value + 0.01, p)
    found = [
        Gain("hnc", control, next(c for c in columns if c.name == name), min(v[0] for v in by_seed.values()), by_seed)
        for (control, name), by_seed in gains.items()
    ]
    cells = {arm: {RELATION.name: Cell(value, {0: value}, None, None)} for arm, value in values.items()}
    chance = {column.name: 0.5 for column in columns}
    return SimpleNamespace(
        runs=SimpleNamespace(arms=arms, trainings=[1] if trained else [], initializations=[], seeds=[0]),
        controls=list(controls),
        level=0.95,
        gains=found,
        overview=Overview(columns, cells, chance, chance, {}),
    )


def test_a_significant_gain_and_its_largest_cost_are_stated():
    found = answer(
        report([("clip", RELATION, 0, 0.3, 1e-5), ("clip", COUNT, 0, -0.1, 0.01), ("clip", T2I, 0, -0.2, 0.02)])
    )
    first, second = found.sentences
    assert first.startswith("hnc gains 30.0 points on relation over clip, its control (95 % interval +29.0 to +31.0")
    assert "adjusted p < 0.001" in first
    assert second.startswith("Its largest significant cost is 20.0 points on t2i")


@pytest.mark.parametrize(
    "differences",
    [
        [("clip", RELATION, 0, 0.05, 1.0)],  # the interval is above 0, the adjusted test does not support it
        [("clip", RELATION, 0, 0.05, 0.001), ("clip", RELATION, 1, 0.05, 0.2)],
        [("clip", RELATION, 0, 0.05, 0.001), ("clip", RELATION, 1, -0.05, 0.001)],
    ],
)
def test_a_difference_without_support_in_every_seed_is_exploratory(differences):
    (sentence,) = answer(report(differences)).sentences
    assert "exploratory" in sentence and "significant gain" in sentence
    assert " gains " not in sentence


def test_the_control_is_the_strongest_one_and_a_cost_that_is_not_significant_is_none():
    values = {"clip": 0.5, "random": 0.6, "hnc": 0.9}
    made = report(
        [("clip", RELATION, 0, 0.4, 0.001), ("random", RELATION, 0, 0.3, 0.001), ("random", T2I, 0, -0.05, 0.3)],
        ("clip", "random"),
        values,
    )
    found = answer(made)
    assert (found.arm, found.control) == ("hnc", "random")
    assert "over random, its strongest control" in found.sentences[0]
    assert found.sentences[1] == "It has no significant cost in the other 1 columns."


def test_one_arm_and_no_control_have_an_answer_and_a_figure():
    for values, words in (({"hnc": 0.9}, "no other"), ({"base": 0.4, "hnc": 0.9}, "No control was evaluated")):
        made = report([], (), values)
        assert words in answer(made).sentences[0]
        assert ">hnc<" in answer_figure(made).svg


def test_of_many_arms_the_figure_shows_the_best():
    made = report([], (), {f"arm{number}": number / 100 for number in range(30)})
    assert shown_arms(made) == [f"arm{number}" for number in range(30 - ARMS, 30)]


def texts(parts):
    return "".join(part.text for part in parts), [part.text for part in parts if part.edited]


def test_edited_words_are_marked_in_both_texts():
    found = marked("a red cube and a blue ball", "a blue cube and a red ball")
    assert texts(found.positive) == ("a red cube and a blue ball", ["red", "blue"])
    assert texts(found.negative) == ("a blue cube and a red ball", ["blue", "red"])


def test_a_caption_of_a_thousand_words_is_cut_around_its_edit():
    words = [f"word{number}" for number in range(1000)]
    other = [*words[:700], "changed", *words[701:]]
    for parts, edited in zip(marked(" ".join(words), " ".join(other)), ("word700", "changed"), strict=True):
        text, marks = texts(parts)
        assert marks == [edited]
        assert len(text) <= LONGEST + 10


def test_exported_tables_show_names_to_the_letter():
    table = Exported("50 % & more", ["arm", "a|b"], [["x_1 <b>", "$5 {a}\\"]])
    assert as_csv(table) == "arm,a|b\nx_1 <b>,$5 {a}\\\n"
    assert r"| x\_1 &lt;b&gt; |" in as_markdown(table)
    latex = as_latex(table)
    assert r"x\_1 \textless{}b\textgreater{} & \$5 \{a\}\textbackslash{} \\" in latex
    assert r"\caption{50 \% \& more.}" in latex
