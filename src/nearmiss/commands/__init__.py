"""The stages' commands, a file each. Heavy imports stand inside them.

A command takes its stage's fields as flags (`--source.images.train 500`) or from `--config FILE`, an experiment or an
fingerprint file; flags win. Inputs and outputs are paths. The workflow's rules use exactly this interface.
"""
