"""Stage `finetune`: what an initialisation is worth to downstream tasks."""
