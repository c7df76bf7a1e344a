"""Stage `evaluate`: score a checkpoint on benchmarks, item by item."""
