"""The words for a status, for yes and no, and for an empty cell, in the languages of the exports of other tools.

A word is compared by its letters and digits alone, ignoring case and accents. The languages are English, German,
French, Spanish, Portuguese, Italian, Dutch and Polish.
"""

from collections.abc import Iterable
from typing import Final, Literal, get_args

from mailrith_lite.unicode_forms import fold, letters_and_digits

Status = Literal["Active", "Unconfirmed", "Unsubscribed", "Complained", "Bounced", "Blocked"]

STATUSES: Final[tuple[Status, ...]] = get_args(Status)
SUPPRESSED: Final = frozenset[Status](["Unsubscribed", "Complained", "Bounced", "Blocked"])
"""An import never makes a subscriber with one of these Active or Unconfirmed."""
STRICTEST_FIRST: Final[tuple[Status, ...]] = (
    "Blocked",
    "Complained",
    "Bounced",
    "Unsubscribed",
    "Unconfirmed",
    "Active",
)
MAX_WORD: Final = 100
"""A longer text is no word of the vocabulary."""

# One line for each language, in the order of the module's docstring. A word belongs to one status only.
STATUS_WORDS: Final[dict[Status, str]] = {
    "Active": """
        active, subscribed, enabled, confirmed, opted in, opt-in, double opt-in, double opted in, on
        aktiv, abonniert, angemeldet, eingetragen, bestätigt, bestaetigt, aktiviert
        actif, active, abonné, abonnée, inscrit, inscrite, confirmé, confirmée, activé, activée
        activo, activa, suscrito, suscrita, inscrito, inscrita, confirmado, confirmada
        ativo, ativa, subscrito, subscrita, inscrito, inscrita, confirmado, confirmada
        attivo, attiva, iscritto, iscritta, confermato, confermata
        actief, geabonneerd, ingeschreven, aangemeld, bevestigd
        aktywny, aktywna, zapisany, zapisana, potwierdzony, potwierdzona
    """,
    "Unconfirmed": """
        unconfirmed, pending, validating, awaiting confirmation, not confirmed, unverified, not verified
        unbestätigt, unbestaetigt, nicht bestätigt, nicht bestaetigt, ausstehend, wartet auf Bestätigung
        non confirmé, non confirmée, en attente, en attente de confirmation, non vérifié, non vérifiée
        no confirmado, no confirmada, sin confirmar, pendiente, pendiente de confirmación, no verificado
        não confirmado, não confirmada, pendente, aguardando confirmação, não verificado, não verificada
        non confermato, non confermata, in attesa, in attesa di conferma, non verificato, non verificata
        niet bevestigd, onbevestigd, in afwachting, wacht op bevestiging, niet geverifieerd
        niepotwierdzony, niepotwierdzona, oczekujący, oczekująca, oczekuje na potwierdzenie, niezweryfikowany
    """,
    "Unsubscribed": """
        unsubscribed, inactive, archived, cancelled, canceled, opted out, opt-out, deleted, removed, non-subscribed,
            never subscribed, not subscribed, not opted in, off, do not email, do not mail, do not contact
        abgemeldet, abbestellt, ausgetragen, inaktiv, archiviert, gekündigt, gekuendigt, storniert, gelöscht,
            geloescht, entfernt, nicht abonniert, nicht angemeldet, nie abonniert
        désabonné, désabonnée, désinscrit, désinscrite, inactif, inactive, archivé, archivée, annulé, annulée,
            résilié, supprimé, supprimée, retiré, retirée, non abonné, non abonnée, non inscrit, non inscrite
        dado de baja, dada de baja, baja, desuscrito, desuscrita, inactivo, inactiva, archivado, archivada,
            cancelado, cancelada, anulado, eliminado, eliminada, borrado, no suscrito, no suscrita, no inscrito
        descadastrado, descadastrada, inativo, inativa, arquivado, arquivada, cancelado, cancelada, eliminado,
            removido, removida, excluído, excluída, apagado, não inscrito, não inscrita, não subscrito
        disiscritto, disiscritta, inattivo, inattiva, archiviato, archiviata, annullato, cancellato, cancellata,
            eliminato, eliminata, rimosso, rimossa, non iscritto, non iscritta
        uitgeschreven, afgemeld, inactief, gearchiveerd, geannuleerd, opgezegd, verwijderd, niet geabonneerd,
            niet ingeschreven, nooit geabonneerd
        wypisany, wypisana, nieaktywny, nieaktywna, zarchiwizowany, zarchiwizowana, anulowany, usunięty, usunięta,
            niezapisany, niezapisana
    """,
    "Bounced": """
        bounced, bounce, cleaned, hard bounce, hard bounced, undeliverable, invalid
        unzustellbar, nicht zustellbar, ungültig, ungueltig
        rebond, non distribuable, non délivrable, nettoyé, nettoyée, invalide
        rebotado, rebotada, rebote, rebote duro, no entregable, inválido, inválida, no válido
        devolvido, devolvida, não entregue, não entregável, inválido, inválida
        rimbalzato, rimbalzata, non recapitabile, non consegnabile, non valido, non valida
        gebouncet, gebounced, onbestelbaar, ongeldig
        odbity, niedostarczalny, nieprawidłowy, nieprawidłowa
    """,
    "Complained": """
        complained, complaint, spam, spam complaint, marked as spam, reported as spam, abuse, reported
        beschwert, Beschwerde, als Spam markiert, als Spam gemeldet, Missbrauch, gemeldet
        plainte, marqué comme spam, signalé comme spam, signalé, signalée, abus
        queja, marcado como spam, denunciado como spam, denunciado, abuso
        reclamação, marcado como spam, denunciado como spam, denunciado, abuso
        reclamo, segnalato, segnalata, segnalato come spam, contrassegnato come spam, abuso
        klacht, als spam gemarkeerd, als spam gemeld, gemeld, misbruik
        skarga, oznaczony jako spam, zgłoszony jako spam, zgłoszony, nadużycie
    """,
    "Blocked": """
        blocked, blocklisted, blacklisted, suppressed, banned, disabled
        blockiert, gesperrt, unterdrückt, unterdrueckt, verbannt, deaktiviert
        bloqué, bloquée, banni, bannie, désactivé, désactivée, sur liste noire
        bloqueado, bloqueada, suprimido, suprimida, vetado, desactivado, desactivada, deshabilitado, en lista negra
        bloqueado, bloqueada, suprimido, banido, banida, desativado, desativada, desabilitado, na lista negra
        bloccato, bloccata, soppresso, bannato, disattivato, disattivata, disabilitato, in lista nera
        geblokkeerd, onderdrukt, verbannen, uitgeschakeld, op de zwarte lijst
        zablokowany, zablokowana, wykluczony, zbanowany, wyłączony, na czarnej liście
    """,
}
# In lower case. The marks are those of the boxes that spreadsheets and forms show.
YES_WORDS: Final = frozenset(
    """
    yes y true t on x 1 checked ✓ ✔ ☑
    ja j wahr an oui vrai sí si s verdadero sim verdadeiro sì vero waar aan tak prawda
    """.split()  # noqa: SIM905 - a list of so many words has one word per line
)
NO_WORDS: Final = frozenset(
    """
    no n false f off 0 unchecked ☐
    nein falsch aus non faux falso não nao nee onwaar uit nie fałsz falsz
    """.split()  # noqa: SIM905
)
BLANK_WORDS: Final = frozenset(["null", "\\n", "n/a", "#n/a", "-"])
"""What databases and spreadsheets write for a missing value, in lower case."""


def words_in(text: str) -> list[str]:
    """The words of a text, in its order, each once. A comma or a line end divides them."""
    words = text.strip().replace(",\n", ",").replace("\n", ",").split(",")
    return list(dict.fromkeys(map(str.strip, words)))


def words_of(status: Status) -> list[str]:
    """The words as the table has them, those in English first."""
    return words_in(STATUS_WORDS[status])


_STATUS_BY_WORD: Final = {letters_and_digits(word): status for status in STATUSES for word in words_of(status)}
_STATUS_BY_SPELLING: Final = {form(status): status for form in (str, str.lower, str.upper) for status in STATUSES}
_BOOL_BY_WORD: Final = {word: word in YES_WORDS for word in YES_WORDS | NO_WORDS}


def status_of(text: str) -> Status | None:
    """The status that the word means; None for a text that is not in the table."""
    known = _STATUS_BY_SPELLING.get(text)  # most cells: four times as fast as the rest
    if known is not None or len(text) > MAX_WORD:
        return known
    return _STATUS_BY_WORD.get(letters_and_digits(text))


def strictest(statuses: Iterable[Status]) -> Status:
    """The one that permits the least.

    Raises:
        ValueError: `statuses` is empty.
    """
    return min(statuses, key=STRICTEST_FIRST.index)


def at_least(status: Status | None, limit: Status) -> Status | None:
    """The status if it permits at most as much as the limit; else None."""
    return status if status is not None and strictest((status, limit)) == status else None


def yes_or_no(text: str) -> bool | None:
    """None for a text that is neither."""
    known = _BOOL_BY_WORD.get(text)
    return known if known is not None or len(text) > MAX_WORD else _BOOL_BY_WORD.get(fold(text.strip()))


def is_blank(text: str) -> bool:
    """Whether a cell says that there is no value: white space, or a word such as NULL or N/A.

    Never ask this about a name or a text: somebody is called Null.
    """
    if len(text) > MAX_WORD:
        return text.isspace()
    word = text.strip()
    return not word or (len(word) <= 4 and word.lower() in BLANK_WORDS)
