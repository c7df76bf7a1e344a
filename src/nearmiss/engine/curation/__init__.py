"""The page on which people accept, refuse and correct pairs of pictures and negatives, and what is made of it."""
