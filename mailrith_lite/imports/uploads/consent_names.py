"""Which columns are about consent, and what their words mean for the status.

A column about SMS, phone or WhatsApp says nothing about email.
"""

import re
from typing import Final

from mailrith_lite.audience import vocabulary
from mailrith_lite.audience.vocabulary import Status
from mailrith_lite.imports.uploads import leaving
from mailrith_lite.imports.uploads.name_words import plain, words_of
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
        """
        confirmed, confirmation, verified, verification, double opt-in, double optin, doi
        bestätigt, confirmé, confirmado, confermato
        """,
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
        unsubscribed, unsubscribe, optout, opt-out, opted out, has opted out, do not, dont,
            no bulk, no bulk email, no bulk emails, no bulk mail, no email, no emails, no mail, no mails,
            no mailing, no mailings, no newsletter, no newsletters, no marketing, no marketing emails,
            do not contact, do not send, dnc, unsub, revoked, withdrawn, email disabled, emails disabled
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
        your, i, user, users, contact, contacts, member, members, newsletter, newsletters,
        marketing, bulk, mailing, mailings, list, lists, global, globally, flag, mailinglist, message, messages,
        updates, person, persons, address, addresses, subscriber, we, you, via
    der, die, das, den, dem, für, an, am, im, ist, hat, von, la, le, les, l, de, des, du, et, el, los, las, para,
        por, com, di, il, lo, per, het, een, voor, do, na
    """
)
"""Words that do not change what a name says about consent."""
_INVITING: Final = frozenset(["newsletter", "newsletters", "mailing", "mailings", "marketing", "bulk"])
"""A column that is called so alone, with yes and no, says who wants it."""
_IDENTIFIERS: Final = frozenset(["url", "link", "links", "token", "hash", "key", "uuid", "guid"])
"""A column of these has a text of its own for each person, whatever it is for."""
_DETAILS: Final = _folded(
    """
    date, time, timestamp, datetime, ts, since, last, ip, source, reason, campaign, id, method, title, ref,
        referrer, text, version, wording
    Datum, Zeit, Quelle, Grund, seit, heure, depuis, fecha, hora, desde, data, ora, dal, sinds, od
    """
)
"""Words of columns that have details of a consent: when, how, why."""
_LAST_DETAILS: Final = frozenset(["at", "on", "am", "le", "il", "op"])
"""Words that mean a date at the end of a name, as in `Unsubscribed at`; not in `On hold`."""
_GLUED_DETAILS: Final = ("datum", "grund", "zeit", "日", "日時", "理由")
"""Ends of names such as `Abmeldedatum`."""
_CHANNELS: Final = _folded(
    """
    sms, phone, telephone, tel, whatsapp, whats, mobile, text, texts, call, calls, fax, push, postal, post, letter,
        letters, print, viber, telegram, trade, photo, photos, cookie, cookies
    Telefon, Handy, mobil, Anruf, téléphone, teléfono, telefone, telefono, telefoon
    """
)
_GLUED_CHANNEL: Final = re.compile(r"^(?:donot|dont|no)(?:phone|sms|call|fax|post|trade|text)")
_CONSENT: Final = re.compile(
    r"consent|opt (?:ed )?in\b|opted in\b|opt(?:ed)?in|subscribed?\b|gdpr|dsgvo|rgpd|permission (?:status|to)"
    r"|accepts?\b.*\bmarketing|marketing\b.*\baccept|einwilligung|consentement|consentimi?ento|consenso|toestemming"
    r"|zgod[ay]|同意|配信許可|newsletters?$|marketing contact|lawful basis|legal basis"
)
"""Searched in the words of a name, which have one space between them and no accents."""
_ABOUT_EMAIL: Final = re.compile(
    r"\be ?mails?\b|emails?\b|\bmails?\b|\bmailable|mailing|newsletter|\bnews\b|marketing|marketable|subscri|abonn"
    r"|inscri|consen|zustimm|permission|contactable|contact (?:by|via|per|preference|status)|preferred contact"
    r"|notification|\bupdates?\b|informed|in touch|infolettre|boletin|nieuwsbrief|rundbrief|rundschreiben|werbung"
    r"|publicit|publicid|pubblicit|reklam|prenumer|nyhedsbrev|nyhetsbrev|uutiskirje|hirlevel|novinek|mailinglist"
    r"|opt ?in\b|\bdoi\b|emailable|\blist member|メルマガ|メール|配信|購読|рассыл|подпис"
    r"|\baccept\w* .*\b(?:offers?|communications?)"
)
"""Broader. It counts only where the cells say yes and no, or that somebody has left."""
_NOT_CONSENT: Final = frozenset(
    """
    sent opened opens clicked clicks received count counts number total html htmlemail format type domain owner
    provider rate score level product products paid premium plan trial payment street city zip buyer vat
    budget
    """.split()  # noqa: SIM905 - a list of so many words has one word per line
)
"""With one of these the name is about something else, such as the number of emails or a plan."""
_NOT_LEFT: Final = frozenset(["rate", "score", "product", "products"])
"""With one of these the name is not about people who have left: `Bounce rate`."""
_STATE: Final = _folded("status, state, Zustand, statut, estado, stato, situação, estatus, 状態, 配信状態, статус")
_HOLDERS: Final = frozenset(["account", "profile", "konto", "email", "customer", "kunde", "client"])
_NEGATIONS: Final = frozenset(["not", "non", "nicht", "pas", "não", "nao", "niet", "nie", "never"])
_REFUSING: Final = re.compile(
    r"\b(?:no|not|none|never|nothing|non|nein|nicht|kein\w*|nie|nunca|ningun\w*|mai|nej|ei|nem|ne|net|нет|nao|geen|"
    r"jamais|aucun\w*|out|ko|stop\w*|denied|declined|refused|withdrawn|revoked|objected|rejected|negato|abgelehnt|verweigert)\b"
    r"|いいえ|拒否|しない|不要"
)
"""A word of a cell that says no in other words."""


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


def is_other_channel(name: str) -> bool:
    """Whether the column is about SMS, phone or another way than email, or about another consent."""
    words = set(words_of(name))
    return (
        not words.isdisjoint(_CHANNELS) or _GLUED_CHANNEL.match("".join(words_of(name))) is not None
    ) and words.isdisjoint({"email", "emails", "newsletter"})


def is_identifier(name: str) -> bool:
    """Whether the column has a link or a token, such as `Unsubscribe URL`."""
    return not _IDENTIFIERS.isdisjoint(words_of(name))


def yes_no_meaning(name: str) -> YesNo | None:
    """What a column of yes and no with this name says about the status; None if the name is not known."""
    if is_other_channel(name):
        return None
    words = words_of(name.split(":")[0])  # of `Opted out of email: News` the rest is a topic
    if words and _FILLING.issuperset(words) and not _INVITING.isdisjoint(words):
        return OPT_IN
    for part in ("".join(words), "".join(_core(words))):
        part = letters_and_digits(part)
        if part in _MEANINGS:
            return _MEANINGS[part]
        if part != "disabled" and (status := vocabulary.status_of(part)) is not None:
            return _BY_STATUS[status]
    return None


def _core(words: list[str]) -> list[str]:
    return [word for word in words if word not in _FILLING]


def looks_like_consent(name: str) -> bool:
    """Whether the name is about consent, whatever the cells are."""
    if is_other_channel(name) or is_identifier(name):
        return False
    words = words_of(name)
    if leaving.name_says_left(name):
        return _NOT_LEFT.isdisjoint(words)
    return _NOT_CONSENT.isdisjoint(words) and _CONSENT.search(plain(name)) is not None


def may_be_consent(name: str) -> bool:
    """Whether the name can be about consent if the cells say yes and no, or that somebody has left."""
    words = words_of(name)
    if is_other_channel(name) or is_identifier(name) or not _NOT_CONSENT.isdisjoint(words):
        return False
    return (
        yes_no_meaning(" ".join(word for word in words if word not in _NEGATIONS)) is not None
        or _ABOUT_EMAIL.search(plain(name)) is not None
        or leaving.is_weak(plain(" ".join(_core(words))).split())
    )


def is_state(name: str) -> bool:
    """Whether the name is that of a state, such as `Account status` or `Estado`."""
    return not _STATE.isdisjoint(words_of(name)) and _STATE.issuperset(
        word for word in _core(words_of(name)) if word not in _HOLDERS
    )


def has_details(name: str) -> bool:
    """Whether the column has a detail of a consent, such as its date, and not the consent itself."""
    words = words_of(name)
    if not _DETAILS.isdisjoint(words) or (len(words) > 1 and words[-1] in _LAST_DETAILS):
        return True
    return leaving.name_says_left(name) and words[-1].endswith(_GLUED_DETAILS)


def means_left(name: str) -> bool:
    """Whether a filled cell of a column with details, such as `Unsubscribed at`, says that the person has left."""
    rest = _without_details(name)
    if leaving.name_says_left(name) or leaving.is_weak(plain(" ".join(_core(rest))).split()):
        return True
    meaning = meaning_of_detail(name)
    return meaning is not None and meaning.yes is not None


def status_of_detail(name: str) -> Status:
    """The status of people with a filled cell under a name such as `Bounced at`; else Unsubscribed."""
    meaning = meaning_of_detail(name)
    status = None if meaning is None else meaning.yes
    return "Unsubscribed" if status is None or status not in vocabulary.SUPPRESSED else status


def meaning_of_detail(name: str) -> YesNo | None:
    """What a yes would mean in the column that this one is a detail of: of `Confirmed` for `Confirmed at`."""
    return yes_no_meaning(" ".join(_without_details(name)))


def _without_details(name: str) -> list[str]:
    return [word for word in words_of(name) if word not in _DETAILS and word not in _LAST_DETAILS]


def is_strong_word(cell: str) -> bool:
    """Whether the cell is a status word that is about a list of addresses, whatever the column is called."""
    return letters_and_digits(cell) in _STRONG


def refuses(cell: str) -> bool:
    """Whether a cell of a column about email says no, in any words."""
    if vocabulary.yes_or_no(cell) is False or _REFUSING.search(plain(cell)) is not None:
        return True
    return vocabulary.status_of(cell) in vocabulary.SUPPRESSED or leaving.cell_says_left(cell)
