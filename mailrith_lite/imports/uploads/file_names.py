"""What the name of a file says about the people in it."""

from typing import Final

from mailrith_lite.audience import vocabulary
from mailrith_lite.audience.vocabulary import Status
from mailrith_lite.imports.uploads.name_words import words_of

_WORDS: Final[dict[str, Status]] = {
    **dict.fromkeys(
        ("unsubscribes", "unsubscribe", "unsubs", "unsub", "opt outs", "optouts", "optout"), "Unsubscribed"
    ),
    **dict.fromkeys(
        (
            "unsubscribers",
            "nonsubscribers",
            "no email",
            "no emails",
            "no mail",
            "unsubscriptions",
            "unsubscription",
            "opted outs",
            "dnc",
        ),
        "Unsubscribed",
    ),
    **dict.fromkeys(("do not mail list", "do not email", "do not contact", "leavers", "churned"), "Unsubscribed"),
    **dict.fromkeys(("abmeldungen", "abgemeldete", "abmeldung", "ausgetragene", "abbestellungen"), "Unsubscribed"),
    **dict.fromkeys(("désinscriptions", "désabonnements", "désinscrits", "désabonnés"), "Unsubscribed"),
    **dict.fromkeys(("desinscriptions", "desabonnements", "desinscrits", "desabonnes"), "Unsubscribed"),
    **dict.fromkeys(("bajas", "dados de baja", "desuscritos", "cancelados", "descadastrados"), "Unsubscribed"),
    **dict.fromkeys(
        ("disiscrizioni", "disiscritti", "cancellati", "uitschrijvingen", "afmeldingen"), "Unsubscribed"
    ),
    **dict.fromkeys(("uitgeschrevenen", "afgemelden", "wypisani", "rezygnacje", "配信停止"), "Unsubscribed"),
    **dict.fromkeys(("購読解除", "退会", "退会者"), "Unsubscribed"),
    **dict.fromkeys(
        ("bounces", "hard bounces", "hardbounces", "invalids", "invalid emails", "rebonds", "rebotes"), "Bounced"
    ),
    **dict.fromkeys(("unzustellbare", "undeliverables"), "Bounced"),
    **dict.fromkeys(("complaints", "complainers", "spam reports", "spam complaints", "spamreports"), "Complained"),
    **dict.fromkeys(("suppression", "suppressions", "blacklist", "blocklist", "blocks", "sperrliste"), "Blocked"),
    **dict.fromkeys(
        ("black list", "block list", "gesperrte", "blockierte", "liste noire", "lista negra"), "Blocked"
    ),
    **dict.fromkeys(("blacklista", "zwarte lijst", "robinsonliste", "robinson list"), "Blocked"),
}
_COMMON: Final = frozenset(["off", "on", "reported", "abuse", "invalid", "a", "baja", "s", "an", "aus", "archive"])
"""Words that are too common in file names to say anything."""
_LONGEST: Final = 4
"""Words of the longest text that is looked up."""


def status_of_file(file_name: str) -> Status | None:
    """The status that the name of a file says: Unsubscribed for `unsubscribed_members_export_4f2a.csv`.

    None if the name says nothing, or Active.
    """
    words = words_of(file_name.rsplit(".", 1)[0])
    parts = [
        " ".join(words[start : start + size])
        for size in range(_LONGEST, 0, -1)
        for start in range(len(words) - size + 1)
    ]
    statuses = [_WORDS.get(part) or vocabulary.status_of(part) for part in parts if part not in _COMMON]
    suppressed = [status for status in statuses if status is not None and status != "Active"]
    return vocabulary.strictest(suppressed) if suppressed else None
