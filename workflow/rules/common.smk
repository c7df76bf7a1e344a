# The experiment's configuration, names of folders, and the environment of every job.
import sys
from pathlib import Path

sys.path.insert(0, str(Path(str(workflow.current_basedir)).parent))

import environment
from nearmiss.config import resolve
from nearmiss.config_arms import interpolated_arms
from nearmiss.config_yaml import parse_yaml
from nearmiss.downloads import check_downloads, needed_downloads
from nearmiss.overrides import of_workflow
from nearmiss.stages.negatives.config import MATCHED

# Snakemake merges a configfile named here with one of the command line, key by key; maps of ours replace.
if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


with environment.refusing():
    environment.check_checkout()
    FILES = [Path(file) for file in workflow.configfiles]
    LINES = parse_yaml(FILES[0])[1] if len(FILES) == 1 else {}
    VALUES, OVERRIDES = of_workflow(dict(config), LINES)
    EXPERIMENT = resolve(
        VALUES,
        file=", ".join(map(str, FILES)) or "--config",
        lines=LINES,
        overrides=OVERRIDES,
    )

    environment.check_published(EXPERIMENT)

NAME = EXPERIMENT.experiment
RESULTS, LOGS, STATE = f"results/{NAME}", f"logs/{NAME}", f"state/{NAME}"
DATA = f"{RESULTS}/data"
FINGERPRINTS = f"{RESULTS}/fingerprint"
ARMS, SEEDS, METHODS = list(EXPERIMENT.arms), EXPERIMENT.seeds, EXPERIMENT.methods()
MATCHED_METHODS, MATCHED_SETS = EXPERIMENT.matched_methods(), f"{RESULTS}/negatives/{MATCHED}"
GPUS = environment.gpus_wanted(EXPERIMENT.pretrain.device)

ENVIRONMENT = environment.conda_file()
DEPLOYED = {str(method) for method in workflow.deployment_settings.deployment_method}
shell.prefix(environment.shell_prefix("conda" in DEPLOYED))

with environment.refusing():
    if workflow.is_main_process and environment.become_driver(NAME):
        environment.write_fingerprints(EXPERIMENT, Path(FINGERPRINTS))


wildcard_constraints:
    arm="[a-z0-9_-]+",
    seed="[0-9]+",
    method="|".join(METHODS) or "(?!)",
    entry="[a-z0-9_]+",
