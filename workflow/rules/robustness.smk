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
        unpack(pairs_of_robustness),
        fingerprint=f"{FINGERPRINTS}/robustness.json",
        tables=[f"{TABLES}/images.parquet", *tables_of(EXPERIMENT.robustness)],
        images=IMAGES,
        downloads=receipts_of_robustness,
    output:
        pixels=expand(f"{CORRUPTED}/{{file}}", file=["clean.npy", *NOISE]),
        images=f"{CORRUPTED}/images.json",
        settings=f"{CORRUPTED}/corruptions.json",
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
        root=data_root_flag(),
        moved=moved_folders,
        state=f"{STATE}/robustness/corrupted",
        out=subpath(output.images, parent=True),
    shell:
        "exec python -m nearmiss corrupt --fingerprint {input.fingerprint:q} {params.root} {params.moved}"
        " --state {params.state:q} --out {params.out:q} --workers {threads} > {log:q} 2>&1"


rule robustness_run:
    input:
        unpack(negatives_of_arm),
        unpack(pairs_of_robustness),
        fingerprint=f"{FINGERPRINTS}/robustness.json",
        checkpoint=expand(f"{RUN}/checkpoint/{{file}}", file=CHECKPOINT, allow_missing=True),
        corrupted=rules.robustness_corrupted.output,
        tables=[f"{TABLES}/images.parquet", *tables_of(EXPERIMENT.robustness)],
        captions=CAPTIONS,
        images=IMAGES,
        downloads=receipts_of_robustness,
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
        negatives=training_negatives_flag,
        root=data_root_flag(),
        moved=moved_folders,
        checkpoint=parent_of("checkpoint"),
        corrupted=parent_of("corrupted"),
        state=f"{STATE}/robustness/{{arm}}-{{seed}}",
        out=subpath(output.scores, parent=True),
    shell:
        "exec python -m nearmiss robustness --fingerprint {input.fingerprint:q}"
        " --model local-dir:{params.checkpoint:q} --arm {wildcards.arm} --seed {wildcards.seed}"
        " --corrupted {params.corrupted:q} {params.root} {params.moved} {params.negatives}"
        " --training-captions {input.captions:q} --state {params.state:q}"
        " --out {params.out:q} > {log:q} 2>&1"


rule robustness:
    input:
        rules.robustness_corrupted.output if ROBUST else [],
        expand(rules.robustness_run.output, arm=ROBUST, seed=SEEDS),
        DOWNLOADS.receipts(DOWNLOADS.robustness),
