# Snakemake reads this file; the workflow itself stands in workflow/.
include: "workflow/Snakefile"


rule default:
    default_target: True
    input:
        rules.all.input,
