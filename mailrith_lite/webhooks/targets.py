"""Where a delivery may go: public addresses over HTTPS, unless the operator allows private ones."""

import re
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from aiohttp import AddrInfoType
from yarl import URL

MAX_URL: Final = 2_048

# https://www.iana.org/assignments/iana-ipv4-special-registry, and multicast
_SPECIAL_IPV4: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
_GLOBAL_IPV6: Final = IPv6Network("2000::/3")
"""The rest is private, local, multicast or reserved, or carries an IPv4 address: ::ffff:0:0/96, 64:ff9b::/96."""
_SPECIAL_IPV6: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # IETF protocols, Teredo among them
            "2001:db8::/32",
            "2002::/16",  # 6to4: carries an IPv4 address
            "2620:4f:8000::/48",
            "3fff::/20",
        ),
    )
)


_HOST = re.compile(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]+(?:%\w+)?")
"""In ASCII: a name, or an address of IPv4 or IPv6."""


class UnusableTarget(OSError):
    """The text is a sentence that says why nothing is sent to the address."""


class InvalidUrl(ValueError):
    """The text completes the sentence "url takes …"."""


def is_public(address: str) -> bool:
    """`address`: of IPv4 or IPv6, with a zone or without."""
    parsed: IPv4Address | IPv6Address = ip_address(address)
    if isinstance(parsed, IPv4Address):
        return not any(parsed in network for network in _SPECIAL_IPV4)
    if parsed.scope_id is not None:
        return False
    return parsed in _GLOBAL_IPV6 and not any(parsed in network for network in _SPECIAL_IPV6)


def check_url(text: str, *, allow_private: bool) -> str:
    """The address without surrounding spaces. A name in it is not looked up.

    Raises:
        InvalidUrl
    """
    text = text.strip()
    schemes = ("https", "http") if allow_private else ("https",)
    url = _parse(text)
    if url is None or url.scheme not in schemes or len(text) > MAX_URL:
        raise InvalidUrl(
            f"an address that begins with {' or '.join(f'{scheme}://' for scheme in schemes)},"
            f" of at most {MAX_URL:,} characters"
        )
    if url.raw_user is not None or url.raw_password is not None:
        raise InvalidUrl("an address without a user name and a password; the signature shows who sends")
    literal = _literal(url.host or "")
    if literal is not None and not allow_private and not is_public(literal):
        raise InvalidUrl("a public address; this one is private, local or reserved")
    return text


def _parse(text: str) -> URL | None:
    """None for a text that is not the address of a host."""
    try:
        url = URL(text)
        has_port = bool(url.port)
    except ValueError:
        return None
    return url if has_port and text.isprintable() and _HOST.fullmatch(url.raw_host or "") else None


def _literal(host: str) -> str | None:
    """The address that the host is, in any form that a resolver takes; None for a name.

    `127.1`, `0x7f000001`, `017700000001` and `2130706433` all are 127.0.0.1.
    """
    try:
        return str(ip_address(host))
    except ValueError:
        return _old_form(host)


def _old_form(host: str) -> str | None:
    """An IPv4 address in a form that only resolvers know."""
    try:
        return socket.inet_ntoa(socket.inet_aton(host.rstrip(".")))
    except OSError:
        return None


def open_public_socket(target: AddrInfoType) -> socket.socket:
    """A socket for the address that aiohttp is about to connect to, whatever name or form it came from.

    Raises:
        UnusableTarget: the address is not public.
    """
    family, kind, protocol, _, address = target
    if not is_public(str(address[0])):
        raise UnusableTarget("The address is private, local or reserved; deliveries go to public addresses only.")
    opened = socket.socket(family, kind, protocol)
    opened.setblocking(False)
    return opened
