"""The settings: one frozen Struct, built at the start and passed on. No other module reads the environment."""

import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

import msgspec

ENVIRONMENT_PREFIX = "MAILRITH_LITE_"
MEBIBYTE = 1 << 20
MAX_DURATION = 36_500 * 86_400  # a hundred years: a later end may have no date, which has a year of four digits
_MAX_SECRET = 1_000  # characters
_MAX_SOCKET_PATH = 103  # bytes that every system takes
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}

Network = IPv4Network | IPv6Network
LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]


class BadSetting(ValueError):
    """The value of a setting is not valid; the text names the setting and says which values it takes."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes in bytes, times in seconds, speeds in bytes a second."""

    host: str = "127.0.0.1"
    port: int = 8787
    socket: Path | None = None
    metrics_port: int | None = None
    metrics_token: str | None = None
    data_dir: Path = Path("data")
    public_url: str | None = None
    log_format: LogFormat = "text"
    log_level: LogLevel = "info"
    job_concurrency: int = 2
    max_body_bytes: int = 64 * MEBIBYTE
    max_upload_bytes: int = 2_048 * MEBIBYTE
    min_body_speed: int = 256
    max_queued_jobs: int = 1_000
    query_timeout: int = 5
    upload_ttl: int = 3_600
    export_ttl: int = 86_400
    idempotency_ttl: int = 86_400
    export_formula_guard: bool = True
    require_consent_evidence: bool = False
    allow_private_webhooks: bool = False
    webhook_ttl: int = 30 * 86_400
    undo_ttl: int = 30 * 86_400
    audit_ttl: int = 365 * 86_400
    job_ttl: int = 90 * 86_400
    history_ttl: int = 365 * 86_400
    bootstrap_key: str | None = None
    trusted_proxies: tuple[Network, ...] = ()
    wrong_key_limit: int = 1_000
    key_rate: int = 1_000
    workspace_rate: int = 2_000
    rate_burst: int = 10_000
    workspace_readers: int = 2
    max_waiting_reads: int = 1_000
    max_searches: int = 200
    max_transfers: int = 4
    max_kept_upload_bytes: int = 20_480 * MEBIBYTE

    def changed(self) -> dict[str, str]:
        """The settings that differ from their defaults, by name, as texts. Of a secret only that it is set."""
        default = Settings()
        return {
            setting.name: "(set)" if setting.secret else _as_text(getattr(self, setting.name))
            for setting in SETTINGS
            if getattr(self, setting.name) != getattr(default, setting.name)
        }


def _as_text(value: object) -> str:
    """Without the user and the password of an address."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return re.sub(r"//[^/]*@", "//", str(value))


class ClientSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of the commands that call a service; Mailrith's own command line uses the same names."""

    api_key: str | None = None
    api_base_url: str = "http://localhost:8787"


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table of settings. `parse` raises ValueError, whose text says which values are valid.

    `secret`: the variable with the ending `_FILE` names a file with the value.
    """

    name: str
    parse: Callable[[str], Any]
    help: str
    secret: bool = False


def duration(text: str) -> int:
    """Seconds in `90d`, `12h`, `30m`, `45s` or a bare number of seconds."""
    match = re.fullmatch(r"([0-9]{1,10})([smhd]?)", text.strip())
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 0 < seconds <= MAX_DURATION:
        raise ValueError("a duration: a positive number with s, m, h or d, such as 90d, of at most 36500d")
    return seconds


def _duration_or_none(text: str) -> int:
    """As `duration`, or 0."""
    return 0 if text.strip() == "0" else duration(text)


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,15}", text.strip()) or not int(text):
        raise ValueError("a whole number above zero")
    return int(text)


def _readers(text: str) -> int:
    if not re.fullmatch(r"[1-5]", text.strip()):
        raise ValueError("a number from 1 to 5")
    return int(text)


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text.strip()) or int(text) > 65_535:
        raise ValueError("a port from 0 to 65535; 0 takes a free one")
    return int(text)


def _metrics_port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text.strip()) or not 0 < int(text) <= 65_535:
        raise ValueError("a port from 1 to 65535")
    return int(text)


def _token(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._~+/=-]{16,200}", text):
        raise ValueError("16 to 200 letters, digits or characters of ._~+/=-")
    return text


def _host(text: str) -> str:
    """Refuses an empty text, which would listen on every address."""
    if not re.fullmatch(r"[!-~]+", text.strip()):
        raise ValueError("a name or an address such as 127.0.0.1")
    return text.strip()


def _directory(text: str) -> Path:
    """Refuses an empty text: it would be the current directory, and the service sets the mode of its directory."""
    if not text.strip():
        raise ValueError("a directory")
    return Path(text)


def _socket(text: str) -> Path:
    if not text.strip() or len(text.encode()) > _MAX_SOCKET_PATH:
        raise ValueError(f"a path of at most {_MAX_SOCKET_PATH} bytes, such as /run/mailrith-lite/socket")
    return Path(text)


def _switch(text: str) -> bool:
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


def _one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.strip().lower() not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return text.strip().lower()

    return parse


def _url(text: str) -> str:
    try:
        parts = urlsplit(text.strip())
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
        valid = valid and parts.port != 0  # `port` raises ValueError if it is not a port
    except ValueError:
        valid = False
    if not valid or not text.strip().isprintable() or " " in text.strip():
        raise ValueError("an address such as https://mail.example.com")
    return text.strip().rstrip("/")


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(map(ip_network, text.replace(",", " ").split()))
    except ValueError:
        raise ValueError("addresses and networks separated by commas, such as 127.0.0.1,10.0.0.0/8") from None


def _key(text: str) -> str:
    if not re.fullmatch(r"mrk_[A-Za-z0-9_-]{12,200}", text):
        raise ValueError("a key: mrk_ and 12 to 200 letters, digits, _ or -")
    return text


SETTINGS = (
    Setting(name="host", parse=_host, help="address to listen on"),
    Setting(name="port", parse=_port, help="port to listen on; 0 takes a free one"),
    Setting(
        name="socket", parse=_socket, help="Unix socket to listen on, for a proxy, instead of address and port"
    ),
    Setting(name="metrics_port", parse=_metrics_port, help="port of 127.0.0.1 for /metrics alone"),
    Setting(
        name="metrics_token",
        parse=_token,
        help="bearer token for /metrics on the service's own address; else it is not there",
        secret=True,
    ),
    Setting(name="data_dir", parse=_directory, help="directory that holds everything the service keeps"),
    Setting(name="public_url", parse=_url, help="address that clients see, for links; else the request's own"),
    Setting(name="log_format", parse=_one_of(get_args(LogFormat)), help="text or json"),
    Setting(name="log_level", parse=_one_of(get_args(LogLevel)), help="debug, info, warning or error"),
    Setting(name="job_concurrency", parse=_count, help="jobs that run at the same time"),
    Setting(name="max_body_bytes", parse=_count, help="largest request body, in bytes"),
    Setting(name="max_upload_bytes", parse=_count, help="largest file of an upload, also unpacked, in bytes"),
    Setting(name="min_body_speed", parse=_count, help="bytes a second that a body needs after its first minute"),
    Setting(name="max_queued_jobs", parse=_count, help="jobs of one workspace that may wait at a time"),
    Setting(name="query_timeout", parse=duration, help="how long the searches and counts of a request may take"),
    Setting(name="upload_ttl", parse=duration, help="how long an upload's link lasts, and then its file"),
    Setting(name="export_ttl", parse=duration, help="how long an export's file can be downloaded"),
    Setting(name="idempotency_ttl", parse=duration, help="how long an Idempotency-Key is remembered"),
    Setting(
        name="export_formula_guard", parse=_switch, help="mark cells that a spreadsheet would run as a formula"
    ),
    Setting(
        name="require_consent_evidence",
        parse=_switch,
        help="evidence of consent is required to make somebody Active",
    ),
    Setting(
        name="allow_private_webhooks",
        parse=_switch,
        help="webhooks may go to http addresses, and to private ones",
    ),
    Setting(name="webhook_ttl", parse=duration, help="how long a delivery of a webhook is kept"),
    Setting(
        name="undo_ttl", parse=_duration_or_none, help="how long an import can be undone; 0 keeps nothing for it"
    ),
    Setting(
        name="audit_ttl",
        parse=_duration_or_none,
        help="how long an entry of the audit is kept; 0 keeps all of them",
    ),
    Setting(
        name="job_ttl",
        parse=_duration_or_none,
        help="how long after its end a job is kept, with its refused rows; 0 keeps it for ever",
    ),
    Setting(
        name="history_ttl",
        parse=_duration_or_none,
        help="how long the history of a subscriber goes back; 0 for ever",
    ),
    Setting(
        name="bootstrap_key",
        parse=_key,
        help="API key that the first start makes, instead of a random one",
        secret=True,
    ),
    Setting(
        name="trusted_proxies",
        parse=_networks,
        help="proxies whose headers about the client are trusted: addresses and networks, separated by commas",
    ),
    Setting(name="wrong_key_limit", parse=_count, help="wrong API keys that an address may send within a minute"),
    Setting(name="key_rate", parse=_count, help="requests a second of one key"),
    Setting(name="workspace_rate", parse=_count, help="requests a second of all keys of a workspace"),
    Setting(
        name="rate_burst", parse=_count, help="requests that may come at once after a pause, before a rate counts"
    ),
    Setting(
        name="workspace_readers",
        parse=_readers,
        help="of the six readers of the database, those one workspace may use",
    ),
    Setting(
        name="max_waiting_reads", parse=_count, help="requests of a workspace that may wait for a reader at a time"
    ),
    Setting(name="max_searches", parse=_count, help="searches and counts of a workspace at a time"),
    Setting(name="max_transfers", parse=_count, help="files of a workspace that arrive or are analyzed at a time"),
    Setting(
        name="max_kept_upload_bytes",
        parse=_count,
        help="bytes on the disk of a workspace's uploads that no job has taken",
    ),
)


def default_text(setting: Setting) -> str:
    """The default as a variable states it; empty if the setting has none."""
    value = getattr(Settings(), setting.name)
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    if setting.parse in (duration, _duration_or_none):
        unit = next(name for name in ("d", "h", "m", "s") if value % _UNITS[name] == 0)
        return f"{value // _UNITS[unit]}{unit}"
    return str(value)


def load(environment: Mapping[str, str], **flags: str | None) -> Settings:
    """A flag has priority over the environment, and the environment over the default. An empty variable is ignored.

    Raises:
        BadSetting: a value is not valid.
    """
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        source, text = _stated(setting, environment, flags)
        if text is None:
            continue
        try:
            values[setting.name] = setting.parse(text)
        except ValueError as error:
            raise BadSetting(f"{source} takes {error}") from error
    return Settings(**values)


def _stated(
    setting: Setting, environment: Mapping[str, str], flags: Mapping[str, str | None]
) -> tuple[str, str | None]:
    """The name of the flag or the variable, and its text; None if nothing states the setting.

    Raises:
        BadSetting: a variable names a file that cannot be read.
    """
    variable = ENVIRONMENT_PREFIX + setting.name.upper()
    flag = flags.get(setting.name)
    if flag is not None:
        return f"--{setting.name.replace('_', '-')}", flag
    file = f"{variable}_FILE"
    if setting.secret and not environment.get(variable) and environment.get(file):
        return file, _first_line(environment[file], file)
    return variable, environment.get(variable) or None


def _first_line(name: str, variable: str) -> str:
    try:
        with Path(name).open(encoding="utf-8") as file:
            return file.readline(_MAX_SECRET).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text"
        raise BadSetting(f"{variable} names a file that cannot be read: {name}: {reason}") from error


def load_client(environment: Mapping[str, str]) -> ClientSettings:
    """
    Raises:
        BadSetting: MAILRITH_API_BASE_URL is not an address.
    """
    key = environment.get("MAILRITH_API_KEY") or None
    address = environment.get("MAILRITH_API_BASE_URL") or ClientSettings().api_base_url
    try:
        return ClientSettings(api_key=key, api_base_url=_url(address))
    except ValueError as error:
        raise BadSetting(f"MAILRITH_API_BASE_URL takes {error}") from error
