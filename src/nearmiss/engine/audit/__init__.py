"""How well text alone gives away which caption of a pair is true, and how to take that away."""
