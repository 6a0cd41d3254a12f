"""The parts that examples of the documentation have in common. Each Struct has its example in EXAMPLE.

The example of a request works in a new workspace.
"""

from typing import Any, Final

from mailrith_lite import ids

TIME: Final = "2025-04-11T12:00:00.000Z"
TIMES: Final = {"created_at": TIME, "updated_at": TIME}
EVIDENCE: Final = {
    "lawful_basis": "consent",
    "collected_at": "2025-04-11T13:59:30+02:00",
    "evidence_reference": "signup-form/2025-04-11/83",
}


def resource(prefix: str, path: str, **fields: Any) -> dict[str, Any]:
    """`fields`, with the id, address and times that every resource has."""
    public_id = ids.encode(prefix, 1)
    return {"id": public_id, "self": f"{path}/{public_id}", **fields, **TIMES}


def signed(kind: str, public_id: str) -> str:
    """An address that needs no key. `kind`: downloads or uploads."""
    workspace = ids.encode(ids.WORKSPACE, 1)
    signature = f"key_id={ids.encode(ids.API_KEY, 1)}&expires=1776081600&signature=E1xWq8m0pQ0cVb1nJ8s2"
    return f"http://localhost:8787/{kind}/{workspace}/{public_id}?{signature}"
