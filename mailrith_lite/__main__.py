"""`python -m mailrith_lite` is the command `mailrith-lite`."""

from mailrith_lite.cli.main import main

main()
