"""What a configuration file may hold: limits, places of errors, and values that YAML reads as something else."""

import os
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearmiss.base.errors import InputError
from nearmiss.base.typed import LARGEST_SEED
from nearmiss.config import load
from nearmiss.config_yaml import parse_value, parse_yaml
from nearmiss.fields import flags
from nearmiss.names import problem_of_name

BASE = "  base: {objective: [{term: contrastive}], num_negatives: 0}\n"
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{letter}: &{letter} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, letter in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.fixture
def refused(tmp_path):
    """The message about a file with the given content, read as an experiment or as YAML."""

    def refuse(content, read=load):
        file = tmp_path / "experiment.yaml"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(InputError) as caught:
            read(file)
        assert caught.value.file == file
        assert caught.value.remedy
        return str(caught.value)

    return refuse


def test_aliases_of_aliases_are_counted_before_anything_is_built(refused):
    assert "line 9" in refused(LAUGHS) and "aliases" in refused(LAUGHS)
    merged = "a: &a {x: 1}\n" + "".join(
        f"{letter}: &{letter} {{<<: [{', '.join([f'*{before}'] * 10)}]}}\n"
        for before, letter in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert "aliases" in refused(merged)
    chain = "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 200))
    assert "64 levels" in refused(chain)


def test_a_value_that_contains_itself_is_refused(refused):
    assert "contains itself" in refused("experiment: x\nseeds: &a [1, *a]\n")


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 5_000, "- " * 5_000, "a: " + "[" * 70 + "]" * 70])
def test_deep_nesting_is_refused(refused, text):
    assert "nested more than 64 levels deep" in refused(text)


def test_anchors_are_accepted(tmp_path):
    file = tmp_path / "experiment.yaml"
    file.write_text(
        "experiment: x\narms:\n  base: &base {objective: [{term: contrastive}], num_negatives: 0}\n"
        "  clip: {<<: *base, image_lr: 0.002}\ncompare: {controls: [clip]}\n"
    )
    arms = load(file).arms
    assert (arms["clip"].num_negatives, arms["clip"].image_lr) == (0, 0.002)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"experiment: x\nseeds: [\xff]\n", ["UTF-8", "line 2"]),
        (b"\xff\xfee\x00x\x00", ["UTF-8", "line 1"]),
        ("experiment: x\nseeds:\n\t- 1\n", ["malformed", "line 3", "tabs"]),
        ("experiment: x\nseeds: [1]\x07\n", ["U+0007", "line 2"]),
        ('experiment: "x\\0y"\n', ["U+0000", "line 1"]),
        ('experiment: x\narms: {"\\ud800": {}}\n', ["U+D800", "line 2"]),
        ("experiment: x\nseeds: [" + "9" * 5000 + "]\n", ["line 2", "cannot be read"]),
        ("experiment: 2026-02-30\n", ["line 1", "2026-02-30"]),
        ("experiment: !!python/object/apply:os.system [id]\n", ["malformed", "line 1"]),
        ("experiment: x\n---\nexperiment: y\n", ["malformed", "line 2"]),
        ("experiment: x\n? [a, b]\n: 1\n", ["key", "line 2"]),
        ("experiment: x\ndata: {source: {things: {1: 0.5, 01: 0.5}}}\n", ["occurs twice", "lines 2 and 2"]),
        ("experiment: x\narms: {on: {}, yes: {}}\n", ["occurs twice", "line 2"]),
        ("x: 1\n" * 2, ["occurs twice", "lines 1 and 2"]),
        (b"#" * (2**20 + 1), ["1048576 bytes"]),
    ],
)
def test_a_file_that_cannot_be_a_configuration_is_refused_with_the_line(refused, content, words):
    message = refused(content, parse_yaml)
    for word in words:
        assert word in message


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path):
    file = tmp_path / "experiment.yaml"
    file.write_bytes(b"\xef\xbb\xbfexperiment: x\r\nseeds: [3]\r\n")
    assert load(file).seeds == [3]


def test_special_files_are_refused_without_blocking(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / ("x" * 300)):
        with pytest.raises(InputError):
            parse_yaml(path)


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        (f"[{2**63}]", ["seeds.0", str(LARGEST_SEED)]),
        (f"[0, {10**40}]", ["seeds.1", str(LARGEST_SEED)]),
        ("[-1]", ["seeds.0", "greater than or equal to 0"]),
        ("[1.0]", ["seeds.0", "integer"]),
        ("[1e3]", ["seeds.0", "integer"]),
        ("[yes]", ["seeds", "boolean"]),
        ("['1']", ["seeds.0", "integer"]),
        ("[0, 1, 0]", ["seed 0 occurs twice", "once"]),
        ("[]", ["seeds"]),
        ("3", ["seeds"]),
    ],
)
def test_a_seed_that_a_table_cannot_hold_is_refused(refused, seeds, words):
    message = refused(f"experiment: x\nseeds: {seeds}\n")
    for word in [*words, "line 2"]:
        assert word in message


def test_the_largest_seed_is_a_seed_everywhere(tmp_path):
    file = tmp_path / "experiment.yaml"
    file.write_text(f"experiment: x\nseeds: [{LARGEST_SEED}]\nnegatives: {{seed: {LARGEST_SEED}}}\n")
    assert load(file).seeds == [2**63 - 1]


@pytest.mark.parametrize("key", ["negatives.seed", "inpaint.seed", "robustness.seed", "data.source.seed"])
@pytest.mark.parametrize("value", [str(2**63), "1.5", "true"])
def test_every_stages_seed_has_the_same_bound(refused, key, value):
    *sections, last = key.split(".")
    opened = "".join(f"{section}: {{" for section in sections).replace("source: {", "source: {name: world, ")
    message = refused(f"experiment: x\n{opened}{last}: {value}{'}' * len(sections)}\n")
    assert f"{key} (line 2)" in message


@pytest.mark.parametrize("value", [".nan", ".inf", "-.inf", "nan", "inf", "1e400"])
def test_numbers_are_finite(refused, value):
    message = refused(f"experiment: x\npretrain: {{weight_decay: {value}}}\n")
    assert "pretrain.weight_decay" in message and "finite" in message


def test_a_boolean_is_not_a_number(refused):
    assert "pretrain.batch_size (line 2)" in refused("experiment: x\npretrain: {batch_size: yes}\n")
    assert "evaluate.recall_at (line 2)" in refused("experiment: x\nevaluate: {recall_at: [1, on]}\n")


@pytest.mark.parametrize("name", ["on", "no", "null", "12", "1e3.0", "2026-01-01", "~"])
def test_a_name_that_yaml_reads_as_something_else_is_explained(refused, name):
    message = refused(f"experiment: {name}\n")
    assert "line 1" in message and ("quotes" in message or "not a valid name" in message)


def test_an_arm_whose_name_yaml_reads_as_a_boolean_is_explained(refused):
    message = refused(f"experiment: x\narms:\n{BASE}  off: {{objective: [{{term: contrastive}}]}}\n")
    assert "quotes" in message and "arms.False" in message


NAMES = ["--help", "-x", "..", ".", "a/b", "a\\b", "con", "com1", "a b", "a\nb", "A", "é", "a.b", "", "x" * 101, "a:b"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("what", ["experiment", "arm", "method"])
def test_all_names_follow_one_rule(refused, name, what):
    quoted = '"' + name.replace("\\", "\\\\").replace("\n", "\\n") + '"'
    text = {
        "experiment": f"experiment: {quoted}\n",
        "arm": f"experiment: x\narms:\n{BASE}  {quoted}: {{objective: [{{term: contrastive}}]}}\n",
        "method": f"experiment: x\nnegatives: {{methods: {{{quoted}: {{method: random}}}}}}\n",
    }[what]
    message = refused(text)
    assert f"not a valid name for a{'n' if what != 'method' else ''} {what}" in message
    assert "(line" in message
    assert max(map(len, message.splitlines())) < 300


@pytest.mark.parametrize("what", ["experiment", "arm", "method"])
@given(st.text(string.ascii_letters + string.digits + "_-./\\ \n:{}'\"%?*é", max_size=12))
@settings(max_examples=100)
def test_a_valid_name_is_safe_as_a_folder_and_as_an_argument(what, name):
    if problem_of_name(name, what) is None:
        assert name == name.lower() and name.isascii()
        assert not name.startswith(("-", ".", "_"))
        assert set(name) <= set(string.ascii_lowercase + string.digits + "_-")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"arms:\n{BASE}  a: {{method: keywrod, objective: [{{term: own_negatives}}]}}\n", ["did you mean 'keyword'?"]),
        ("negatives: {methods: {mine: {method: scene_grahp}}}\n", ["did you mean 'scene_graph'?", "negatives.methods"]),
        (f"arms:\n{BASE}  a: {{objective: [{{term: contrastiv}}]}}\n", ["did you mean 'contrastive'?"]),
        ("evaluate: {split: tset}\n", ["did you mean 'test'?", "evaluate.split"]),
        ("compare: {controls: [clp]}\n", ["did you mean 'clip'?"]),
    ],
)
def test_an_unknown_word_is_refused_with_the_nearest_known_one(refused, text, words):
    message = refused("experiment: x\n" + text)
    for word in words:
        assert word in message


def test_two_methods_do_not_share_a_log(refused):
    text = "negatives: {methods: {a: {method: random}, a-truth: {method: random}}}\n"
    assert "check of another method" in refused("experiment: x\n" + text)


def test_a_long_value_is_shortened_in_messages(refused):
    assert len(refused(f"experiment: x\nevaluate: {{split: {'x' * 100_000}}}\n")) < 1000


def test_flags_have_the_same_limits():
    assert flags(("--level", "0.5", "--name", "2026-02-30:x")) == {"level": 0.5, "name": "2026-02-30:x"}
    assert parse_value("[unclosed") == "[unclosed"
    with pytest.raises(InputError, match="nested"):
        parse_value("[" * 100)


@given(st.binary(max_size=200) | st.text(max_size=60).map(str.encode))
@settings(max_examples=150)
def test_any_bytes_give_values_or_a_message(tmp_path_factory, content):
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(content)
    try:
        load(file)
    except InputError as error:
        assert str(file) in str(error)
