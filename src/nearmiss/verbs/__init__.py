"""The stages' verbs, a file each. Heavy imports stand inside them.

A verb takes its stage's fields as flags (`--world.images.train 500`) or from `--config FILE`, an experiment or an
identity file; flags win. Inputs and outputs are paths. The workflow's rules use exactly this interface.
"""
