"""Every recipe of docs/testing.md runs as it is on the page, only with another port."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.command_line import start_process

PAGE = Path(__file__).parent.parent.parent / "docs" / "testing.md"
RECIPES = [
    pytest.param(block[1], block[2], id=f"line {PAGE.read_text().count(chr(10), 0, block.start()) + 1}")
    for block in re.finditer(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
]
ADDRESS = re.compile(r"(http://)?localhost:8787")
needs_node = pytest.mark.skipif(
    shutil.which("node") is None or shutil.which("npm") is None, reason="there is no node with npm"
)


def of(language: str) -> list[object]:
    return [recipe for recipe in RECIPES if recipe.values[0] == language]


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with start_process("sandbox", "--port", "0", cwd=tmp_path) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[3]
        process.terminate()
        assert process.wait(30) == 0


def run(command: list[str], folder: Path) -> str:
    finished = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", timeout=120)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_every_recipe_has_a_language_that_these_tests_run() -> None:
    assert {str(recipe.values[0]) for recipe in RECIPES} == {"python", "sh", "js", "ts"}


@pytest.mark.parametrize(("language", "text"), of("python"))
def test_recipes_in_python_pass(pytester: pytest.Pytester, language: str, text: str) -> None:
    pytester.makepyfile(text)
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n")
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
@pytest.mark.parametrize(("language", "text"), of("sh")[1:])  # the fixture runs the first one
def test_recipes_for_the_shell_work(tmp_path: Path, url: str, language: str, text: str) -> None:
    output = run(["sh", "-euc", ADDRESS.sub(url, text)], tmp_path)
    assert "503\n" in output
    assert '"operation_id":"listTags"' in output


@needs_node
@pytest.mark.parametrize(("language", "text"), of("js"))
def test_recipes_for_node_pass(tmp_path: Path, url: str, language: str, text: str) -> None:
    (tmp_path / "recipe.mjs").write_text(ADDRESS.sub(url, text))
    run(["node", "recipe.mjs"], tmp_path)


@needs_node
@pytest.mark.parametrize(("language", "text"), of("ts"))
def test_recipes_with_the_typescript_sdk_pass(tmp_path: Path, url: str, language: str, text: str) -> None:
    """They have no types, so node runs them as JavaScript."""
    install = ["npm", "install", "--no-audit", "--no-fund", "@mailrith/sdk"]
    finished = subprocess.run(install, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=120)
    if finished.returncode != 0:
        pytest.skip("npm cannot get @mailrith/sdk")
    (tmp_path / "recipe.mjs").write_text(ADDRESS.sub(url, text))
    run(["node", "recipe.mjs"], tmp_path)
