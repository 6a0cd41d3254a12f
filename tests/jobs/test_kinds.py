"""Only one module names the kinds of job; the rest of the service uses its entries."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Server

import mailrith_lite
from mailrith_lite.access import scopes
from mailrith_lite.jobs import kinds
from mailrith_lite.jobs.kinds import EXPORT, IMPORT, KINDS, JobKind

PACKAGE = Path(mailrith_lite.__file__).parent
HOME = PACKAGE / "jobs" / "kinds.py"
SOURCES = PACKAGE / "audience" / "changes.py"  # names what can change a subscriber, and is below the jobs
PREFIXES = PACKAGE / "ids.py"  # the filter of subscribers reads the id of an import, and is below the jobs
PRIVATE = {text for kind in KINDS for text in (kind.name, kind.id_prefix, kind.path)}
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def bare_texts(source: str) -> Iterator[str]:
    """Every literal that repeats a kind's name, id prefix or path; not a docstring or the name of a command."""
    tree = ast.parse(source)
    allowed: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            allowed.add(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "command":
            allowed.update(node.args)
        elif isinstance(node, ast.Constant) and node.value in PRIVATE and node not in allowed:
            yield f"line {node.lineno}: {node.value!r}"


@pytest.mark.slow
def test_no_module_outside_the_kinds_names_a_kind_with_a_bare_text() -> None:
    modules = set(PACKAGE.rglob("*.py")) - {HOME, SOURCES, PREFIXES}
    sources = {path: list(bare_texts(path.read_text())) for path in modules}
    assert len(sources) > 100
    assert {path: texts for path, texts in sources.items() if texts} == {}


def test_no_template_names_a_kind_with_a_bare_text() -> None:
    templates = {path: path.read_text() for path in PACKAGE.rglob("*.html")}
    assert len(templates) > 10
    quoted = [quote + text + quote for text in PRIVATE for quote in "\"'"]
    assert [(path, text) for path, template in templates.items() for text in quoted if text in template] == []


@pytest.mark.parametrize(
    "code", ['job.kind == "export"', 'PATHS["import"]', 'insert_job(1, "import")', '{"export": 1}']
)
def test_a_bare_text_is_detected_everywhere(code: str) -> None:
    assert len(list(bare_texts(code))) == 1


@pytest.mark.parametrize("field", ["name", "id_prefix", "path"])
def test_no_two_kinds_have_the_same_value(field: str) -> None:
    assert len({getattr(kind, field) for kind in KINDS}) == len(KINDS)


@each_kind
def test_the_scopes_of_a_kind_exist(kind: JobKind) -> None:
    assert {*kind.read_scopes, *kind.write_scopes} <= set(scopes.ALL)


@each_kind
def test_a_kind_reads_its_own_ids_alone(kind: JobKind) -> None:
    assert kind.decode(kind.encode(7)) == 7
    assert [other for other in KINDS if other.decode(kind.encode(7)) is not None] == [kind]
    assert kinds.kind_of(kind.encode(7)) == kind


@pytest.mark.parametrize("text", ["", IMPORT.name, IMPORT.id_prefix, f"{EXPORT.id_prefix}_", "tag_0000000000000"])
def test_a_text_that_is_not_a_job_id_has_no_kind(text: str) -> None:
    assert kinds.kind_of(text) is None


def test_the_service_has_a_pipeline_for_every_kind(server: Server) -> None:
    assert server.services.runner._pipelines.keys() == set(KINDS)


def test_the_api_lists_shows_and_cancels_the_jobs_of_every_kind(server: Server) -> None:
    for kind in KINDS:
        assert server.call("GET", kind.path).status == 200
        for method, path in (("GET", f"{kind.path}/x"), ("POST", f"{kind.path}/x/cancel")):
            reply = server.call(method, path)
            assert (reply.status, reply.json["error"]["code"]) == (404, f"{kind.resource}_not_found")
