"""Places are handed out by workspace in turn."""

import asyncio

import pytest

from mailrith_lite.turns import Turns


async def arrive(turns: Turns, workspaces: str, log: list[str]) -> list[asyncio.Task[None]]:
    """A task for each letter, which names its workspace; each logs the letter when it has a place."""

    async def work(workspace: str) -> None:
        async with turns.take(ord(workspace)):
            log.append(workspace)
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(work(workspace)) for workspace in workspaces]
    await asyncio.sleep(0)
    return tasks


@pytest.mark.parametrize(
    ("places", "share", "workspaces", "order"),
    [
        (1, 1, "AAAB", "ABAA"),
        (1, 1, "AABBCC", "ABCABC"),
        (2, 1, "AAAB", "ABAA"),
        (2, 2, "AAAB", "AABA"),
    ],
)
async def test_workspaces_take_turns(places: int, share: int, workspaces: str, order: str) -> None:
    log: list[str] = []
    await asyncio.gather(*await arrive(Turns(places, share=share), workspaces, log))
    assert "".join(log) == order


async def test_waiter_that_is_cancelled_loses_no_place() -> None:
    log: list[str] = []
    turns = Turns(1, share=1)
    first, second, third = await arrive(turns, "AAB", log)
    second.cancel()
    await asyncio.gather(first, second, third, return_exceptions=True)
    await asyncio.gather(*await arrive(turns, "C", log))
    assert "".join(log) == "ABC"
