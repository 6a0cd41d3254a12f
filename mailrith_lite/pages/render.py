"""Templates to text: whatever is put into one is escaped."""

import functools
from typing import TYPE_CHECKING, Any

from mailrith_lite import clock
from mailrith_lite.pages import static, wording

if TYPE_CHECKING:
    from jinja2 import Environment

OWN = "mailrith_lite.pages"


def render(template: str, *, package: str = OWN, **values: Any) -> str:
    """Blocking. `template`: a file's name in the folder templates of the package, or else in this one's.

    Each value that it shows must be given. `root` leads from the page to where the service begins.
    """
    return _environment(package).get_template(template).render(**values)


@functools.cache
def _environment(package: str) -> "Environment":
    import jinja2  # a tenth of a second that a start does not take

    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(name) for name in dict.fromkeys((package, OWN))]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=wording.count,
        counted=wording.counted,
        day=wording.day,
        exact=wording.exact,
        moment=wording.moment,
        rfc3339=clock.rfc3339,
        size=wording.size,
        span=wording.span,
        versioned=static.versioned,
    )
    return environment
