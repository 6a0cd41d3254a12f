"""Which columns are about consent, and what their words mean for the status.

A column about SMS, phone or WhatsApp says nothing about email.
"""

import re
from typing import Final

from mailrith_lite.audience import vocabulary
from mailrith_lite.audience.vocabulary import Status
from mailrith_lite.imports.uploads.sources.source import (
    BLOCKED,
    BOUNCED,
    COMPLAINED,
    CONFIRMED,
    OPT_IN,
    OPT_OUT,
    YesNo,
)
from mailrith_lite.unicode_forms import fold, letters_and_digits

_BY_STATUS: Final[dict[Status, YesNo]] = {
    "Active": OPT_IN,
    "Unconfirmed": YesNo(yes="Unconfirmed"),
    "Unsubscribed": OPT_OUT,
    "Bounced": BOUNCED,
    "Complained": COMPLAINED,
    "Blocked": BLOCKED,
}


def _folded(text: str) -> frozenset[str]:
    return frozenset(map(fold, vocabulary.words_in(text)))


_NAMES_BY_MEANING: Final = (
    (
        CONFIRMED,
        "confirmed, verified, double opt-in, double optin, doi, bestätigt, confirmé, confirmado, confermato",
    ),
    (
        OPT_IN,
        """
        opt-in, optin, opt in, accepts, accepts marketing, subscribed, subscribe, subscriber, wants, permission,
            permissions, consent, consents, agreed, agree, gdpr consent, marketing consent, gdpr, allowed,
            may contact, can contact, receive, receives, accept, accepted, allow
        Einwilligung, Werbeeinwilligung, Newsletteranmeldung
        consentement, consentimiento, consentimento, consenso, toestemming, zgoda
        同意, 配信許可
        """,
    ),
    (
        OPT_OUT,
        """
        unsubscribed, unsubscribe, optout, opt-out, opted out, has opted out, do not, dont, no, no bulk, none,
            do not contact, do not send, dnc, unsub, disabled, left, revoked, withdrawn
        Widerruf, widerrufen, Werbesperre, Abmeldung
        désinscription, désabonnement, baja, cancelamento, disiscrizione, afmelding
        配信停止, 購読解除
        """,
    ),
    (BLOCKED, "blacklist, blocklist, blacklisted, blocklisted, blocked, suppressed, suppression, banned"),
    (BOUNCED, "bounce, bounced, hard bounce, hard bounced, undeliverable, invalid, on hold"),
    (COMPLAINED, "complaint, complained, spam complaint, marked spam, spam report, reported spam, spam"),
)
_FILLING: Final = _folded(
    """
    email, emails, e, mail, mails, is, has, have, was, been, by, to, the, of, from, for, all, any, a, an, my, our,
        your, i, user, users, contact, contacts, member, members, customer, customers, newsletter, newsletters,
        marketing, bulk, mailing, mailings, list, lists, global, globally, flag, mailinglist, message, messages,
        updates, person, persons, subscriber, we, you, via
    der, die, das, den, dem, für, an, am, im, ist, hat, von, la, le, les, l, de, des, du, et, el, los, las, para,
        por, com, di, il, lo, per, het, een, voor, do, na
    """
)
"""Words that do not change what a name says about consent."""
_INVITING: Final = frozenset(["newsletter", "newsletters", "mailing", "mailings", "marketing", "bulk"])
"""A column that is called so alone, with yes and no, says who wants it."""
_DETAILS: Final = _folded(
    """
    date, time, timestamp, datetime, at, on, ip, source, reason, campaign, id, method, url, title, ref, referrer,
        text, version
    Datum, Zeit, Quelle, Grund, heure, fecha, hora, data, ora
    """
)
"""Words of columns that have details of a consent: when, how, why."""
_CHANNELS: Final = _folded(
    """
    sms, phone, telephone, tel, whatsapp, whats, mobile, text, texts, call, calls, fax, push, postal, post, letter,
        letters, print, viber, telegram, trade
    Telefon, Handy, mobil, Anruf, téléphone, teléfono, telefone, telefono, telefoon
    """
)
_CONSENT: Final = re.compile(
    r"consent|opt (?:ed )?(?:in|out)\b|opted (?:in|out)\b|opt(?:ed)?(?:in|out)|unsub|subscribed?\b"
    r"|do not (?:e ?)?(?:mail|contact|send)|blacklist|blocklist|suppress|gdpr|dsgvo|rgpd|permission"
    r"|accepts?\b.*\bmarketing|marketing\b.*\baccept|einwilligung|werbesperre|widerruf|abgemeldet|abmeldung|abbestell"
    r"|austrag|d[ée]sinscri|d[ée]sabonn|consentement|consentimi?ento|consenso|toestemming|zgod[ay]|disiscri"
    r"|uitgeschreven|afgemeld|wypisan|descadastr|bounced?\b|complain|同意|配信停止|購読解除|配信許可|newsletter$"
)
"""Searched in the words of a name, which have one space between them."""
_STRONG: Final = frozenset(
    map(
        letters_and_digits,
        vocabulary.words_in(
            """
            subscribed, unsubscribed, opted in, opted out, opt-in, opt-out, double opt-in, bounced, hard bounce,
                hard bounced, complained, marked as spam, blocklisted, blacklisted, non-subscribed,
                never subscribed,
                not subscribed, unconfirmed, do not email
            abgemeldet, abonniert, abbestellt, abonné, désabonné, désinscrit, suscrito, dado de baja, iscritto,
                disiscritto, uitgeschreven, wypisany, descadastrado
            """
        ),
    )
)
"""Words that are about a list of addresses, whatever the column is called."""
_MEANINGS: Final = {
    letters_and_digits(name): meaning for meaning, names in _NAMES_BY_MEANING for name in vocabulary.words_in(names)
}
_FILE_WORDS: Final[dict[str, Status]] = {
    **dict.fromkeys(
        ("unsubscribes", "unsubscribe", "unsubs", "unsub", "opt outs", "optouts", "optout"), "Unsubscribed"
    ),
    **dict.fromkeys(("abmeldungen", "désinscriptions", "désabonnements", "bajas", "disiscrizioni"), "Unsubscribed"),
    **dict.fromkeys(("bounces", "hard bounces", "invalids"), "Bounced"),
    **dict.fromkeys(("complaints", "spam reports", "spam complaints"), "Complained"),
    **dict.fromkeys(("suppression", "suppressions", "blacklist", "blocklist", "blocks", "sperrliste"), "Blocked"),
}
_COMMON: Final = frozenset(["off", "on", "reported", "abuse", "invalid", "a", "baja", "s", "an", "aus"])
"""Words of file names that are too common to say anything."""


def _words(name: str) -> list[str]:
    """`doNotContact`, `do_not_contact` and `Do not contact` have the same words."""
    divided = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name[:200])
    return [word for word in re.split(r"[\W_]+", fold(divided)) if word]


def is_other_channel(name: str) -> bool:
    """Whether the column is about SMS, phone or another way than email."""
    words = set(_words(name))
    return not words.isdisjoint(_CHANNELS) and words.isdisjoint({"email", "emails", "newsletter"})


def yes_no_meaning(name: str) -> YesNo | None:
    """What a column of yes and no with this name says about the status; None if the name is not known."""
    if is_other_channel(name):
        return None
    words = _words(name.split(":")[0])  # of `Opted out of email: News` the rest is a topic
    if words and _FILLING.issuperset(words) and not _INVITING.isdisjoint(words):
        return OPT_IN
    for part in ("".join(words), "".join(word for word in words if word not in _FILLING)):
        part = letters_and_digits(part)
        if part in _MEANINGS:
            return _MEANINGS[part]
        if part and (status := vocabulary.status_of(part)) is not None:
            return _BY_STATUS[status]
    return None


def looks_like_consent(name: str) -> bool:
    """Whether the name is about consent."""
    return not is_other_channel(name) and (
        _CONSENT.search(" ".join(_words(name))) is not None or yes_no_meaning(name) is not None
    )


def has_details(name: str) -> bool:
    """Whether the column has a detail of a consent, such as its date, and not the consent itself."""
    return not _DETAILS.isdisjoint(_words(name))


def means_left(name: str) -> bool:
    """Whether a filled cell of a column with details, such as `Unsubscribed at`, says that the person has left."""
    rest = " ".join(word for word in _words(name) if word not in _DETAILS)
    meaning = yes_no_meaning(rest)
    return meaning is not None and meaning.yes is not None


def is_strong_word(cell: str) -> bool:
    """Whether the cell is a status word that is about a list of addresses, whatever the column is called."""
    return letters_and_digits(cell) in _STRONG


def status_of_file(file_name: str) -> Status | None:
    """The status that the name of a file says, such as `unsubscribed_members_export_4f2a.csv`; Active is none."""
    words = _words(file_name.rsplit(".", 1)[0])
    parts = [" ".join(words[start : start + size]) for size in (3, 2, 1) for start in range(len(words) - size + 1)]
    statuses = [_FILE_WORDS.get(part) or vocabulary.status_of(part) for part in parts if part not in _COMMON]
    suppressed = [status for status in statuses if status is not None and status != "Active"]
    return vocabulary.strictest(suppressed) if suppressed else None
