"""The service of the crash tests: it can be killed and started again."""

from crash.conftest import service

__all__ = ["service"]
