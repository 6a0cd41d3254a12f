"""Who sent a request, and to which address. Headers about this count only when a trusted proxy has sent them."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

import msgspec
from aiohttp import hdrs, web
from multidict import CIMultiDictProxy

from mailrith_lite.setting_values import Network

_FOR, _PROTO, _HOST = "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"
_SCHEMES = ("http", "https")

UNIX_SOCKET = "unix"
"""The address of a peer at a Unix socket."""

IpAddress = IPv4Address | IPv6Address


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """`address`: of the client. `scheme`, `host`: as the client used them; None if no trusted proxy says so."""

    address: str
    scheme: str | None = None
    host: str | None = None


def sender(request: web.Request, trusted: Sequence[Network]) -> Sender:
    """A proxy sends either the headers `X-Forwarded-…` or the header `Forwarded` (RFC 7239).

    If both are present, the client may have written one of them, and nothing says which. Where they contradict each
    other, neither counts: the address is then the proxy's own.

    A peer at a Unix socket has no address. It is trusted, because the mode of the socket says who may connect.
    """
    own = UNIX_SOCKET if request.remote == "" else request.remote or ""
    if own != UNIX_SOCKET:
        peer = _parse_address(own) if trusted else None
        if peer is None or not _is_trusted(peer, trusted):
            return Sender(address=own)
        own = str(peer)
    results = []
    if any(name in request.headers for name in (_FOR, _PROTO, _HOST)):
        results.append(_from_x_forwarded(own, request.headers, trusted))
    if hdrs.FORWARDED in request.headers:
        results.append(_from_forwarded(own, _values(request.headers, hdrs.FORWARDED), trusted))
    return Sender(
        address=_only({result.address for result in results}) or own,
        scheme=_only({result.scheme for result in results}),
        host=_only({result.host for result in results}),
    )


def _only(values: set[str | None]) -> str | None:
    """The value that is not None; None if there are several."""
    stated = values - {None}
    return stated.pop() if len(stated) == 1 else None


def _from_x_forwarded(own: str, headers: CIMultiDictProxy[str], trusted: Sequence[Network]) -> Sender:
    return Sender(
        address=_client(own, _values(headers, _FOR), trusted),
        scheme=_scheme(_last(headers, _PROTO)),
        host=_last(headers, _HOST),
    )


def _from_forwarded(own: str, elements: Sequence[str], trusted: Sequence[Network]) -> Sender:
    """Scheme and host come from the proxy that the client has reached."""
    result = Sender(address=own)
    address = own
    for element in reversed(elements):
        parts = dict(_parameter(part) for part in element.split(";"))
        node = _parse_node(parts.get("for", ""))
        result = Sender(
            address=str(node or address), scheme=_scheme(parts.get("proto")), host=parts.get("host") or None
        )
        if node is None or not _is_trusted(node, trusted):
            break
        address = str(node)
    return result


def _client(own: str, nodes: Sequence[str], trusted: Sequence[Network]) -> str:
    """The rightmost node that is not trusted. The client can have written everything to the left of it."""
    address = own
    for text in reversed(nodes):
        node = _parse_node(text)
        if node is None:
            break
        address = str(node)
        if not _is_trusted(node, trusted):
            break
    return address


def _is_trusted(address: IpAddress, trusted: Iterable[Network]) -> bool:
    return any(address in network for network in trusted)


def _values(headers: CIMultiDictProxy[str], name: str) -> list[str]:
    """The items of a list, which can stand in several headers. No item that counts contains a comma."""
    return [item for line in headers.getall(name, ()) for item in line.split(",")]


def _last(headers: CIMultiDictProxy[str], name: str) -> str | None:
    """The last value, which the nearest proxy has written."""
    values = _values(headers, name)
    return (values[-1].strip() or None) if values else None


def _scheme(text: str | None) -> str | None:
    return text.lower() if text is not None and text.lower() in _SCHEMES else None


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip().strip('"')


def _parse_node(text: str) -> IpAddress | None:
    """An address with or without a port: `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    return _parse_address(text)


def _parse_address(text: str) -> IpAddress | None:
    """An IPv4 address stays one when a socket for IPv6 has received it. None: this is not an address."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
