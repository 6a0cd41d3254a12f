"""What the pages say about each action of bulk changes."""

from typing import Final

from mailrith_lite.bulk_changes.actions import ActionName

LABELS: Final[dict[ActionName, str]] = {
    "add_tag": "Add a tag",
    "remove_tag": "Take a tag",
    "add_to_sequence": "Add to a sequence",
    "remove_from_sequence": "Take from a sequence",
    "unsubscribe": "Unsubscribe",
    "erase": "Erase",
}
TITLES: Final[dict[ActionName, str]] = {
    "add_tag": "Add the tag {}",
    "remove_tag": "Take the tag {}",
    "add_to_sequence": "Add to the sequence {}",
    "remove_from_sequence": "Take from the sequence {}",
    "unsubscribe": "Unsubscribe",
    "erase": "Erase",
}
"""With the place of a name."""
EFFECTS: Final[dict[ActionName, str]] = {
    "add_tag": "They get the tag. Who has it already stays as they are.",
    "remove_tag": "They lose the tag. Who does not have it stays as they are.",
    "add_to_sequence": "They become active in the sequence. Who has completed it stays so. No email is sent.",
    "remove_from_sequence": "They leave the sequence. Their membership stays on record.",
    "unsubscribe": "They become Unsubscribed. Who is Bounced, Complained or Blocked stays so.",
    "erase": "Everything about them is deleted: address, name, values, tags, sequences, history and consent.",
}
UNDONE: Final[dict[ActionName, str]] = {
    "add_tag": "They lose the tag again.",
    "remove_tag": "They get the tag again.",
    "add_to_sequence": "They are no longer in the sequence.",
    "remove_from_sequence": "They are in the sequence again.",
    "unsubscribe": "They get the status again that they had before.",
}
"""What happens to people whose bulk change is undone."""
