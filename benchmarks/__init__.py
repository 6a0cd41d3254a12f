"""Programs that measure the service against a floor in the same run. Seconds differ by machine, ratios hardly."""
