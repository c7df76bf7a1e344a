"""nearmiss: reproducible experiments on hard negatives for fine-grained vision-language understanding."""

__version__ = "0.1.0"
