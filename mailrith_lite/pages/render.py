"""Templates to text: whatever is put into one is escaped."""

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

_UNITS = ("bytes", "KB", "MB", "GB")


def render(template: str, **values: Any) -> str:
    """Blocking. `template`: a file's name in the folder templates; each value that it shows must be given."""
    return _environment().get_template(template).render(**values)


@functools.cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined  # a tenth of a second that a start does not take

    environment = Environment(
        loader=PackageLoader("mailrith_lite.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = _count
    environment.filters["size"] = size
    return environment


def _count(number: int) -> str:
    return f"{number:,}"


def size(count: int) -> str:
    """1.4 MB: as a file manager shows it."""
    amount = float(count)
    for unit in _UNITS:
        if amount < 1_000 or unit == _UNITS[-1]:
            break
        amount /= 1_000
    return f"{count:,} {unit}" if unit == _UNITS[0] else f"{amount:,.1f} {unit}"
