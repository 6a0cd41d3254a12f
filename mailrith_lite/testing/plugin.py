"""The pytest fixture `mailrith`: a real server for the session, an empty workspace for each test.

pytest loads this module in every session. In one of pytest before 7 it does nothing.
"""

import pytest

if getattr(pytest, "version_tuple", (0,)) >= (7,):
    from mailrith_lite.testing.fixtures import (  # noqa: F401
        mailrith,
        mailrith_options,
        mailrith_process,
        mailrith_server,
        pytest_addoption,
        pytest_runtest_makereport,
        pytest_terminal_summary,
    )
