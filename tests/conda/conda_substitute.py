"""A small substitute for the command `conda`: only what Snakemake 9.27 calls.

`env create` makes a virtual environment at the prefix. Nothing is installed into it: it sees the packages of the
interpreter that runs the tests, after every pin of the file's pip section was compared with what is installed there.
`nearmiss` itself is not among them, as in a real environment: it must come from PYTHONPATH. Each Python that starts
in the environment leaves a note in the environment's folder `started`.
"""

import argparse
import json
import shlex
import sys
import sysconfig
import venv
from importlib import metadata
from pathlib import Path

import yaml
from packaging.requirements import Requirement

# Runs at the start of every Python of the environment. A file of its own is easier to read than appended lines that
# several processes write at once.
RECORDER = """
import importlib.util, json, os, sys, time
from pathlib import Path
package = importlib.util.find_spec("nearmiss")
note = {"prefix": sys.prefix, "nearmiss": package and package.origin, "command": sys.orig_argv[1:]}
folder = Path(sys.prefix, "started")
Path(folder, f"{time.time_ns()}-{os.getpid()}.json").write_text(json.dumps(note))
"""
ACTIVATE = 'export CONDA_PREFIX="$1" PATH="$1/bin:$PATH"\n'


def install(folder: Path) -> Path:
    """Put `conda` and its activation under `folder`; the folder of programs that PATH needs first."""
    programs = folder / "bin"
    programs.mkdir(parents=True)
    (programs / "activate").write_text(ACTIVATE)
    command = shlex.join([sys.executable, str(Path(__file__).resolve()), str(folder)])
    (programs / "conda").write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    (programs / "conda").chmod(0o755)
    return programs


def missing(pins: list[str]) -> list[str]:
    """The pins that this interpreter should have and has not, each with what is there instead."""
    wrong = []
    for pin in pins:
        wanted = Requirement(pin)
        if wanted.marker and not wanted.marker.evaluate():
            continue
        try:
            found = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            found = "nothing"
        if found == "nothing" or not wanted.specifier.contains(found, prereleases=True):
            wrong.append(f"{wanted.name}{wanted.specifier} is wanted, {found} is installed")
    return wrong


def create(arguments: list[str]) -> None:
    """`conda env create`, with the options that Snakemake gives."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("--no-default-packages", action="store_true")
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--prefix", type=Path, required=True)
    options = parser.parse_args(arguments)
    *_, last = yaml.safe_load(options.file.read_text())["dependencies"]
    if wrong := missing(last["pip"]):
        sys.exit("Pip failed: " + "; ".join(wrong))
    venv.EnvBuilder(with_pip=False, symlinks=True).create(options.prefix)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(options.prefix)}))
    (packages / "of_the_tests.pth").write_text(sysconfig.get_path("purelib") + "\nimport notes_every_start\n")
    (packages / "notes_every_start.py").write_text(RECORDER)
    (options.prefix / "started").mkdir()


def main(folder: Path, arguments: list[str]) -> None:
    with (folder / "asked.txt").open("a") as log:
        log.write(shlex.join(arguments) + "\n")
    match arguments:
        case ["--version"]:
            print("conda 24.7.1")
        case ["info", "--json"]:
            print(json.dumps({"conda_prefix": str(folder), "platform": "linux-64"}))
        case ["config", "--get", "channel_priority", "--json"]:
            print(json.dumps({"get": {"channel_priority": "strict"}}))
        case ["env", "create", *options]:
            create(options)
        case ["clean", "-y", "--tarballs"]:
            pass
        case _:
            sys.exit(f"The substitute for conda does not support: conda {shlex.join(arguments)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
