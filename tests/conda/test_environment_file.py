"""The conda environment file is the lock's: same packages, same versions, same digest; every rule names it."""

import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "workflow" / "envs" / "nearmiss.yaml"
LOCK = ROOT / "requirements.lock"
WRITER = ROOT / "workflow" / "envs" / "digest.py"


def writer():
    spec = importlib.util.spec_from_file_location("conda_file_writer", WRITER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pip_section(text: str) -> list[str]:
    return yaml.safe_load(text)["dependencies"][-1]["pip"]


def test_file_and_lock_are_equal():
    assert FILE.read_text() == writer().environment_file(LOCK.read_bytes()), "run `make lock`"


def test_the_file_has_the_lock_digest_and_every_pinned_version():
    """Read without the code that writes the file."""
    assert f"# lock: {hashlib.sha256(LOCK.read_bytes()).hexdigest()}\n" in FILE.read_text()
    locked = re.findall(r"^([a-z0-9._-]+)==([^ ;]+)(?: ; (.+?))? \\$", LOCK.read_text(), re.MULTILINE)
    listed = [Requirement(pin) for pin in pip_section(FILE.read_text())]
    assert len(locked) > 200
    assert [(pin.name, str(pin.specifier), str(pin.marker or "")) for pin in listed] == [
        (name, f"=={version}", str(Requirement(f"{name} ; {marker}").marker) if marker else "")
        for name, version, marker in locked
    ]


def test_the_pip_section_references_no_other_file():
    """Snakemake copies the file to any folder: an option (`-r`, `-e`) or a path would be looked for there."""
    for pin in pip_section(FILE.read_text()):
        assert re.match(r"[A-Za-z0-9]", pin)
        assert Requirement(pin).url is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("\npillow==", "\npillow==0.", id="another version"),
        pytest.param("\npillow==", "\npillow-simd==1.0 \\\n    --hash=sha256:00\npillow==", id="one more package"),
        pytest.param("--hash=sha256:0", "--hash=sha256:1", id="another hash"),
        pytest.param("python_full_version < '3.12'", "python_full_version < '3.13'", id="another marker"),
    ],
)
def test_a_changed_lock_is_detected_and_written_again(old, new, tmp_path):
    shutil.copytree(FILE.parent, tmp_path / "workflow" / "envs")
    text = LOCK.read_text()
    assert old in text
    (tmp_path / "requirements.lock").write_text(text.replace(old, new, 1))
    file = tmp_path / "workflow" / "envs" / "nearmiss.yaml"
    wanted = writer().environment_file((tmp_path / "requirements.lock").read_bytes())
    assert file.read_text() != wanted
    subprocess.run([sys.executable, "workflow/envs/digest.py"], cwd=tmp_path, check=True)
    assert file.read_text() == wanted


@pytest.mark.parametrize("line", ["-e .", "pillow>=11", "nearmiss @ https://example.org/nearmiss.whl", "--pre"])
def test_a_line_that_is_not_a_pin_is_refused(line):
    with pytest.raises(ValueError, match="line 2"):
        writer().pins(f"six==1.17.0\n{line}\n")


def without_environment(rules: str) -> list[str]:
    """The rules of a rule file that run a command, and in no environment."""
    blocks = re.split(r"^(?=(?:rule|checkpoint|use rule) )", rules, flags=re.MULTILINE)
    single = [block for block in blocks if re.search(r"^    (shell|script|notebook):", block, re.MULTILINE)]
    named = re.compile(r"^    conda:\n        ENVIRONMENT$", re.MULTILINE)
    wrong = [block for block in single if not named.search(block)]
    return [block.splitlines()[0] for block in wrong]


@pytest.mark.parametrize("file", sorted((ROOT / "workflow" / "rules").glob("*.smk")), ids=lambda file: file.stem)
def test_every_rule_that_runs_a_command_names_the_environment(file):
    assert without_environment(file.read_text()) == []


@pytest.mark.parametrize("name", ["plain", "{v2}", "{", "a b", "it's"])
def test_the_rules_name_the_lock_file_in_any_checkout(name, monkeypatch):
    """Snakemake formats the path that a rule names."""
    spec = importlib.util.spec_from_file_location("workflow_environment", ROOT / "workflow" / "environment.py")
    environment = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(environment)
    assert Path(environment.conda_file()) == FILE
    monkeypatch.setattr(environment, "ROOT", Path("/home") / name)
    assert environment.conda_file().format() == f"/home/{name}/workflow/envs/nearmiss.yaml"
    assert "ENVIRONMENT = environment.conda_file()" in (ROOT / "workflow" / "rules" / "common.smk").read_text()


def test_a_rule_without_the_environment_is_detected():
    text = (ROOT / "workflow" / "rules" / "data.smk").read_text()
    assert without_environment(text.replace("    conda:\n", "    # conda:\n", 1)) == ["rule data_held_out:"]
