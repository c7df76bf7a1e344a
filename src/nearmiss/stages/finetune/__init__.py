"""Stage `finetune`: what an initialization is worth to downstream tasks."""
