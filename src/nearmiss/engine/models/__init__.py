"""open_clip towers, tokenizer and checkpoint folders. Import this package to register our towers with timm."""
