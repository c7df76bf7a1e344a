"""Parts of a headline apart: the concepts that binding counts together, and the tasks of zero-shot classification."""

from types import SimpleNamespace

from nearmiss.base.tables import table
from nearmiss.stages.compare.groups import group_rows, groups


def row(value, **where):
    empty = dict.fromkeys(["subset", "concept", "operator", "condition", "task", "corruption", "severity", "share"])
    run = {"model": "m", "arm": "hnc", "seed": 0, "stage": "evaluate", "split": "test", "low": 0.4, "high": 0.9}
    counts = {"n_scored": 400, "n_expected": 400, "ties": 0, "chance": 0.5, "blind": 0.5}
    marks = dict.fromkeys(["trained", "text_prior", "training_probe", "published"])
    return {**empty, **run, **counts, **marks, "value": value, **where}


def shown(*rows):
    frame = table("metrics", list(rows))
    return groups(SimpleNamespace(metrics=lambda: frame, arms=["hnc"], incomplete=lambda: []))


def binding(concept, value):
    where = {"benchmark": "world", "subset": "1x2+2x2", "operator": "swap", "condition": "iid", "metric": "accuracy"}
    return row(value, concept=concept, **where)


def test_a_concept_at_chance_is_shown_separately_from_its_group():
    (found,) = shown(*[binding(name, value) for name, value in (("color", 0.7), ("pattern", 0.5), ("binding", 0.6))])
    assert (found.title, found.by) == ("binding", "concept")
    assert [column.title for column in found.values.columns] == ["color", "pattern"]
    assert [cell["text"] for cell in group_rows(found)[2]["cells"]] == ["70.0", "50.0"]


def test_one_concept_has_no_parts():
    assert shown(binding("color", 0.7), binding("binding", 0.7)) == []


def test_tasks_are_shown_separately_from_their_mean():
    where = {"benchmark": "classification", "metric": "top1"}
    (found,) = shown(
        *[row(value, task=task, **where) for task, value in (("color", 1.0), ("ground", 0.2), ("mean", 0.6))]
    )
    assert (found.by, [column.title for column in found.values.columns]) == ("task", ["color", "ground"])
    assert isinstance(found.values.cells["hnc"]["zero_shot, ground"].value, float)
