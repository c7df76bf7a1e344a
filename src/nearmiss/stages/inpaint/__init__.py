"""Stage `inpaint`: counterfactual pairs, made by editing one thing of a picture and one word of its caption."""
