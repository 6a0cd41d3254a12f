"""The settings: one frozen Struct, built at the start and passed on. No other module reads the environment."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from mailrith_lite.setting_values import (
    Network,
    count,
    directory,
    duration,
    duration_or_none,
    duration_text,
    host,
    key,
    metrics_port,
    networks,
    one_of,
    port,
    readers,
    socket_path,
    switch,
    token,
    url,
)

ENVIRONMENT_PREFIX = "MAILRITH_LITE_"
MEBIBYTE = 1 << 20
_MAX_SECRET = 1_000  # characters

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

    @property
    def bulk_undo_ttl(self) -> int:
        """Seconds for which a bulk change can be undone: its undo reads the history."""
        return min(self.undo_ttl, self.history_ttl) if self.history_ttl else self.undo_ttl

    def changed(self) -> dict[str, str]:
        """The settings that differ from their defaults, by name, as texts. For a secret, only that it is set."""
        default = Settings()
        return {
            setting.name: "(set)" if setting.secret else _as_text(getattr(self, setting.name))
            for setting in SETTINGS
            if getattr(self, setting.name) != getattr(default, setting.name)
        }


def _as_text(value: object) -> str:
    """The value as a text, without the user and the password of an address."""
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


SETTINGS = (
    Setting(name="host", parse=host, help="address to listen on"),
    Setting(name="port", parse=port, help="port to listen on; 0 takes a free one"),
    Setting(
        name="socket",
        parse=socket_path,
        help="Unix socket to listen on, for a proxy, instead of address and port",
    ),
    Setting(name="metrics_port", parse=metrics_port, help="port of 127.0.0.1 for /metrics alone"),
    Setting(
        name="metrics_token",
        parse=token,
        help="bearer token for /metrics on the service's own address; else it is not there",
        secret=True,
    ),
    Setting(name="data_dir", parse=directory, help="directory that holds everything the service keeps"),
    Setting(name="public_url", parse=url, help="address that clients see, for links; else the request's own"),
    Setting(name="log_format", parse=one_of(get_args(LogFormat)), help="text or json"),
    Setting(name="log_level", parse=one_of(get_args(LogLevel)), help="debug, info, warning or error"),
    Setting(name="job_concurrency", parse=count, help="jobs that run at the same time"),
    Setting(name="max_body_bytes", parse=count, help="largest request body, in bytes"),
    Setting(name="max_upload_bytes", parse=count, help="largest file of an upload, also unpacked, in bytes"),
    Setting(name="min_body_speed", parse=count, help="bytes a second that a body needs after its first minute"),
    Setting(name="max_queued_jobs", parse=count, help="jobs of one workspace that may wait at a time"),
    Setting(name="query_timeout", parse=duration, help="how long the searches and counts of a request may take"),
    Setting(name="upload_ttl", parse=duration, help="how long an upload's link lasts, and then its file"),
    Setting(name="export_ttl", parse=duration, help="how long an export's file can be downloaded"),
    Setting(name="idempotency_ttl", parse=duration, help="how long an Idempotency-Key is remembered"),
    Setting(
        name="export_formula_guard",
        parse=switch,
        help="mark cells that a spreadsheet would run as a formula",
    ),
    Setting(
        name="require_consent_evidence",
        parse=switch,
        help="evidence of consent is required to make somebody Active",
    ),
    Setting(
        name="allow_private_webhooks",
        parse=switch,
        help="webhooks may go to http addresses, and to private ones",
    ),
    Setting(name="webhook_ttl", parse=duration, help="how long a delivery of a webhook is kept"),
    Setting(
        name="undo_ttl",
        parse=duration_or_none,
        help="how long an import or a bulk change can be undone, a bulk change at most for history_ttl; "
        "0 keeps nothing for it",
    ),
    Setting(
        name="audit_ttl",
        parse=duration_or_none,
        help="how long an entry of the audit is kept; 0 keeps all of them",
    ),
    Setting(
        name="job_ttl",
        parse=duration_or_none,
        help="how long after its end a job is kept, with its refused rows; 0 keeps it for ever",
    ),
    Setting(
        name="history_ttl",
        parse=duration_or_none,
        help="how long the history of a subscriber goes back; 0 for ever",
    ),
    Setting(
        name="bootstrap_key",
        parse=key,
        help="API key that the first start makes, instead of a random one",
        secret=True,
    ),
    Setting(
        name="trusted_proxies",
        parse=networks,
        help="proxies whose headers about the client are trusted: addresses and networks, separated by commas",
    ),
    Setting(name="wrong_key_limit", parse=count, help="wrong API keys that an address may send within a minute"),
    Setting(name="key_rate", parse=count, help="requests a second of one key"),
    Setting(name="workspace_rate", parse=count, help="requests a second of all keys of a workspace"),
    Setting(
        name="rate_burst",
        parse=count,
        help="requests that may come at once after a pause, before a rate counts",
    ),
    Setting(
        name="workspace_readers",
        parse=readers,
        help="of the six readers of the database, those one workspace may use",
    ),
    Setting(
        name="max_waiting_reads",
        parse=count,
        help="requests of a workspace that may wait for a reader at a time",
    ),
    Setting(name="max_searches", parse=count, help="searches and counts of a workspace at a time"),
    Setting(name="max_transfers", parse=count, help="files of a workspace that arrive or are analyzed at a time"),
    Setting(
        name="max_kept_upload_bytes",
        parse=count,
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
    if setting.parse in (duration, duration_or_none):
        return duration_text(value)
    return str(value)


def load(environment: Mapping[str, str], **flags: str | None) -> Settings:
    """A flag has priority over the environment, and the environment over the default. An empty variable is ignored.

    Raises:
        BadSetting: a value is not valid.
    """
    stated: dict[str, Any] = {}
    for setting in SETTINGS:
        source, text = _stated(setting, environment, flags)
        if text is None:
            continue
        try:
            stated[setting.name] = setting.parse(text)
        except ValueError as error:
            raise BadSetting(f"{source} takes {error}") from error
    return Settings(**stated)


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
        return ClientSettings(api_key=key, api_base_url=url(address))
    except ValueError as error:
        raise BadSetting(f"MAILRITH_API_BASE_URL takes {error}") from error
