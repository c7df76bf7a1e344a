# Stage robustness: images corrupted once for all models, then one job a checkpoint.
NOISE = [
    f"{each.corruption}-{severity}.npy"
    for each in EXPERIMENT.robustness.corruptions
    for severity in sorted(EXPERIMENT.robustness.severities)
]
ROBUST = ARMS if EXPERIMENT.robustness.corruptions else []
CORRUPTED = f"{RESULTS}/robustness/corrupted"


rule robustness_corrupted:
    input:
        fingerprint=f"{FINGERPRINTS}/robustness.json",
        tables=expand(
            f"{TABLES}/{{name}}.parquet",
            name=("images", f"items_{EXPERIMENT.robustness.split}"),
        ),
        images=IMAGES,
    output:
        pixels=expand(f"{CORRUPTED}/{{file}}", file=["clean.npy", *NOISE]),
        image_ids=f"{CORRUPTED}/image_ids.json",
        asked=f"{CORRUPTED}/items.parquet",
        noise=f"{CORRUPTED}/noise.json",
        manifest=f"{CORRUPTED}/manifest.json",
        cost=f"{CORRUPTED}/cost.json",
    log:
        f"{LOGS}/robustness/corrupted.log",
    benchmark:
        f"{LOGS}/robustness/corrupted.tsv"
    conda:
        ENVIRONMENT
    threads: 4
    params:
        tables=parent_of("tables"),
        root=IMAGE_ROOT,
        out=subpath(output.asked, parent=True),
    shell:
        "exec python -m nearmiss corrupt --config {input.fingerprint:q}"
        " --tables {params.tables:q} --root {params.root:q} --out {params.out:q}"
        " --workers {threads} > {log:q} 2>&1"


rule robustness_run:
    input:
        unpack(negatives_of_arm),
        fingerprint=f"{FINGERPRINTS}/robustness.json",
        checkpoint=expand(f"{RUN}/checkpoint/{{file}}", file=CHECKPOINT, allow_missing=True),
        corrupted=rules.robustness_corrupted.output,
        tables=expand(
            f"{TABLES}/{{name}}.parquet",
            name=("images", "captions", f"items_{EXPERIMENT.robustness.split}"),
        ),
        images=IMAGES,
    output:
        scores=f"{RESULTS}/robustness/{{arm}}/{{seed}}/scores.parquet",
        metrics=f"{RESULTS}/robustness/{{arm}}/{{seed}}/metrics.parquet",
        measurement=f"{RESULTS}/robustness/{{arm}}/{{seed}}/measurement.json",
        manifest=f"{RESULTS}/robustness/{{arm}}/{{seed}}/manifest.json",
        cost=f"{RESULTS}/robustness/{{arm}}/{{seed}}/cost.json",
    log:
        f"{LOGS}/robustness/{{arm}}-{{seed}}.log",
    benchmark:
        f"{LOGS}/robustness/{{arm}}-{{seed}}.tsv"
    conda:
        ENVIRONMENT
    threads: EXPERIMENT.robustness.threads
    resources:
        gpu=environment.gpus_wanted(EXPERIMENT.robustness.device),
    params:
        negatives=negatives_flag,
        checkpoint=parent_of("checkpoint"),
        corrupted=parent_of("corrupted"),
        tables=parent_of("tables"),
        root=IMAGE_ROOT,
        out=subpath(output.scores, parent=True),
    shell:
        "exec python -m nearmiss robustness --config {input.fingerprint:q} --arm {wildcards.arm}"
        " --seed {wildcards.seed} --checkpoint {params.checkpoint:q}"
        " --corrupted {params.corrupted:q} --tables {params.tables:q} --root {params.root:q}"
        " {params.negatives} --out {params.out:q} > {log:q} 2>&1"


rule robustness:
    input:
        rules.robustness_corrupted.output if ROBUST else [],
        expand(rules.robustness_run.output, arm=ROBUST, seed=SEEDS),
