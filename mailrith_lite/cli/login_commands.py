"""The commands `login`, `logout` and `profiles`."""

import sys
from typing import Any

import click

from mailrith_lite import settings
from mailrith_lite.cli import client_command, profiles
from mailrith_lite.cli.profiles import Profile
from mailrith_lite.errors import StartError
from mailrith_lite.settings import BadSetting

_CAPABILITIES = "/v1/capabilities"  # every key may read them


@click.command()
@click.argument("url")
def login(url: str) -> None:
    """Keep address and key of a service for other commands.

    Asks for the key, or reads it from standard input. Both go to a file of your configuration directory that only
    you can read. MAILRITH_API_KEY and MAILRITH_API_BASE_URL go before the file.

    \b
    Examples:
      mailrith-lite login https://mail.example.com
      mailrith-lite login http://localhost:8787 --profile test < key
    """
    from mailrith_lite.cli.http_client import call
    from mailrith_lite.cli.printing import print_result

    name = client_command.chosen_profile() or profiles.DEFAULT
    profile = Profile(api_base_url=_address(url), api_key=_read_key())
    call(profile.settings, lambda client: client.get(_CAPABILITIES, dict[str, Any]))
    profiles.save(name, profile)
    print_result(
        f"saved the profile {name} for {profile.api_base_url} in {profiles.file()}",
        {"profile": name, "address": profile.api_base_url, "file": str(profiles.file())},
    )


@click.command()
def logout() -> None:
    """Forget the address and the key of a profile. The key continues to work; `keys revoke` ends it.

    \b
    Example:
      mailrith-lite logout --profile test
    """
    from mailrith_lite.cli.printing import print_result

    name = client_command.chosen_profile() or profiles.DEFAULT
    profile = profiles.remove(name)
    print_result(f"removed the profile {name} for {profile.api_base_url}", {"profile": name, "removed": True})


@click.command("profiles")
def list_profiles() -> None:
    """List the profiles that `login` has saved.

    \b
    Example:
      mailrith-lite profiles
    """
    from mailrith_lite.cli.printing import print_items

    saved = [{"profile": name, "address": profile.api_base_url} for name, profile in profiles.read().items()]
    print_items(("profile", "address"), saved, lambda one: (one["profile"], one["address"]))


def _address(url: str) -> str:
    try:
        return settings.load_client({"MAILRITH_API_BASE_URL": url}).api_base_url
    except BadSetting:
        raise click.UsageError(f"{url} is not an address such as https://mail.example.com") from None


def _read_key() -> str:
    if sys.stdin.isatty():
        key: str = click.prompt("API key", hide_input=True, err=True)
    else:
        key = sys.stdin.readline()
    if not key.strip():
        raise StartError("there is no key on standard input; `mailrith-lite keys create` makes one")
    return key.strip()


COMMANDS = (login, logout)
