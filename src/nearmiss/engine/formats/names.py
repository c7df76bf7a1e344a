"""The names of the exchange formats, in a separate module, so that the command line imports no reader to list them."""

from typing import Literal

Read = Literal["parquet", "sugarcrepe", "valse", "negclip", "hnc", "ce_clip", "sugarcrepe_pp", "vl_checklist"]
Written = Literal["parquet", "sugarcrepe", "negclip", "hnc", "ce_clip"]
