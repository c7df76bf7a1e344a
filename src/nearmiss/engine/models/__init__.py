"""open_clip towers, tokenizer and checkpoint folders. Import this package to register our towers with timm."""

from nearmiss.engine.models.towers import nearmiss_conv as nearmiss_conv
