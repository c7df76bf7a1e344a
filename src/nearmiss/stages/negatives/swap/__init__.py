"""Exchange of two spans of one class (NegCLIP, ICLR 2023)."""
