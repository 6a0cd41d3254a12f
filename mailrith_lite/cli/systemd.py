"""Messages to systemd about the state of the service, for a unit of `Type=notify`."""

import contextlib
import socket


def notify(address: str | None, state: str) -> None:
    """Sends a state such as `READY=1`. `address`: the variable NOTIFY_SOCKET; None without systemd.

    A name that begins with `@` is in the abstract namespace (sd_notify(3)). A message that cannot be sent is not an
    error: systemd stops a unit that does not become ready.
    """
    if not address:
        return
    path = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, contextlib.suppress(OSError):
        sender.sendto(state.encode(), path)
