"""The actions of bulk changes. Each says which people it alters, how, and what it writes into the history.

In SQL, `:target` is the integer id of the tag or the sequence.
"""

from collections.abc import Awaitable, Callable
from typing import Final, Literal

import msgspec

from mailrith_lite.audience import blocks, bulk, memberships
from mailrith_lite.audience.vocabulary import SUPPRESSED, Status
from mailrith_lite.database import Connection

ActionName = Literal["add_tag", "remove_tag", "add_to_sequence", "remove_from_sequence", "unsubscribe", "erase"]
Target = Literal["tag", "sequence"]
Apply = Callable[[Connection, str, int], Awaitable[None]]
UNSUBSCRIBED: Final[Status] = "Unsubscribed"
_SUPPRESSED: Final = ", ".join(f"'{status}'" for status in sorted(SUPPRESSED))
_HAS_TAG: Final = "EXISTS (SELECT 1 FROM subscriber_tags WHERE subscriber_id = subscribers.id AND tag_id = :target)"
_MEMBERSHIP: Final = """(SELECT member.status FROM subscriber_sequences AS member
    WHERE member.subscriber_id = subscribers.id AND member.sequence_id = :target)"""


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """`target`: what a request names besides the action. `alters`: SQL, whether a row of `subscribers` changes.

    `details`: SQL, the arguments of json_object() that make `Details` for the history. `member`: the member of a
    subscriber that changes, as events name it. `apply`: writes the memberships of a JSON list of subscribers.
    """

    name: ActionName
    target: Target | None = None
    alters: str
    details: str = ""
    member: str = ""
    apply: Apply | None = None


async def insert_tag(connection: Connection, subscriber_ids: str, tag_id: int) -> None:
    await blocks.update_tag_counts(connection, subscriber_ids, f"[{tag_id}]")
    await bulk.insert_tags(connection, subscriber_ids, f"[{tag_id}]")


async def insert_sequence(connection: Connection, subscriber_ids: str, sequence_id: int) -> None:
    await bulk.insert_sequences(connection, subscriber_ids, f"[{sequence_id}]")


ADD_TAG = Action(
    name="add_tag",
    target="tag",
    alters=f"NOT {_HAS_TAG}",
    details="'tags', json_array(:target)",
    member="tags",
    apply=insert_tag,
)
REMOVE_TAG = Action(
    name="remove_tag",
    target="tag",
    alters=_HAS_TAG,
    details="'removed_tags', json_array(:target)",
    member="tags",
    apply=memberships.delete_tag_of_many,
)
ADD_TO_SEQUENCE = Action(
    name="add_to_sequence",
    target="sequence",
    alters=f"coalesce({_MEMBERSHIP}, 'removed') = 'removed'",  # a completed membership stays, as in an import
    details=f"""'joined', json_array(:target),
        'rejoined', iif({_MEMBERSHIP} IS NULL, json_array(), json_array(:target))""",
    member="sequence_ids",
    apply=insert_sequence,
)
REMOVE_FROM_SEQUENCE = Action(
    name="remove_from_sequence",
    target="sequence",
    alters=f"coalesce({_MEMBERSHIP} = 'active', false)",
    details="'left', json_array(:target)",
    member="sequence_ids",
    apply=memberships.update_removed_of_many,
)
UNSUBSCRIBE = Action(
    name="unsubscribe",
    alters=f"status NOT IN ({_SUPPRESSED})",  # Blocked, Bounced and Complained are stricter, and stay
    details=f"'before', json_object('status', status), 'after', json_object('status', '{UNSUBSCRIBED}')",
)
ERASE = Action(name="erase", alters="true")
ACTIONS: Final = (ADD_TAG, REMOVE_TAG, ADD_TO_SEQUENCE, REMOVE_FROM_SEQUENCE, UNSUBSCRIBE, ERASE)
BY_NAME: Final[dict[str, Action]] = {action.name: action for action in ACTIONS}
