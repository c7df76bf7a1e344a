# Stage evaluate: one job a checkpoint scores every benchmark.
SPLIT = EXPERIMENT.evaluate.split
ASKED = [f"{name}_{SPLIT}" for name in ("items", "retrieval", "classification") if f"{name}_{SPLIT}" in DECLARED.tables]


rule evaluate_run:
    input:
        unpack(negatives_of_arm),
        unpack(pairs_of_inpaint),
        fingerprint=f"{FINGERPRINTS}/evaluate.json",
        checkpoint=expand(f"{RUN}/checkpoint/{{file}}", file=CHECKPOINT, allow_missing=True),
        tables=expand(
            f"{TABLES}/{{name}}.parquet",
            name=("images", "captions", *ASKED),
        ),
        images=IMAGES,
    output:
        scores=f"{RESULTS}/evaluate/{{arm}}/{{seed}}/scores.parquet",
        metrics=f"{RESULTS}/evaluate/{{arm}}/{{seed}}/metrics.parquet",
        measurement=f"{RESULTS}/evaluate/{{arm}}/{{seed}}/measurement.json",
        manifest=f"{RESULTS}/evaluate/{{arm}}/{{seed}}/manifest.json",
        cost=f"{RESULTS}/evaluate/{{arm}}/{{seed}}/cost.json",
    log:
        f"{LOGS}/evaluate/{{arm}}-{{seed}}.log",
    benchmark:
        f"{LOGS}/evaluate/{{arm}}-{{seed}}.tsv"
    conda:
        ENVIRONMENT
    threads: EXPERIMENT.evaluate.threads
    resources:
        gpu=environment.gpus_wanted(EXPERIMENT.evaluate.device),
    params:
        negatives=negatives_flag,
        inpaint=flag_of("inpaint"),
        checkpoint=parent_of("checkpoint"),
        tables=parent_of("tables"),
        root=IMAGE_ROOT,
        out=subpath(output.scores, parent=True),
    shell:
        "exec python -m nearmiss evaluate --config {input.fingerprint:q} --arm {wildcards.arm}"
        " --seed {wildcards.seed} --checkpoint {params.checkpoint:q}"
        " --tables {params.tables:q} --root {params.root:q} {params.negatives} {params.inpaint}"
        " --out {params.out:q} > {log:q} 2>&1"


rule evaluate:
    input:
        expand(rules.evaluate_run.output, arm=ARMS, seed=SEEDS),
