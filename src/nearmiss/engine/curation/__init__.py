"""The page on which people accept, refuse and correct pairs of images and negatives, and what is made of it."""
