"""Published files: a catalog of data sets, their download, and receipts of what was downloaded."""
