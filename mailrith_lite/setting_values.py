"""Reads the text of a setting. Each function raises ValueError, whose text says which values are valid."""

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit

MAX_DURATION = 36_500 * 86_400  # a hundred years: a later end may have no date, which has a year of four digits
_MAX_SOCKET_PATH = 103  # bytes that every system takes
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}

Network = IPv4Network | IPv6Network


def duration(text: str) -> int:
    """Seconds in `90d`, `12h`, `30m`, `45s` or a bare number of seconds."""
    match = re.fullmatch(r"([0-9]{1,10})([smhd]?)", text.strip())
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 0 < seconds <= MAX_DURATION:
        raise ValueError("a duration: a positive number with s, m, h or d, such as 90d, of at most 36500d")
    return seconds


def duration_or_none(text: str) -> int:
    """As `duration`, or 0."""
    return 0 if text.strip() == "0" else duration(text)


def count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,15}", text.strip()) or not int(text):
        raise ValueError("a whole number above zero")
    return int(text)


def readers(text: str) -> int:
    if not re.fullmatch(r"[1-5]", text.strip()):
        raise ValueError("a number from 1 to 5")
    return int(text)


def port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text.strip()) or int(text) > 65_535:
        raise ValueError("a port from 0 to 65535; 0 takes a free one")
    return int(text)


def metrics_port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text.strip()) or not 0 < int(text) <= 65_535:
        raise ValueError("a port from 1 to 65535")
    return int(text)


def token(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._~+/=-]{16,200}", text):
        raise ValueError("16 to 200 letters, digits or characters of ._~+/=-")
    return text


def host(text: str) -> str:
    """Refuses an empty text, which would listen on every address."""
    if not re.fullmatch(r"[!-~]+", text.strip()):
        raise ValueError("a name or an address such as 127.0.0.1")
    return text.strip()


def directory(text: str) -> Path:
    """Refuses an empty text: it would be the current directory, and the service sets the mode of its directory."""
    if not text.strip():
        raise ValueError("a directory")
    return Path(text)


def socket_path(text: str) -> Path:
    if not text.strip() or len(text.encode()) > _MAX_SOCKET_PATH:
        raise ValueError(f"a path of at most {_MAX_SOCKET_PATH} bytes, such as /run/mailrith-lite/socket")
    return Path(text)


def switch(text: str) -> bool:
    values = {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
    }
    if text.strip().lower() not in values:
        raise ValueError("on or off")
    return values[text.strip().lower()]


def one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.strip().lower() not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return text.strip().lower()

    return parse


def url(text: str) -> str:
    try:
        parts = urlsplit(text.strip())
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
        valid = valid and parts.port != 0  # `port` raises ValueError if it is not a port
    except ValueError:
        valid = False
    if not valid or not text.strip().isprintable() or " " in text.strip():
        raise ValueError("an address such as https://mail.example.com")
    return text.strip().rstrip("/")


def networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(map(ip_network, text.replace(",", " ").split()))
    except ValueError:
        raise ValueError("addresses and networks separated by commas, such as 127.0.0.1,10.0.0.0/8") from None


def key(text: str) -> str:
    if not re.fullmatch(r"mrk_[A-Za-z0-9_-]{12,200}", text):
        raise ValueError("a key: mrk_ and 12 to 200 letters, digits, _ or -")
    return text


def duration_text(seconds: int) -> str:
    """As `duration` reads it: `90d`."""
    unit = next(name for name in ("d", "h", "m", "s") if seconds % _UNITS[name] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"
