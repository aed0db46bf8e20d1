"""The completion store: every teacher completion is paid for once, and kept.

Content-addressed (`key`, `reuse`), in append-only immutable segments (`segments`, `writer`,
`pack`), read together with published ones (`store`) by way of indexes (`index`), and looked after
from the command line (`commands`).
"""
