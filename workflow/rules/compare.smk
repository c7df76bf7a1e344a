# Stage compare: tables, figures and the page over all runs; then MLflow's record of them, by one writer.
EVALUATIONS = expand(f"{RESULTS}/evaluate/{{arm}}/{{seed}}", arm=ARMS, seed=SEEDS)
TRAININGS = expand(f"{RESULTS}/pretrain/{{arm}}/{{seed}}", arm=ARMS, seed=SEEDS)
GENERATED = expand(f"{RESULTS}/negatives/{{method}}", method=METHODS)
MATCHED_FOLDERS = expand(f"{MATCHED_SETS}/{{method}}", method=MATCHED_METHODS)
FINETUNINGS = expand(f"{RESULTS}/finetune/{{arm}}/{{seed}}", arm=INITIALIZATIONS, seed=SEEDS)
ROBUSTNESSES = expand(f"{RESULTS}/robustness/{{arm}}/{{seed}}", arm=ROBUST, seed=SEEDS)
INTERPOLATIONS = expand(f"{INTERPOLATION}/{{arm}}-{{seed}}", arm=INTERPOLATED, seed=SEEDS)
EXPORTS = ("overview", "gains", "arms", "costs", "false_negatives", "finetune", "robustness", "robustness_summary")
FINISHED = {
    "finetunings": expand(rules.finetune_run.output, arm=INITIALIZATIONS, seed=SEEDS),
    "robustnesses": expand(rules.robustness_run.output, arm=ROBUST, seed=SEEDS),
    "evaluations": expand(rules.evaluate_run.output, arm=ARMS, seed=SEEDS),
    "trainings": expand(
        f"{RESULTS}/pretrain/{{arm}}/{{seed}}/{{file}}",
        arm=ARMS,
        seed=SEEDS,
        file=("manifest.json", "curve.jsonl", "cost.json"),
    ),
}


rule compare_page:
    input:
        unpack(whole_inpaint),
        **FINISHED,
        interpolations=expand(rules.evaluate_interpolation.output, arm=INTERPOLATED, seed=SEEDS),
        fingerprint=f"{FINGERPRINTS}/compare.json",
        negatives=expand(
            f"{RESULTS}/negatives/{{method}}/{{file}}",
            method=METHODS,
            file=("summary.json", "cost.json", "negatives.parquet", *(["truth.json"] if TRUTH else [])),
        ),
        matched=expand(
            f"{MATCHED_SETS}/{{method}}/{{file}}", method=MATCHED_METHODS, file=("summary.json", "negatives.parquet")
        ),
        data=rules.data_tables.output.summary,
        tables=rules.data_tables.output.tables,
        images=IMAGES,
    output:
        page=report(
            f"{RESULTS}/compare/index.html",
            caption="../report/compare.rst",
            category="Comparison",
        ),
        summary=f"{RESULTS}/compare/summary.txt",
        metrics=f"{RESULTS}/compare/metrics.json",
        tables=expand(
            f"{RESULTS}/compare/tables/{{name}}.{{kind}}",
            name=(
                "metrics",
                "differences",
                "costs",
                "arms",
                "correlations",
                "curves",
                *(["interpolation"] if INTERPOLATED else []),
            ),
            kind=("parquet", "csv"),
        ),
        papers=expand(
            f"{RESULTS}/compare/tables/{{name}}.csv", name=[name for name in EXPORTS if name not in ("arms", "costs")]
        ),
        exports=expand(f"{RESULTS}/compare/tables/{{name}}.{{kind}}", name=EXPORTS, kind=("md", "tex")),
        figures=directory(f"{RESULTS}/compare/figures"),
        manifest=f"{RESULTS}/compare/manifest.json",
        cost=f"{RESULTS}/compare/cost.json",
    log:
        f"{LOGS}/compare/page.log",
    benchmark:
        f"{LOGS}/compare/page.tsv"
    conda:
        ENVIRONMENT
    params:
        experiment=NAME,
        evaluations=EVALUATIONS,
        trainings=TRAININGS,
        finetunings=flags_of("finetunings", FINETUNINGS),
        robustnesses=flags_of("robustnesses", ROBUSTNESSES),
        interpolations=flags_of("interpolations", INTERPOLATIONS),
        inpaint=folder_flag_of("inpaint"),
        pairs=f"--move inpaintcoco={RESULTS}/inpaint" if EXPERIMENT.inpaint.operations else "",
        tables=parent_of("tables"),
        source=parent_of("images"),
        generated=[*GENERATED, *MATCHED_FOLDERS],
        data=subpath(input.data, parent=True),
        out=subpath(output.page, parent=True),
    shell:
        "exec python -m nearmiss compare --fingerprint {input.fingerprint:q}"
        " --experiment {params.experiment:q} --evaluations {params.evaluations:q}"
        " --trainings {params.trainings:q} --negatives {params.generated:q}"
        " {params.finetunings} {params.robustnesses} {params.interpolations} {params.inpaint} {params.pairs}"
        " --move tables={params.tables:q} --move source={params.source:q}"
        " --data {params.data:q} --out {params.out:q} > {log:q} 2>&1"


# After compare's tables, and alone: several writers that create a file at once destroy it. Another store, by
# MLFLOW_TRACKING_URI, is another parameter: the runs are recorded there, too.
with environment.refusing():
    STORE = environment.store_of(None)


rule compare_track:
    input:
        **FINISHED,
        fingerprint=f"{FINGERPRINTS}/compare.json",
        page=rules.compare_page.output.manifest,
        data=rules.data_tables.output.manifest,
    output:
        receipt=f"{RESULTS}/compare/tracked.json",
    log:
        f"{LOGS}/compare/track.log",
    benchmark:
        f"{LOGS}/compare/track.tsv"
    conda:
        ENVIRONMENT
    params:
        experiment=NAME,
        evaluations=EVALUATIONS,
        trainings=TRAININGS,
        finetunings=flags_of("finetunings", FINETUNINGS),
        robustnesses=flags_of("robustnesses", ROBUSTNESSES),
        data=subpath(input.data, parent=True),
        page=subpath(input.page, parent=True),
        store=str(STORE),
    shell:
        "exec python -m nearmiss track --experiment {params.experiment:q}"
        " --evaluations {params.evaluations:q} --trainings {params.trainings:q}"
        " {params.finetunings} {params.robustnesses}"
        " --data {params.data:q} --page {params.page:q} --store {params.store:q} --out {output.receipt:q}"
        " > {log:q} 2>&1"


rule compare:
    input:
        rules.compare_page.output,
        rules.compare_track.output,
