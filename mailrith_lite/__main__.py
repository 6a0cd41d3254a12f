"""`python -m mailrith_lite` is the command `mailrith-lite`."""

from mailrith_lite.cli.entry import main

main()
