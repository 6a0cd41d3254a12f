"""The command `healthz`."""

import click
import msgspec

from mailrith_lite.cli.client_command import client_settings
from mailrith_lite.errors import StartError

_TIMEOUT = 8  # seconds


class _Health(msgspec.Struct, frozen=True):
    status: str
    problems: list[str] = []


@click.command()
def healthz() -> None:
    """Check whether the service works.

    The exit code is 1 when it does not answer or cannot work. It needs no key. A service that works with a
    problem, such as a full disk, is degraded: the command prints the problem and exits 0, because a restart does
    not solve it.

    \b
    Example:
      mailrith-lite healthz
    """
    import urllib.error
    import urllib.request

    from mailrith_lite.cli.printing import print_value

    base = client_settings().api_base_url
    try:
        with urllib.request.urlopen(f"{base}/healthz", timeout=_TIMEOUT) as answer:  # noqa: S310 - http or https
            health = msgspec.json.decode(answer.read(), type=_Health)
    except urllib.error.HTTPError as error:
        error.close()
        raise StartError(f"the service at {base} cannot work: it answers {error.code}; read its log") from error
    except (OSError, msgspec.DecodeError) as error:
        raise StartError(f"no service answers at {base}; start it, or set MAILRITH_API_BASE_URL") from error
    text = ": ".join([health.status, ", ".join(health.problems)]) if health.problems else health.status
    print_value(text, health)


COMMANDS = (healthz,)
