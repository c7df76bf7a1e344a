"""Group `nearmiss negatives`: commands that make negatives and paraphrases, and that measure them."""
