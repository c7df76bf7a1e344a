"""What stages are made of; never imports a stage."""
