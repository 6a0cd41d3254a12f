"""/console/developers/guides: the files of docs/ as pages.

`guides/` is a link to docs/; a wheel has the files themselves.
"""

import asyncio
import functools
import re
from importlib import resources
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Final

import msgspec
from aiohttp import web

from mailrith_lite import errors
from mailrith_lite.console import templating
from mailrith_lite.console.markdown import parser
from mailrith_lite.console.session_request import SessionRequest

if TYPE_CHECKING:
    from markdown_it.token import Token

ORDER: Final = (
    "imports",
    "exports",
    "audience",
    "console",
    "api",
    "webhooks",
    "command-line",
    "testing",
    "operating",
    "scale",
    "architecture",
)
"""The guides in the order of the list. The decisions follow from the last one."""
_DECISIONS: Final = "decisions"
_FILE = re.compile(r"^([\w./-]+)\.md(#.*)?$")  # a link to another guide


class Heading(msgspec.Struct, frozen=True, kw_only=True):
    anchor: str
    text: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A guide in the list.

    `name`: the path of its file in docs/, without its ending. `summary`: its first sentence.
    """

    name: str
    title: str
    summary: str


class Guide(msgspec.Struct, frozen=True, kw_only=True):
    """`html`: the page after its title. `headings`: of the second level."""

    title: str
    html: str
    headings: list[Heading]


async def show_guides(call: SessionRequest) -> web.StreamResponse:
    guides = await asyncio.to_thread(lambda: [read_entry(name) for name in ORDER])
    return await templating.render_page(call.request, "guides.html", guides=guides)


async def show_guide(call: SessionRequest) -> web.StreamResponse:
    return await _render(call, call.request.match_info["name"])


async def show_decision(call: SessionRequest) -> web.StreamResponse:
    return await _render(call, f"{_DECISIONS}/{call.request.match_info['name']}")


async def _render(call: SessionRequest, name: str) -> web.StreamResponse:
    """
    Raises:
        NotFound: there is no such guide.
    """
    if name not in await asyncio.to_thread(names):
        raise errors.NotFound("There is no such guide; the list of guides has all of them.")
    guide = await asyncio.to_thread(read, name)
    return await templating.render_page(call.request, "guide.html", guide=guide)


@functools.cache
def names() -> frozenset[str]:
    """The names of all guides. A name is compared and never joined to a path."""
    return frozenset(_files())


def _files() -> dict[str, Traversable]:
    folder = resources.files("mailrith_lite.console").joinpath("guides")
    files = {file.name: file for file in folder.iterdir()}
    files |= {f"{_DECISIONS}/{file.name}": file for file in folder.joinpath(_DECISIONS).iterdir()}
    return {name.removesuffix(".md"): file for name, file in files.items() if name.endswith(".md")}


@functools.cache
def read_entry(name: str) -> Entry:
    """Parses what is above the first section only: the list has every guide, and a long one takes a while."""
    beginning, _, _ = _files()[name].read_text(encoding="utf-8").partition("\n## ")
    title, paragraph, *_ = (token.content for token in parser().parse(beginning) if token.type == "inline")
    return Entry(name=name, title=title, summary=_plain(re.split(r"(?<=\.)\s", paragraph, maxsplit=1)[0]))


@functools.cache
def read(name: str) -> Guide:
    """Takes a tenth of a second, most of it for the first guide."""
    markdown = parser()
    tokens = markdown.parse(_files()[name].read_text(encoding="utf-8"))
    title, tokens = tokens[1].content, _without_html(tokens[3:])
    headings = []
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            heading = _heading(tokens[place + 1])
            token.attrSet("id", heading.anchor)
            if token.tag == "h2":
                headings.append(heading)
        for child in token.children or ():
            if child.type == "link_open":
                child.attrSet("href", _FILE.sub(r"\1\2", str(child.attrs["href"])))
    _label_cells(tokens)
    html = markdown.renderer.render(tokens, markdown.options, {})
    return Guide(title=title, html=html, headings=headings)


def _without_html(tokens: "list[Token]") -> "list[Token]":
    """Without HTML, and without the pictures, which show pages of the console."""
    left_out = ("html_block", "html_inline", "image")
    for token in tokens:
        if token.children:
            token.children = [child for child in token.children if child.type not in left_out]
    return [token for token in tokens if token.type not in left_out]


def _heading(inline: "Token") -> Heading:
    """The anchor is the one that GitHub makes, because the links of the guides use it."""
    anchor = re.sub(r"[^\w -]", "", inline.content.lower()).replace(" ", "-")
    return Heading(anchor=anchor, text=_plain(inline.content))


def _plain(markdown: str) -> str:
    """The text without the marks for code, emphasis and links."""
    return re.sub(r"[`*]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", markdown)).replace("\n", " ")


def _label_cells(tokens: "list[Token]") -> None:
    """Each cell gets the name of its column, for narrow windows, and loses its style, which the page forbids."""
    labels: list[str] = []
    column = 0
    for place, token in enumerate(tokens):
        if token.type == "table_open":
            token.attrSet("class", "stacked")
            labels = []
        elif token.type == "tr_open":
            column = 0
        elif token.type in ("th_open", "td_open"):
            token.attrs.pop("style", None)
            text = _plain(tokens[place + 1].content)
            if token.type == "th_open":
                token.attrSet("scope", "col")
                labels.append(text)
            else:
                token.attrSet("data-label", labels[column].capitalize())
            column += 1
