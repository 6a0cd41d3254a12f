"""Programs that measure the service beside a yardstick in the same run: ratios hardly depend on the machine."""
