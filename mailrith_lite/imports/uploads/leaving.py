"""Words that say, in a name or in a cell, that a person has left, refuses email, or cannot get any.

A question follows from them and never a status, so they may be broad.
"""

import re
from collections.abc import Iterable
from typing import Final

from mailrith_lite.imports.uploads.name_words import plain
from mailrith_lite.unicode_forms import fold

_NAMES: Final = re.compile(
    r"\bun ?sub(?:s|scri|\b)|desubscri|\bnon ?subscri|\b(?:not|never) (?:subscri|opted in)"
    r"|opt(?:ed|ing)? ?outs?\b|optout|black ?list|block ?list|\bsuppress|\bcomplain|\bdnc\b|\bdeliverability\b"
    r"|\b(?:do ?not|dont|don t) ?(?:bulk ?)?(?:e ?mail|contact|send|market|mail\b|disturb|process)"
    r"|\bno (?:more )?(?:bulk )?(?:e ?mails?|mails?|mailings?|newsletters?|marketing|contact)\b|\bnoe?mails?\b"
    r"|\b(?:hard )?bounced?\b|\bspam (?:report|complaint)|\bremoved from\b"
    r"|\b(?:consent|permission)s? (?:withdrawn|revoked|denied|refused)"
    r"|\b(?:withdrawn|revoked?) (?:consent|permission)"
    r"|\babgemeldet|\babmelde|\babmeldung|\babbestell|\baustrag|\bausgetragen|widerruf|widersprochen|widerspruch"
    r"|werbesperre|\bkeine? (?:e ?mails?|newsletter|werbung|mails?)\b"
    r"|\bdesinscri|\bdesabonn|\bne (?:pas|plus) \w*(?:contact|envoy|ecri)"
    r"|\bpas de (?:newsletter|e ?mails?|mails?|pub)"
    r"|\bbaja$|\bbaja (?:del?|newsletter|boletin)\b|\bdesuscri|\bno (?:enviar|contactar)"
    r"|\bdescadastr|\bcancelamento\b|\bnao (?:contactar|contatar|enviar)"
    r"|\bdisiscri|\bcancellazione\b|\bnon (?:contattare|inviare)"
    r"|\buitgeschreven|\buitschrij|\bafgemeld|\bafmeld"
    r"|\b(?:geen|niet) (?:e ?mails?|mails?|mailen|nieuwsbrief|contact)"
    r"|\bwypisa|\brezygnac|\bnie (?:wysylac|kontaktowac)|配信停止|配信拒否|購読解除|購読停止|退会|解除日"
    r"|\bavmeld|\bavregistrer|\bframeld|отпис"
)
"""Searched in the words of a name, which have one space between them and no accents."""
_WEAK: Final = frozenset(
    """
    cancelled canceled cancellation cancel churned exit exited out left leaving removed removal deleted deletion
    deactivated deactivation disabled inactive archived banned blocked withdrawn withdrawal revoked revocation stop
    stopped quit objected objection opposed opposition refused refuses refusal declined declines rejected rejects
    excluded exclude exclusion ineligible
    gekundigt kundigung gesperrt deaktiviert resilie supprime cancelado anulado eliminado
    removido cancellato eliminato rimosso opgezegd verwijderd usuniety zablokowany
    """.split()  # noqa: SIM905 - a list of so many words has one word per line
)
"""Words that speak about email only where the rest of the name says nothing else: `Cancelled at`."""
_CELLS: Final = re.compile(
    r"un[\W_]?subs?\b|un[\W_]?subscri|de[\W_]?subscri|(?:non|not|never)[\W_]?(?:subscri|opted[\W_]in)"
    r"|\bopt(?:ed|ing)?[\W_]?outs?\b|black[\W_]?list|block[\W_]?list|suppress(?:ed|ion)"
    r"|\b(?:do[\W_]not|don[\W_]?t)[\W_](?:e?[\W_]?mail|contact|send)|\bno[\W_]more[\W_](?:e[\W_]?)?mail"
    r"|\bremoved?(?: me| him| her| them)?(?: off| from)(?: the| our| your| my)?(?: mailing| email)? list"
    r"|\bhard[\W_]bounce|\bbounced\b|\bcomplained\b|spam[\W_]complaint"
    r"|abgemeldet|abbestellt|d[ée]sabonn|d[ée]sinscri|\bdad[oa]s? de baja|descadastrad|disiscritt|uitgeschreven"
    r"|afgemeld|wypisan|配信停止|配信拒否|購読解除|購読停止|退会|отпис"
)
_CELL_HINTS: Final = (
    *("nsub", "subscri", "opt", "list", "uppress", "do not", "do-not", "do_not", "don", "ounce", "complain"),
    *("more", "abgem", "abbes", "sabonn", "sinscri", "de baja", "descada", "disisc", "uitges", "afgem", "wypisa"),
    *("配信", "購読", "退会", "отпис"),
)
"""Each text that `_CELLS` finds has one of these. To look for them is faster than to match the pattern."""


def name_says_left(name: str) -> bool:
    """Whether the name of a column is about people who have left."""
    return _NAMES.search(plain(name)) is not None


def is_weak(words: Iterable[str]) -> bool:
    """Whether the words of a name, without those that say nothing, can mean that somebody has left."""
    rest = set(words)
    return bool(rest) and rest <= _WEAK


def cell_says_left(cell: str) -> bool:
    """Whether a cell, or a part of it, says that somebody has left. A link never does."""
    return "://" not in cell and _CELLS.search(fold(cell)) is not None


def may_say_left(text: str) -> bool:
    """False if no cell of the text can say so: quick."""
    lower = text.lower()
    return any(hint in lower for hint in _CELL_HINTS)
