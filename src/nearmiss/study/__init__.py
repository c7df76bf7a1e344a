"""A registered study: the choice of learning rates and steps before its runs, and the table with its completeness."""
