"""Public ids in a list of a request, such as `existing_tag_ids`. Errors name the position of the id in the list."""

from collections.abc import Sequence

from mailrith_lite import errors, ids

MAX_LISTED = 100


def decode(prefix: str, public_ids: Sequence[str], field: str) -> list[int]:
    """The integers, in the same order.

    Raises:
        InvalidRequest: there are more than `MAX_LISTED`, or one is malformed.
    """
    if len(public_ids) > MAX_LISTED:
        raise errors.InvalidRequest(f"{field} takes at most {MAX_LISTED} ids.", field=field)
    numbers = []
    for position, public_id in enumerate(public_ids):
        number = ids.decode(prefix, public_id)
        if number is None:
            raise _unknown(field, position, prefix)
        numbers.append(number)
    return numbers


def check(numbers: Sequence[int], known: set[int], field: str, resource: str) -> None:
    """
    Raises:
        InvalidRequest: one of the numbers is not in `known`.
    """
    for position, number in enumerate(numbers):
        if number not in known:
            raise _unknown(field, position, resource)


def _unknown(field: str, position: int, resource: str) -> errors.InvalidRequest:
    return errors.InvalidRequest(
        f"There is no {resource} with this id in the workspace.",
        field=f"{field}[{position}]",
        reason=f"{resource}_not_found",
    )
