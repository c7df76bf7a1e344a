"""The web page for accepting, refusing and correcting image pairs and negatives, and the export of the result."""
