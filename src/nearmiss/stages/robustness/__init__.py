"""Stage `robustness`: the fine-grained items again, under noisy images and mistyped captions."""
