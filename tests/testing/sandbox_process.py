"""`mailrith-lite sandbox` in a process of its own, and its control routes."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cli.command_line import start_process
from jsonschema import Draft202012Validator
from mailrith_sdk import MailrithClient

KEY = "mrk_example_secret_key"


class Sandbox:
    def __init__(self, url: str) -> None:
        self.url = url
        self.client = MailrithClient(base_url=url, api_key=KEY)
        self.document = self.get("/sandbox/openapi.json", whole=True)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        text = None if body is None else json.dumps(body)
        status, _, answer = self.client.transport(method, self.url + path, headers, text)
        return status, answer

    def get(self, path: str, whole: bool = False) -> Any:
        status, answer = self.call("GET", path)
        assert status == 200, answer
        return answer if whole else answer["data"]

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """The `data` of a success, checked against the document."""
        status, answer = self.call("POST", path, body, **headers)
        documented = self.document["paths"][path]["post"]["responses"]
        assert str(status) in documented, answer
        assert status < 400, answer
        if answer is None:
            return None
        self.check(documented["200"]["content"]["application/json"]["schema"], answer)
        return answer["data"]

    def check(self, schema: Any, answer: Any) -> None:
        Draft202012Validator({**schema, "components": self.document["components"]}).validate(answer)

    def refusal(self, path: str, body: Any) -> tuple[int, str, str]:
        status, answer = self.call("POST", path, body)
        return status, answer["error"]["code"], answer["error"]["message"]


@contextlib.contextmanager
def sandbox_process(folder: Path, *options: str) -> Iterator[Sandbox]:
    with start_process("sandbox", "--port", "0", *options, cwd=folder) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.endswith(f" (key: {KEY}; nothing is kept)\n"), process.communicate()
        yield Sandbox(line.split()[3])
        process.terminate()
        assert process.wait(30) == 0
