"""The configuration: `params.yaml` and the named entries of `conf/`, as checked models."""
