"""What an edit of this checkout makes anew: fingerprints of the default experiment before and after it."""

import importlib
import shutil

import pytest

from nearmiss.base.fingerprint import SourceTree
from nearmiss.config import STAGES, load, resolve
from nearmiss.config_arms import interpolated_arms
from nearmiss.experiment_parts import PARSED, REGISTRIES, code_files, fingerprints, parts

LINE = "\nPLANTED = 1\n"


@pytest.fixture(scope="module")
def experiment(root):
    return load(root / "config" / "config.yaml")


@pytest.fixture(scope="module")
def before(root, experiment):
    return fingerprints(experiment, root)


@pytest.fixture
def copy(root, before, tmp_path):
    """The files of this checkout that fingerprints are made of, which a test may change; parsed, but for changes."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(root / "src", tmp_path / "src", ignore=ignored)
    shutil.copytree(root / "workflow", tmp_path / "workflow", ignore=ignored)
    shutil.copy2(root / "requirements.lock", tmp_path)
    (tmp_path / PARSED).parent.mkdir()
    shutil.copy2(root / PARSED, tmp_path / PARSED)
    return tmp_path


def append(copy, module, text=LINE):
    with SourceTree(copy / "src").file(f"nearmiss.{module}").open("a") as handle:
        handle.write(text)


def changed(before, copy, experiment):
    after = fingerprints(experiment, copy)
    assert before.keys() == after.keys()
    return {name for name in before if before[name] != after[name]}


def test_comments_and_docstrings_in_every_file_change_nothing(before, copy, experiment):
    for file in (copy / "src").rglob("*.py"):
        text = file.read_text()
        marked = text.replace('"""', '"""Planted. ', 1) if text.startswith('"""') else f'"""Planted."""\n{text}'
        file.write_text(f"# planted\n{marked}\n# planted\n")
    for file in (copy / "workflow" / "rules").glob("*.smk"):
        file.write_text(f"# planted\n{file.read_text()}\n")
    assert changed(before, copy, experiment) == set()


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("engine.objectives.sigmoid", set()),
        ("engine.objectives.own_negatives", {"pretrain/hnc", "pretrain/random"}),
        ("engine.objectives.cross_modal_rank", {"pretrain/ce_clip"}),
        ("engine.benchmarks.spec", {"evaluate", "robustness", "compare"}),
        ("engine.benchmarks.winoground", set()),
        ("engine.benchmarks.inpaintcoco", {"evaluate", "compare"}),
        ("engine.benchmarks.retrieval", {"evaluate", "compare"}),
        ("engine.benchmarks.world", {"evaluate", "robustness", "compare"}),
        ("engine.images.corruptions.contrast", {"robustness"}),
        ("engine.images.editing.repaint", set()),
        ("engine.images.editing.rescale", {"inpaint"}),
        ("stages.negatives.keyword.matching", {"negatives/keyword"}),
        ("stages.negatives.swap.method", set()),
        (
            "stages.negatives.candidates",
            {f"negatives/{name}" for name in ("keyword", "matched", "random", "replace", "scene_graph")},
        ),
        ("stages.finetune.shapes", {"finetune"}),
        ("engine.text.scene_graphs.statements", set()),
        ("stages.data.sources.statement_captions", set()),
        ("stages.data.sources.coco", set()),
        ("stages.data.sources.world_tables", {"data"}),
        ("cli", set()),
    ],
)
def test_a_changed_line_changes_the_parts_that_use_the_file(before, copy, experiment, module, names):
    append(copy, module)
    assert changed(before, copy, experiment) == names


@pytest.mark.parametrize(
    ("file", "old", "new", "names"),
    [
        ("engine/benchmarks/data/published.yaml", "models:", "planted: 1\nmodels:", {"evaluate"}),
        ("engine/benchmarks/data/published.yaml", "models:", "# planted\nmodels:", set()),
        ("engine/benchmarks/data/paper_tables.yaml", "ce_clip:", "planted: 1\nce_clip:", {"compare"}),
        ("engine/downloads/catalog.yaml", "sugarcrepe:", "planted: 1\nsugarcrepe:", set()),
    ],
)
def test_a_changed_data_file_changes_the_parts_that_read_it(root, before, copy, experiment, file, old, new, names):
    path = copy / "src" / "nearmiss" / file
    path.write_text(path.read_text().replace(f"\n{old}", f"\n{new}", 1))
    assert path.read_text() != (root / "src" / "nearmiss" / file).read_text()
    assert changed(before, copy, experiment) == names


def test_a_changed_line_in_shared_code_changes_every_part(before, copy, experiment):
    append(copy, "base.errors")
    assert changed(before, copy, experiment) == before.keys()


def test_a_rule_file_changes_its_stage(before, copy, experiment):
    with (copy / "workflow" / "rules" / "inpaint.smk").open("a") as handle:
        handle.write("\n\nPLANTED = 1\n")
    assert changed(before, copy, experiment) == {"inpaint"}


def fingerprints_changed_by(root, **sections):
    plain = load(root / "config" / "config.yaml").model_dump(mode="json")
    before = fingerprints(resolve(plain), root)
    for name, section in sections.items():
        plain[name] |= section
    after = fingerprints(resolve(plain), root)
    return {name for name in before if before[name] != after[name]}


def test_a_part_depends_on_the_section_that_concerns_it(root):
    assert fingerprints_changed_by(root, pretrain={"base": {"captions": "broad", "steps": 7}}) == {"pretrain/base"}
    arms = {f"pretrain/{arm}" for arm in load(root / "config" / "config.yaml").arms if arm != "base"}
    assert fingerprints_changed_by(root, pretrain={"continued": {"captions": "narrow", "steps": 7}}) == arms
    assert fingerprints_changed_by(root, pretrain={"fusion": {"width": 64, "heads": 2, "layers": 1}}) == set()
    assert fingerprints_changed_by(root, compare={"level": 0.9}) == {"compare"}


def test_shares_of_weights_have_a_fingerprint_of_their_own(root):
    shares = {"interpolation": [0.0, 0.5]}
    assert fingerprints_changed_by(root, evaluate=shares) == set()
    plain = load(root / "config" / "config.yaml")
    found = resolve(plain.model_dump(mode="json") | {"evaluate": plain.evaluate.model_dump(mode="json") | shares})
    assert parts(found).keys() - parts(plain).keys() == {"evaluate/interpolation"}


def test_a_cross_encoder_is_not_interpolated_with_a_base_that_has_no_fusion(root):
    arms = load(root / "config" / "objectives.yaml").arms
    found = interpolated_arms(arms, [0.5])
    assert "hnc_itm" in arms and "hnc_itm" not in found and "base" not in found
    assert "hnc" in found
    assert interpolated_arms(arms, []) == []


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.kind)
def test_the_listed_plugins_equal_the_registry(root, registry):
    """A module that a registry imports is a plugin under its configuration name, or a declared helper."""
    module = importlib.import_module(registry.module)
    tree = SourceTree(root / "src", REGISTRIES)
    names = {
        "objectives": lambda: {term.model_fields["term"].default for term in module.spec.Term.__args__[0].__args__},
        "benchmarks": set,  # its plugins are imported by name: only those of a configuration
        "corruptions": lambda: set(module.CORRUPTIONS),
        "text_corruptions": lambda: set(module.TEXT_CORRUPTIONS),
        "operations": lambda: set(module.OPERATIONS),
        "methods": lambda: set(module.METHODS),
        "tasks": lambda: set(module.TASKS),
        "sources": lambda: {each.model_fields["name"].default for each in module.AnySource.__args__[0].__args__},
    }[registry.kind]()
    assert {registry.file_of(name) for name in names} == tree.plugins(registry)
    package = registry.module.rpartition(".")[0]
    assert all(tree.modules(f"{package}.{name}") for name in tree.plugins(registry))
    assert all(tree.file(f"{package}.{name}") for name in registry.helpers)


def test_a_stage_that_reaches_a_registry_names_its_plugins(root, experiment):
    """Else a changed plugin would go unseen. Stage finetune and the image store build no objective."""
    tree = SourceTree(root / "src", REGISTRIES)
    for name, part in parts(experiment).items():
        reached = tree.stage_modules(part.stage, part.plugins)
        kinds = {registry.kind for registry in REGISTRIES if registry.module in reached}
        assert kinds - set(part.plugins) <= ({"objectives"} if name in ("finetune", "pretrain") else set()), name


def test_the_files_of_a_stage_are_those_of_all_its_parts(root, experiment):
    files = code_files(experiment, root / "src")
    assert list(files) == list(STAGES)
    terms = {file.stem for file in files["pretrain"] if file.parent.name == "objectives"}
    assert {"contrastive", "own_negatives", "cross_modal_rank"} <= terms and "sigmoid" not in terms
