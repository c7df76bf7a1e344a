"""The synthetic world: scenes, drawing, wording, statements, truth, benchmark."""
