"""Every recipe of docs/testing.md runs as it is on the page, only with another port."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.command_line import start_process
from pytest_session import run_files

PAGE = Path(__file__).parent.parent.parent / "docs" / "testing.md"
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
RECIPES = list(BLOCK.finditer(PAGE.read_text(encoding="utf-8")))
ADDRESS = re.compile(r"(http://)?localhost:8787")
NOT_RUN = (
    "pip install ",
    "mailrith-lite sandbox\n",
)  # the environment has the package installed, and a fixture starts the sandbox
needs_node = pytest.mark.skipif(
    shutil.which("node") is None or shutil.which("npm") is None, reason="there is no node with npm"
)


def line_of(recipe: re.Match[str]) -> int:
    """The line of the page that a recipe begins on."""
    return recipe.string.count("\n", 0, recipe.start()) + 1


def recipes_in(language: str) -> pytest.MarkDecorator:
    """A test's parameter `text`: each recipe in the language, but those in NOT_RUN."""
    return pytest.mark.parametrize(
        "text",
        [
            pytest.param(recipe["text"], id=f"line {line_of(recipe)}")
            for recipe in RECIPES
            if recipe["language"] == language and not recipe["text"].startswith(NOT_RUN)
        ],
    )


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
    assert {recipe["language"] for recipe in RECIPES} - {"ini"} == {"python", "sh", "js", "ts"}


def test_recipes_in_python_pass(pytester: pytest.Pytester) -> None:
    """In one session, but for the recipe with options of the server, which has a session of its own."""
    texts = {f"test_line_{line_of(recipe)}": recipe["text"] for recipe in RECIPES if recipe["language"] == "python"}
    texts = {name: text for name, text in texts.items() if not text.startswith(NOT_RUN)}
    alone = {name: text for name, text in texts.items() if "def mailrith_options" in text}
    together = {name: text for name, text in texts.items() if name not in alone}
    assert alone and together
    run_files(pytester, together).assert_outcomes(passed=len(together))
    for name, text in alone.items():
        run_files(pytester, {name: text}, f"{name}.py").assert_outcomes(passed=1)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
@recipes_in("sh")
def test_recipes_for_the_shell_work(tmp_path: Path, url: str, text: str) -> None:
    output = run(["sh", "-euc", ADDRESS.sub(url, text)], tmp_path)
    controls, quickstart = ("503\n", '"operation_id":"listTags"'), ('"name":"Website Signup"', "Analytical Engines")
    assert all(expected in output for expected in (controls if "fail-next" in text else quickstart))


@needs_node
@recipes_in("js")
def test_recipes_for_node_pass(tmp_path: Path, url: str, text: str) -> None:
    (tmp_path / "recipe.mjs").write_text(ADDRESS.sub(url, text))
    run(["node", "recipe.mjs"], tmp_path)


@needs_node
@recipes_in("ts")
def test_recipes_in_typescript_pass(tmp_path: Path, url: str, text: str) -> None:
    """They have no types, so node runs them as JavaScript."""
    packages = [name for name in re.findall(r'from "([^"]+)"', text) if not name.startswith("node:")]
    install = ["npm", "install", "--no-audit", "--no-fund", *packages]
    finished = subprocess.run(install, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=120)
    if finished.returncode != 0:
        pytest.skip(f"npm cannot get {' and '.join(packages)}")
    (tmp_path / "recipe.mjs").write_text(ADDRESS.sub(url, text))
    run(["node", "recipe.mjs"], tmp_path)
