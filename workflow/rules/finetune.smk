# Stage finetune: one job an initialization fine-tunes it on every downstream task and share of labels.
INITIALIZATIONS = ["scratch", *ARMS] if EXPERIMENT.finetune.tasks else []
# Random weights need a checkpoint's architecture and tokenizer alone.
ARCHITECTURE = [name for name in CHECKPOINT if not name.endswith(".safetensors")]


rule finetune_run:
    input:
        fingerprint=f"{FINGERPRINTS}/finetune.json",
        checkpoint=branch(
            evaluate("{arm} == 'scratch'"),
            then=expand(f"{BASE}/checkpoint/{{file}}", file=ARCHITECTURE, allow_missing=True),
            otherwise=expand(f"{RUN}/checkpoint/{{file}}", file=CHECKPOINT, allow_missing=True),
        ),
        tables=expand(
            f"{TABLES}/{{name}}.parquet",
            name=(
                "images",
                *(f"examples_{task.task}" for task in EXPERIMENT.finetune.tasks),
            ),
        ),
        images=IMAGES,
    output:
        predictions=f"{RESULTS}/finetune/{{arm}}/{{seed}}/predictions.parquet",
        metrics=f"{RESULTS}/finetune/{{arm}}/{{seed}}/metrics.parquet",
        curve=f"{RESULTS}/finetune/{{arm}}/{{seed}}/curve.jsonl",
        search=f"{RESULTS}/finetune/{{arm}}/{{seed}}/search.json",
        manifest=f"{RESULTS}/finetune/{{arm}}/{{seed}}/manifest.json",
        cost=f"{RESULTS}/finetune/{{arm}}/{{seed}}/cost.json",
    log:
        f"{LOGS}/finetune/{{arm}}-{{seed}}.log",
    benchmark:
        f"{LOGS}/finetune/{{arm}}-{{seed}}.tsv"
    conda:
        ENVIRONMENT
    threads: EXPERIMENT.finetune.threads
    resources:
        gpu=environment.gpus_wanted(EXPERIMENT.finetune.device),
    params:
        checkpoint=parent_of("checkpoint"),
        tables=parent_of("tables"),
        root=image_root,
        out=subpath(output.metrics, parent=True),
    shell:
        "exec python -m nearmiss finetune --fingerprint {input.fingerprint:q} --arm {wildcards.arm}"
        " --seed {wildcards.seed} --checkpoint {params.checkpoint:q}"
        " --tables {params.tables:q} --root {params.root:q} --out {params.out:q} > {log:q} 2>&1"


rule finetune:
    input:
        expand(rules.finetune_run.output, arm=INITIALIZATIONS, seed=SEEDS),
