"""Stage `robustness`: scores benchmarks on corrupted images and on captions with typos."""
