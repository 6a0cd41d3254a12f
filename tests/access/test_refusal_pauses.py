"""Many refusals in a short time are sent slowly, to their owner alone."""

from time import monotonic

from conftest import Server

from mailrith_lite.access.refusal_pauses import RefusalPauses

ONCE_A_DAY = 1 / 86_400
PAUSE = 0.25  # seconds


def has_a_pause(pauses: RefusalPauses, owner: int | str) -> bool:
    """Whether the next refusal of the owner waits. Does not wait itself."""
    waiting = pauses.wait(owner)
    try:
        waiting.send(None)
    except StopIteration:
        return False
    waiting.close()
    return True


async def test_refusals_after_the_burst_wait_and_those_of_others_do_not() -> None:
    pauses = RefusalPauses(rate=ONCE_A_DAY, burst=2)
    assert [has_a_pause(pauses, 1) for _ in range(4)] == [False, False, True, True]
    assert not has_a_pause(pauses, 2)
    assert not has_a_pause(pauses, "203.0.113.1")


def seconds(server: Server, path: str, status: int, **options: str | None) -> float:
    began = monotonic()
    assert server.call("GET", path, **options).status == status
    return monotonic() - began


def test_refusals_of_a_workspace_are_counted_apart_from_those_without_a_key(server: Server) -> None:
    pauses = server.services.refusal_pauses = RefusalPauses(rate=ONCE_A_DAY, burst=1)
    assert server.call("GET", "/v1/tags?limit=x").status == 400
    assert server.call("GET", "/v1/tags", key="wrong").status == 401
    assert seconds(server, "/v1/tags?limit=x", 400) >= PAUSE
    assert seconds(server, "/console/nothing", 404, key=None) >= PAUSE
    assert server.call("GET", "/v1/tags").status == 200
    assert not has_a_pause(pauses, 2)
