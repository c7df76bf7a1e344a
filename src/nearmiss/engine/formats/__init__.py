"""Readers and writers of published file formats, one file each."""
