# Stage evaluate: one job a checkpoint scores every benchmark.
INTERPOLATED = interpolated_arms(EXPERIMENT.arms, EXPERIMENT.evaluate.interpolation)
INTERPOLATION = f"{RESULTS}/evaluate/interpolation"


# The features of the benchmarks' images behind a frozen image trunk, which all runs share. Any checkpoint has the trunk.
rule evaluate_image_features:
    input:
        unpack(pairs_of_evaluate),
        fingerprint=f"{FINGERPRINTS}/evaluate.json",
        checkpoint=expand(f"{RESULTS}/pretrain/base/{SEEDS[0]}/checkpoint/{{file}}", file=CHECKPOINT),
        tables=[f"{TABLES}/images.parquet", *tables_of(EXPERIMENT.evaluate)],
        images=IMAGES,
        downloads=receipts_of_evaluate,
    output:
        features=directory(f"{RESULTS}/evaluate/features/features"),
        record=f"{RESULTS}/evaluate/features/features.json",
        manifest=f"{RESULTS}/evaluate/features/manifest.json",
        cost=f"{RESULTS}/evaluate/features/cost.json",
    log:
        f"{LOGS}/evaluate/image-features.log",
    benchmark:
        f"{LOGS}/evaluate/image-features.tsv"
    priority: 20
    conda:
        ENVIRONMENT
    threads: 8
    resources:
        gpu=environment.gpus_wanted(EXPERIMENT.evaluate.device),
    params:
        moved=moved_folders,
        frozen=" ".join(f"--frozen {shlex.quote(part)}" for part in EXPERIMENT.pretrain.frozen),
        checkpoint=parent_of("checkpoint"),
        state=f"{STATE}/evaluate/image-features",
        out=subpath(output.manifest, parent=True),
    shell:
        "exec python -m nearmiss benchmark-features --fingerprint {input.fingerprint:q}"
        " --model local-dir:{params.checkpoint:q} {params.frozen} {params.moved} --state {params.state:q}"
        " --out {params.out:q} --workers {threads} > {log:q} 2>&1"


rule evaluate_run:
    input:
        unpack(negatives_of_arm),
        unpack(pairs_of_evaluate),
        unpack(features_of_evaluate),
        fingerprint=f"{FINGERPRINTS}/evaluate.json",
        checkpoint=expand(f"{RUN}/checkpoint/{{file}}", file=CHECKPOINT, allow_missing=True),
        tables=[f"{TABLES}/images.parquet", *tables_of(EXPERIMENT.evaluate)],
        captions=CAPTIONS,
        images=IMAGES,
        downloads=receipts_of_evaluate,
    output:
        scores=f"{RESULTS}/evaluate/{{arm}}/{{seed}}/scores.parquet",
        outcomes=f"{RESULTS}/evaluate/{{arm}}/{{seed}}/outcomes.parquet",
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
        features=features_flags,
        negatives=training_negatives_flag,
        moved=moved_folders,
        missing="allow" if EXPERIMENT.evaluate.missing == "allow" else "refuse",
        checkpoint=parent_of("checkpoint"),
        state=f"{STATE}/evaluate/{{arm}}-{{seed}}",
        out=subpath(output.scores, parent=True),
    shell:
        "exec python -m nearmiss evaluate --fingerprint {input.fingerprint:q}"
        " --model local-dir:{params.checkpoint:q} --arm {wildcards.arm} --seed {wildcards.seed}"
        " {params.moved} --missing {params.missing} {params.features} {params.negatives}"
        " --training-captions {input.captions:q} --state {params.state:q}"
        " --out {params.out:q} > {log:q} 2>&1"


# Weights between the base and an arm, scored like the arm itself.
rule evaluate_interpolation:
    input:
        unpack(negatives_of_arm),
        unpack(pairs_of_evaluate),
        unpack(features_of_evaluate),
        fingerprint=f"{FINGERPRINTS}/evaluate/interpolation.json",
        base=expand(f"{BASE}/checkpoint/{{file}}", file=CHECKPOINT, allow_missing=True),
        checkpoint=expand(f"{RUN}/checkpoint/{{file}}", file=CHECKPOINT, allow_missing=True),
        tables=[f"{TABLES}/images.parquet", *tables_of(EXPERIMENT.evaluate), *tables_to_choose_on()],
        captions=CAPTIONS,
        images=IMAGES,
        downloads=receipts_of_evaluate,
    output:
        table=f"{INTERPOLATION}/{{arm}}-{{seed}}/interpolation.parquet",
        record=f"{INTERPOLATION}/{{arm}}-{{seed}}/interpolation.json",
        manifest=f"{INTERPOLATION}/{{arm}}-{{seed}}/manifest.json",
        cost=f"{INTERPOLATION}/{{arm}}-{{seed}}/cost.json",
    log:
        f"{LOGS}/evaluate/interpolation-{{arm}}-{{seed}}.log",
    benchmark:
        f"{LOGS}/evaluate/interpolation-{{arm}}-{{seed}}.tsv"
    conda:
        ENVIRONMENT
    threads: EXPERIMENT.evaluate.threads
    resources:
        gpu=environment.gpus_wanted(EXPERIMENT.evaluate.device),
    params:
        features=features_flags,
        negatives=training_negatives_flag,
        moved=moved_folders,
        missing="allow" if EXPERIMENT.evaluate.missing == "allow" else "refuse",
        base=parent_of("base"),
        checkpoint=parent_of("checkpoint"),
        state=f"{STATE}/evaluate/interpolation-{{arm}}-{{seed}}",
        out=subpath(output.table, parent=True),
    shell:
        "exec python -m nearmiss benchmarks interpolate --fingerprint {input.fingerprint:q}"
        " --base local-dir:{params.base:q} --model local-dir:{params.checkpoint:q}"
        " --arm {wildcards.arm} --seed {wildcards.seed} {params.moved} --missing {params.missing}"
        " {params.features} {params.negatives} --training-captions {input.captions:q}"
        " --state {params.state:q} --out {params.out:q} > {log:q} 2>&1"


rule evaluate:
    input:
        expand(rules.evaluate_run.output, arm=ARMS, seed=SEEDS),
        expand(rules.evaluate_interpolation.output, arm=INTERPOLATED, seed=SEEDS),
        DOWNLOADS.receipts(DOWNLOADS.evaluate),
