"""Scene graphs of images, and sentences about them in the templates of HNC."""
