"""Stage `inpaint`: counterfactual pairs, made by editing one object of an image and the caption."""
