"""Programs that measure the service and something to compare with in the same run: ratios hardly depend on the
machine."""
