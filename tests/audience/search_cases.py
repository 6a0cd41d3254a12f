"""Subscribers with unusual names and emails, the searches that match them, and calls of the search."""

import population

from mailrith_lite import ids
from mailrith_lite.audience import search_index
from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.database import Database

# integer id -> (email, name)
PEOPLE = {
    1: ("ada@example.com", "Ada Lovelace"),
    2: ("strasse@example.com", "Hans Straße"),
    3: ("istanbul@example.com", "İstanbul"),
    4: ("kelvin@example.com", "Lord \u212aelvin"),
    5: ("quote@example.com", 'Dwayne "The Rock" O\'Neil'),
    6: ("star@example.com", "A*B AND NOT (c) ^d -e col:umn"),
    7: ("x+y%_z@example.com", "100%_ \\ \u201cé\u201d e\u0301"),
    8: ("rocket@example.com", "👩\u200d🚀🚀🚀"),
    9: ("e" * 240 + "@example.com", "n" * 200),
    10: ("active@example.com", "Bounced Blocked"),
    11: ("spaces@example.com", "two  spaces\tand a tab"),
    12: ("homer@example.com", "Οδυσσεύς"),
    13: ("blank@example.com", ""),
}
# (text, integer ids in the order of the list)
SEARCHES: list[tuple[str, list[int]]] = [
    ("Lovelace", [1]),
    ("  lOvElAcE \n", [1]),
    ("da Lov", [1]),
    ("ada@EXAMPLE.com", [1]),
    ("acex", []),
    ("straße", [2]),
    ("STRASSE", [2]),
    ("raß", [2]),
    ("ß", [2]),
    ("ss", [2]),
    ("i\u0307stan", [3]),
    ("İSTANBUL", [3]),
    ("istanbul", [3]),
    ("kelvin", [4]),
    ("\u212aELVIN", [4]),
    ('"', [5]),
    ('"the', [5]),
    ("rock\" o'n", [5]),
    ('""', []),
    ("*", [6]),
    ("a*b", [6]),
    ("a*", [6]),
    ("AND", [11, 6]),
    ("AND NOT", [6]),
    ("not (c)", [6]),
    ("^d -e", [6]),
    ("col:umn", [6]),
    ("email:ada", []),
    ("%", [7]),
    ("%_z", [7]),
    ("0%_ \\", [7]),
    ("\\", [7]),
    ("\u201cé\u201d", [7]),
    ("e\u0301", [7]),
    ("🚀", [8]),
    ("🚀🚀", [8]),
    ("🚀🚀🚀", [8]),
    ("👩\u200d🚀", [8]),
    ("e" * 240 + "@example.com", [9]),
    ("e" * 254, []),
    ("n" * 200, [9]),
    ("N" * 199 + "m", []),
    ("two  spaces\tand", [11]),
    ("two spaces", []),
    ("ΟΔΥΣΣΕΎΣ", [12]),
    ("δυσ", [12]),
    ("active", [*range(13, 9, -1), *range(8, 0, -1)]),
    ("ACTIVE", [*range(13, 9, -1), *range(8, 0, -1)]),
    ("Bounced", [10, 9]),
    ("actives", []),
    ("nobody at all", []),
    ("@", list(range(13, 0, -1))),
    ("example", list(range(13, 0, -1))),
    (ids.encode(ids.SUBSCRIBER, 5), [5]),
    (ids.encode(ids.SUBSCRIBER, 5).upper(), []),
    (ids.encode(ids.SUBSCRIBER, 77), []),
    (ids.encode(ids.TAG, 5), []),
]


async def catch_up(database: Database) -> int:
    """Updates the whole index; returns the number of batches."""
    batches = 0
    while await search_index.catch_up(database):
        batches += 1
    return batches


async def search(database: Database, text: str) -> list[int]:
    return await population.page(database, SubscriberFilter(search=text))
