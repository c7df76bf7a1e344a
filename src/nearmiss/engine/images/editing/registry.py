"""The operations by name."""

from nearmiss.engine.images.editing.move import Move
from nearmiss.engine.images.editing.plan import Operation
from nearmiss.engine.images.editing.recolor import Recolor
from nearmiss.engine.images.editing.remove import Remove
from nearmiss.engine.images.editing.repaint import RepaintColor, RepaintObject
from nearmiss.engine.images.editing.replace import Replace
from nearmiss.engine.images.editing.rescale import Rescale

OPERATIONS: dict[str, Operation] = {
    each.name: each for each in (Recolor(), Replace(), Rescale(), Move(), Remove(), RepaintColor(), RepaintObject())
}
