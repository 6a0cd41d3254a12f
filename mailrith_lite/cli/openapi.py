"""The command that prints the OpenAPI document. It needs no service and no data directory."""

import os

import click

from mailrith_lite.settings import load


@click.command()
@click.option("--public-url", metavar="URL", help="the service's address in the document  [http://localhost:8787]")
def openapi(public_url: str | None) -> None:
    """Print the OpenAPI document of the API.

    \b
    Example:
      mailrith-lite openapi > openapi.json
    """
    import msgspec

    from mailrith_lite.api.documentation.openapi import document
    from mailrith_lite.api.routes import SECTIONS

    settings = load(os.environ, public_url=public_url)
    address = settings.public_url or f"http://localhost:{settings.port}"
    click.echo(msgspec.json.format(msgspec.json.encode(document(SECTIONS, [address]))).decode())


COMMANDS = (openapi,)
