"""How well the true caption of a pair can be found from text only, and how to reduce that."""
