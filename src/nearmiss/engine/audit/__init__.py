"""How well text only gives away which caption of a pair is true, and how to take that away."""
