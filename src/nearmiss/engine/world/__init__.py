"""The embedded world: scenes, drawing, wording, statements, truth, benchmark."""
