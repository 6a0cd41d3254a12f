"""Settings from flags and the environment: valid values, invalid values, and priority."""

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrith_lite import setting_values, settings
from mailrith_lite.settings import SETTINGS, BadSetting, Settings

NAMES = [setting.name for setting in SETTINGS]
VALID: list[tuple[str, str, Any]] = [
    ("host", "0.0.0.0", "0.0.0.0"),  # noqa: S104
    ("host", " ::1 ", "::1"),
    ("port", "0", 0),
    ("port", "65535", 65_535),
    ("data_dir", "some/where", Path("some/where")),
    ("public_url", "https://mail.example.com/", "https://mail.example.com"),
    ("public_url", "http://localhost:8787/base", "http://localhost:8787/base"),
    ("public_url", "http://[::1]:8787", "http://[::1]:8787"),
    ("log_format", "JSON", "json"),
    ("log_format", "text", "text"),
    ("log_level", "Debug", "debug"),
    ("job_concurrency", "1", 1),
    ("max_body_bytes", " 1048576 ", 1 << 20),
    ("max_upload_bytes", "1000", 1_000),
    ("max_queued_jobs", "007", 7),
    ("query_timeout", "2m", 120),
    ("min_body_speed", "1000", 1_000),
    ("upload_ttl", "45m", 2_700),
    ("export_ttl", "90d", 90 * 86_400),
    ("export_ttl", "36500d", 36_500 * 86_400),
    ("idempotency_ttl", "3600", 3_600),
    ("idempotency_ttl", "12h", 12 * 3_600),
    ("export_formula_guard", "off", False),
    ("export_formula_guard", "YES", True),
    ("require_consent_evidence", "no", False),
    ("require_consent_evidence", "On", True),
    ("bootstrap_key", "mrk_example_secret_key", "mrk_example_secret_key"),
    ("trusted_proxies", "127.0.0.1, ::1", (ip_network("127.0.0.1"), ip_network("::1"))),
    ("trusted_proxies", "10.0.0.0/8 2001:db8::/32", (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))),
    ("wrong_key_limit", "5", 5),
    ("allow_private_webhooks", "on", True),
    ("webhook_ttl", "7d", 604_800),
    ("metrics_port", "9187", 9_187),
    ("metrics_token", "a-long-secret-of-my-own", "a-long-secret-of-my-own"),
    ("socket", "/run/mailrith-lite/socket", Path("/run/mailrith-lite/socket")),
    ("undo_ttl", "0", 0),
    ("job_ttl", "0", 0),
    ("job_ttl", "90d", 7_776_000),
    ("undo_ttl", "7d", 604_800),
    ("key_rate", "50", 50),
    ("workspace_rate", "100", 100),
    ("rate_burst", "500", 500),
    ("workspace_readers", "5", 5),
    ("max_waiting_reads", "10", 10),
    ("max_searches", "10", 10),
    ("max_transfers", "1", 1),
    ("max_kept_upload_bytes", "1000", 1_000),
    ("audit_ttl", "0", 0),
    ("history_ttl", "0", 0),
    ("audit_ttl", "90d", 90 * 86_400),
    ("history_ttl", "90d", 90 * 86_400),
]
INVALID = [
    ("allow_private_webhooks", "perhaps"),
    ("webhook_ttl", "0"),
    ("metrics_port", "0"),
    ("metrics_port", "65536"),
    ("metrics_token", "short"),
    ("metrics_token", "a secret with blanks in it"),
    ("socket", " "),
    ("socket", "/" + "x" * 103),
    ("undo_ttl", "never"),
    ("job_ttl", "-1"),
    ("host", " "),
    ("host", "my host"),
    ("port", "65536"),
    ("port", "-1"),
    ("port", "http"),
    ("port", "8787.0"),
    ("port", "٨٧"),
    ("data_dir", " "),
    ("public_url", "mail.example.com"),
    ("public_url", "ftp://mail.example.com"),
    ("public_url", "https://"),
    ("public_url", "https://example.com/?a=b"),
    ("public_url", "https://example.com/#top"),
    ("public_url", "https://[::1"),
    ("public_url", "https://example.com:99999"),
    ("public_url", "https://example.com:http"),
    ("public_url", "https://exa mple.com"),
    ("public_url", "https://example.com\n.evil"),
    ("log_format", "xml"),
    ("log_level", "loud"),
    ("job_concurrency", "0"),
    ("job_concurrency", "two"),
    ("max_body_bytes", "64MB"),
    ("max_body_bytes", "1_000"),
    ("max_body_bytes", "9" * 16),
    ("max_queued_jobs", "-5"),
    ("query_timeout", "0"),
    ("min_body_speed", "0"),
    ("max_upload_bytes", "2GB"),
    ("upload_ttl", "0h"),
    ("export_ttl", "0"),
    ("export_ttl", "0d"),
    ("export_ttl", "-1h"),
    ("export_ttl", "1.5h"),
    ("export_ttl", "90 d"),
    ("export_ttl", "1w"),
    ("export_ttl", "d"),
    ("export_ttl", "36501d"),
    ("export_ttl", "999999999d"),
    ("idempotency_ttl", "forever"),
    ("export_formula_guard", "maybe"),
    ("require_consent_evidence", "required"),
    ("bootstrap_key", "secret"),
    ("bootstrap_key", "mrk_short"),
    ("bootstrap_key", "mrk_with a blank in it"),
    ("bootstrap_key", "mrk_" + "x" * 201),
    ("trusted_proxies", "proxy.example.com"),
    ("trusted_proxies", "10.0.0.1/8"),
    ("trusted_proxies", "127.0.0.1;::1"),
    ("trusted_proxies", "*"),
    ("wrong_key_limit", "0"),
]


def variable(name: str) -> str:
    return f"MAILRITH_LITE_{name.upper()}"


@pytest.mark.parametrize(("name", "text", "value"), VALID)
def test_a_valid_value_is_read_from_a_flag_and_from_the_environment(name: str, text: str, value: Any) -> None:
    assert getattr(settings.load({variable(name): text}), name) == value
    assert getattr(settings.load({}, **{name: text}), name) == value


@pytest.mark.parametrize(("name", "text"), INVALID)
def test_an_invalid_value_is_refused_with_the_name_of_its_flag_or_variable(name: str, text: str) -> None:
    with pytest.raises(BadSetting, match=rf"^{variable(name)} takes "):
        settings.load({variable(name): text})
    with pytest.raises(BadSetting, match=rf"^--{name.replace('_', '-')} takes "):
        settings.load({}, **{name: text})


@pytest.mark.parametrize("name", NAMES)
def test_a_flag_has_priority_over_the_environment(name: str) -> None:
    valid = [text for setting, text, _ in VALID if setting == name]
    invalid = {variable(name): "\0 invalid \0"}
    assert settings.load(invalid, **{name: valid[-1]}) == settings.load({}, **{name: valid[-1]})


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_variable_is_ignored(name: str) -> None:
    assert settings.load({variable(name): ""}) == Settings()


@pytest.mark.parametrize("name", ["host", "data_dir", "port", "public_url", "export_ttl"])
def test_an_empty_flag_is_an_invalid_value(name: str) -> None:
    with pytest.raises(BadSetting):
        settings.load({}, **{name: ""})


def test_without_a_flag_the_environment_counts() -> None:
    assert settings.load({variable("port"): "1"}, port=None, host=None).port == 1


def test_other_variables_are_ignored() -> None:
    assert settings.load({"PORT": "x", "MAILRITH_PORT": "x", "MAILRITH_LITE_COLOUR": "x"}) == Settings()


def test_the_table_has_every_setting_once() -> None:
    assert sorted(NAMES) == sorted(Settings.__struct_fields__)


def test_the_default_address_is_that_of_the_contract() -> None:
    assert (Settings().host, Settings().port, Settings().data_dir) == ("127.0.0.1", 8787, Path("data"))


@given(st.integers(1, 36_500), st.sampled_from("smhd"))
def test_a_duration_is_a_number_times_its_unit(number: int, unit: str) -> None:
    assert setting_values.duration(f"{number}{unit}") == number * {"s": 1, "m": 60, "h": 3_600, "d": 86_400}[unit]


@given(st.text())
def test_any_other_text_is_refused_as_a_duration(text: str) -> None:
    try:
        assert 0 < setting_values.duration(text) <= setting_values.MAX_DURATION
    except ValueError as error:
        assert "a duration" in str(error)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, (None, "http://localhost:8787")),
        ({"MAILRITH_API_KEY": "", "MAILRITH_API_BASE_URL": ""}, (None, "http://localhost:8787")),
        ({"MAILRITH_API_KEY": "k", "MAILRITH_API_BASE_URL": "https://a.example/"}, ("k", "https://a.example")),
    ],
)
def test_client_settings_have_the_names_of_mailrith(environment: dict[str, str], expected: tuple[Any, str]) -> None:
    loaded = settings.load_client(environment)
    assert (loaded.api_key, loaded.api_base_url) == expected


def test_an_invalid_base_address_is_refused_with_its_name() -> None:
    with pytest.raises(BadSetting, match=r"^MAILRITH_API_BASE_URL takes an address"):
        settings.load_client({"MAILRITH_API_BASE_URL": "localhost"})


def test_a_secret_is_read_from_the_first_line_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("mrk_example_secret_key\n")
    environment = {"MAILRITH_LITE_BOOTSTRAP_KEY_FILE": str(path)}
    assert settings.load(environment).bootstrap_key == "mrk_example_secret_key"
    environment["MAILRITH_LITE_BOOTSTRAP_KEY"] = "mrk_another_secret_key"
    assert settings.load(environment).bootstrap_key == "mrk_another_secret_key"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "MAILRITH_LITE_BOOTSTRAP_KEY_FILE names a file that cannot be read: .*: No such file or directory"),
        (b"\xff", "MAILRITH_LITE_BOOTSTRAP_KEY_FILE names a file that cannot be read: .*: it is not a text"),
        (b"", "MAILRITH_LITE_BOOTSTRAP_KEY_FILE takes a key"),
        (b"short", "MAILRITH_LITE_BOOTSTRAP_KEY_FILE takes a key"),
    ],
)
def test_a_file_without_a_secret_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadSetting, match=f"^{message}"):
        settings.load({"MAILRITH_LITE_BOOTSTRAP_KEY_FILE": str(path)})
