"""Stage `pretrain`: train the base and continue every arm from it."""
