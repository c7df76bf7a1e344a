"""Stage `data`: publish the embedded world's files and read them back into tables."""
