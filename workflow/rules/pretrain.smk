# Stage pretrain: the image store, the base from its model's first weights, and every other arm continued from it.
# Trainings are the longest jobs and go first; negatives and evaluations fill the cores that are left.
CHECKPOINT = EXPERIMENT.pretrain.checkpoint_files
RUN = f"{RESULTS}/pretrain/{{arm}}/{{seed}}"
BASE = f"{RESULTS}/pretrain/base/{{seed}}"
CONTINUED = [arm for arm in ARMS if arm != "base"]


# A job starts the processes that train one run together by itself.
PROCESSES = EXPERIMENT.pretrain.num_processes


rule pretrain_store:
    input:
        fingerprint=f"{FINGERPRINTS}/pretrain.json",
        images=f"{TABLES}/images.parquet",
        files=IMAGES,
    output:
        pixels=directory(f"{RESULTS}/pretrain/store/pixels"),  # as many shards as the images need
        image_ids=f"{RESULTS}/pretrain/store/image_ids.json",
        manifest=f"{RESULTS}/pretrain/store/manifest.json",
        cost=f"{RESULTS}/pretrain/store/cost.json",
    log:
        f"{LOGS}/pretrain/store.log",
    benchmark:
        f"{LOGS}/pretrain/store.tsv"
    priority: 20
    conda:
        ENVIRONMENT
    threads: 8
    params:
        root=image_root,
        state=f"{STATE}/pretrain/store",
        out=subpath(output.manifest, parent=True),
    shell:
        "exec python -m nearmiss store --fingerprint {input.fingerprint:q} --images {input.images:q}"
        " --root {params.root:q} --state {params.state:q} --out {params.out:q} --workers {threads} > {log:q} 2>&1"


rule pretrain_image_features:
    input:
        fingerprint=f"{FINGERPRINTS}/pretrain.json",
        store=rules.pretrain_store.output,
    output:
        features=directory(f"{RESULTS}/pretrain/features/images/features"),
        record=f"{RESULTS}/pretrain/features/images/features.json",
        manifest=f"{RESULTS}/pretrain/features/images/manifest.json",
        cost=f"{RESULTS}/pretrain/features/images/cost.json",
    log:
        f"{LOGS}/pretrain/image-features.log",
    benchmark:
        f"{LOGS}/pretrain/image-features.tsv"
    priority: 20
    conda:
        ENVIRONMENT
    threads: 8
    resources:
        gpu=GPUS,
    params:
        store=parent_of("store"),
        state=f"{STATE}/pretrain/image-features",
        out=subpath(output.manifest, parent=True),
    shell:
        "exec python -m nearmiss features --fingerprint {input.fingerprint:q} --store {params.store:q}"
        " --state {params.state:q} --out {params.out:q} --workers {threads} > {log:q} 2>&1"


rule pretrain_caption_features:
    input:
        fingerprint=f"{FINGERPRINTS}/pretrain.json",
        store=rules.pretrain_store.output,
        captions=CAPTIONS,
    output:
        features=directory(f"{RESULTS}/pretrain/features/captions/features"),
        tokens=f"{RESULTS}/pretrain/features/captions/tokens.npy",
        first=f"{RESULTS}/pretrain/features/captions/first.npy",
        record=f"{RESULTS}/pretrain/features/captions/features.json",
        manifest=f"{RESULTS}/pretrain/features/captions/manifest.json",
        cost=f"{RESULTS}/pretrain/features/captions/cost.json",
    log:
        f"{LOGS}/pretrain/caption-features.log",
    benchmark:
        f"{LOGS}/pretrain/caption-features.tsv"
    priority: 20
    conda:
        ENVIRONMENT
    resources:
        gpu=GPUS,
    params:
        store=parent_of("store"),
        state=f"{STATE}/pretrain/caption-features",
        out=subpath(output.manifest, parent=True),
    shell:
        "exec python -m nearmiss features --fingerprint {input.fingerprint:q} --store {params.store:q}"
        " --captions {input.captions:q} --state {params.state:q} --out {params.out:q} > {log:q} 2>&1"


rule pretrain_negative_features:
    input:
        unpack(negatives_of_method),
        fingerprint=f"{FINGERPRINTS}/pretrain.json",
        store=rules.pretrain_store.output,
    output:
        features=directory(f"{RESULTS}/pretrain/features/negatives/{{method}}/features"),
        tokens=f"{RESULTS}/pretrain/features/negatives/{{method}}/tokens.npy",
        first=f"{RESULTS}/pretrain/features/negatives/{{method}}/first.npy",
        record=f"{RESULTS}/pretrain/features/negatives/{{method}}/features.json",
        manifest=f"{RESULTS}/pretrain/features/negatives/{{method}}/manifest.json",
        cost=f"{RESULTS}/pretrain/features/negatives/{{method}}/cost.json",
    log:
        f"{LOGS}/pretrain/negative-features-{{method}}.log",
    benchmark:
        f"{LOGS}/pretrain/negative-features-{{method}}.tsv"
    priority: 20
    conda:
        ENVIRONMENT
    resources:
        gpu=GPUS,
    params:
        store=parent_of("store"),
        negatives=parent_of("negatives"),
        state=f"{STATE}/pretrain/negative-features-{{method}}",
        out=subpath(output.manifest, parent=True),
    shell:
        "exec python -m nearmiss features --fingerprint {input.fingerprint:q} --store {params.store:q}"
        " --negatives {params.negatives:q} --state {params.state:q} --out {params.out:q} > {log:q} 2>&1"


rule pretrain_base:
    input:
        unpack(words_of_model),
        unpack(features_of_arm),
        fingerprint=f"{FINGERPRINTS}/pretrain/base.json",
        store=rules.pretrain_store.output,
        captions=CAPTIONS,
    output:
        checkpoint=expand(f"{BASE}/checkpoint/{{file}}", file=CHECKPOINT, allow_missing=True),
        curve=f"{BASE}/curve.jsonl",
        manifest=f"{BASE}/manifest.json",
        cost=f"{BASE}/cost.json",
    log:
        f"{LOGS}/pretrain/base-{{seed}}.log",
    benchmark:
        f"{LOGS}/pretrain/base-{{seed}}.tsv"
    priority: 20
    conda:
        ENVIRONMENT
    threads: EXPERIMENT.pretrain.threads * PROCESSES
    resources:
        gpu=GPUS * PROCESSES,
    params:
        words=flag_of("words"),
        features=features_flags,
        store=parent_of("store"),
        state=f"{STATE}/pretrain/base-{{seed}}",
        out=subpath(output.manifest, parent=True),
    shell:
        "exec python -m nearmiss pretrain --fingerprint {input.fingerprint:q} --arm base"
        " --seed {wildcards.seed} --store {params.store:q} --captions {input.captions:q}"
        " {params.words} {params.features} --state {params.state:q} --out {params.out:q} > {log:q} 2>&1"


rule pretrain_arm:
    input:
        unpack(negatives_of_arm),
        unpack(truth_of_arm),
        unpack(words_of_model),
        unpack(features_of_arm),
        fingerprint=f"{FINGERPRINTS}/pretrain/{{arm}}.json",
        store=rules.pretrain_store.output,
        captions=CAPTIONS,
        start=rules.pretrain_base.output.checkpoint,
    output:
        checkpoint=expand(f"{RUN}/checkpoint/{{file}}", file=CHECKPOINT, allow_missing=True),
        curve=f"{RUN}/curve.jsonl",
        manifest=f"{RUN}/manifest.json",
        cost=f"{RUN}/cost.json",
    log:
        f"{LOGS}/pretrain/{{arm}}-{{seed}}.log",
    benchmark:
        f"{LOGS}/pretrain/{{arm}}-{{seed}}.tsv"
    wildcard_constraints:
        arm="|".join(CONTINUED) or "(?!)",
    priority: 10
    conda:
        ENVIRONMENT
    threads: EXPERIMENT.pretrain.threads * PROCESSES
    resources:
        gpu=GPUS * PROCESSES,
    params:
        negatives=negatives_flag,
        truth=folder_flag_of("truth"),
        words=flag_of("words"),
        features=features_flags,
        start=parent_of("start"),
        store=parent_of("store"),
        state=f"{STATE}/pretrain/{{arm}}-{{seed}}",
        out=subpath(output.manifest, parent=True),
    shell:
        "exec python -m nearmiss pretrain --fingerprint {input.fingerprint:q} --arm {wildcards.arm}"
        " --seed {wildcards.seed} --store {params.store:q} --captions {input.captions:q}"
        " --start {params.start:q} {params.negatives} {params.truth} {params.words} {params.features}"
        " --state {params.state:q} --out {params.out:q} > {log:q} 2>&1"


rule pretrain:
    input:
        rules.pretrain_store.output,
        expand(rules.pretrain_base.output, seed=SEEDS),
        expand(rules.pretrain_arm.output, arm=CONTINUED, seed=SEEDS),
