"""The names of the exchange formats, apart from their code, so that the command line can list them at no cost."""

from typing import Literal

Read = Literal["parquet", "sugarcrepe", "valse", "negclip", "hnc", "ce_clip"]
Written = Literal["parquet", "sugarcrepe", "negclip", "hnc", "ce_clip"]
