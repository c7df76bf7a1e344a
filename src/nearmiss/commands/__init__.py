"""The commands, a file each; those of a group stand in its folder or file. Heavy imports stand inside the functions.

A stage's command takes the fields of its section as flags (`--source.images.train 500`), an experiment (`--config`)
with overrides (`--set`), or a fingerprint file of a job (`--fingerprint`). Flags win over overrides, these over the
file. No option is accepted and ignored. Inputs and outputs are paths. The workflow's rules call exactly these commands.
"""
