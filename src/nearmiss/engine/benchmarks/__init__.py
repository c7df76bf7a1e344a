"""One small file per benchmark: published files to items."""
