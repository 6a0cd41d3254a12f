"""The command `mailrith-lite`."""
