"""Stage `robustness`: scores benchmarks on corrupted images and on corrupted captions."""
