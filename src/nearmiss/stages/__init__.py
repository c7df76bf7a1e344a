"""The DAG: one folder a stage, named as in the configuration, the rules and the results."""
