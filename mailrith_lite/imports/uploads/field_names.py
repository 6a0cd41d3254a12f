"""What people call the columns that an import knows, in nine languages.

The languages are English, German, French, Spanish, Portuguese, Italian, Dutch, Polish and Japanese, a line each.
Names are compared by letters and digits, ignoring case and accents.
"""

import functools
import re
from typing import Final

from mailrith_lite.audience import vocabulary
from mailrith_lite.imports.fields import MappedType
from mailrith_lite.unicode_forms import letters_and_digits

_NAMES: Final[dict[MappedType, str]] = {
    "email": """
        email, e-mail, email address, e-mail address, mail, mail address, subscriber email, contact email,
            primary email, user email, customer email, email id
        E-Mail-Adresse, Mailadresse, Emailadresse, E-Mail Anschrift
        courriel, adresse e-mail, adresse mail, adresse électronique, adresse courriel, mél, adresse de messagerie
        correo, correo electrónico, dirección de correo, dirección de correo electrónico, dirección de email
        correio eletrónico, correio eletrônico, endereço de email, endereço de e-mail, endereço eletrónico
        indirizzo email, indirizzo e-mail, posta elettronica, indirizzo di posta elettronica, indirizzo mail
        e-mailadres, mailadres, emailadres
        adres e-mail, adres email, poczta, adres poczty elektronicznej
        メール, メールアドレス, Eメール, Eメールアドレス, 電子メール
    """,
    "name": """
        name, full name, subscriber name, contact name, display name, customer name, your name
        vollständiger Name, ganzer Name, Kontaktname, Anzeigename
        nom complet, nom et prénom, prénom et nom
        nombre completo, nombre y apellidos, nombre y apellido
        nome completo, nome e sobrenome
        nome e cognome, nominativo
        volledige naam, naam
        imię i nazwisko, pełna nazwa
        氏名, 名前, お名前, フルネーム
    """,
    "first-name": """
        first name, given name, forename, fname, first, christian name
        Vorname, Vornamen, Rufname
        prénom, prénoms
        nombre, nombres, primer nombre, nombre de pila
        primeiro nome, nome próprio
        nome
        voornaam, roepnaam
        imię, imiona
        名, ファーストネーム
    """,
    "last-name": """
        last name, surname, family name, lname, last
        Nachname, Familienname, Zuname
        nom, nom de famille
        apellido, apellidos
        sobrenome, apelido, último nome
        cognome
        achternaam, familienaam
        nazwisko
        姓, 苗字, 名字, ラストネーム
    """,
    "country": """
        country, country code, country name, country iso, country or region, country/region, cc
        Land, Ländercode, Staat, Land/Region
        pays, code pays, pays/région
        país, código de país, país/región
        código do país, país/região
        paese, nazione, stato estero
        landcode, land
        kraj, kod kraju, państwo
        国, 国名, 国コード
    """,
    "subscriber-status": """
        status, subscriber status, subscription status, email status, subscription state, member status,
            newsletter status, contact status, mailing status, email marketing status, opt-in status, optin status,
            permission status, state of subscription, consent status
        Abonnentenstatus, Abo-Status, Newsletter-Status, Anmeldestatus
        statut, statut abonné, état de l'abonnement, statut de l'abonnement
        estado de suscripción, estado del suscriptor, estado de la suscripción
        estado da subscrição, status da inscrição, status do assinante
        stato iscrizione, stato dell'iscrizione
        abonnementsstatus, inschrijfstatus
        status subskrypcji, status subskrybenta
        ステータス, 購読状況, 配信状況
    """,
    "tags": """
        tags, tag, labels, subscriber tags, contact tags
        Schlagwörter, Schlagworte, Etiketten
        étiquettes, mots-clés
        etiquetas
        etiquetas, marcadores
        etichette
        labels
        tagi, etykiety
        タグ
    """,
    "sequences": """
        sequences, sequence
    """,
    "subscribed-at": """
        subscribed at, subscribed, subscribed on, subscription date, subscribe date, date subscribed, signup date,
            sign-up date, signed up, signed up at, signup time, opt-in time, opt-in date, optin date, optin time,
            date added, joined, joined at, join date, date joined, date registered, registered at,
            registration date, created at, created, creation date, date created, created date, created on,
            added at, member since
        Anmeldedatum, angemeldet am, Anmeldung, Eintragsdatum, Eintragungsdatum, registriert am, Registrierungsdatum
        date d'inscription, inscrit le, date d'abonnement, date de création
        fecha de suscripción, fecha de alta, fecha de registro, fecha de inscripción
        data de inscrição, data de subscrição, data de cadastro
        data di iscrizione, data iscrizione, iscritto il
        inschrijfdatum, aanmelddatum, ingeschreven op, aangemeld op
        data zapisu, data subskrypcji, data rejestracji
        登録日, 登録日時, 購読開始日
    """,
    "last-opened-at": """
        last opened at, last opened, last open, last open date, last email open, last opened date
        zuletzt geöffnet, letzte Öffnung
        dernière ouverture
        última apertura
        última abertura
        ultima apertura
        laatst geopend
        ostatnie otwarcie
        最終開封日
    """,
}
_NUMBERED = re.compile(r" \([0-9]{1,4}\)$")


def key(name: str) -> str:
    """The name as it is compared. The second `Name` of a file, `Name (2)`, has the key of the first."""
    return letters_and_digits(_NUMBERED.sub("", name))


def known_names(field_type: MappedType) -> list[str]:
    """The names of a field, the best first."""
    return vocabulary.words_in(_NAMES[field_type])


@functools.cache
def _types() -> dict[str, tuple[MappedType, int]]:
    """The key of a name -> the type, and the place of the name among those of the type. The first type counts."""
    result: dict[str, tuple[MappedType, int]] = {}
    for field_type in _NAMES:
        for place, name in enumerate(known_names(field_type)):
            result.setdefault(letters_and_digits(name), (field_type, place))
    return result


def type_of(name: str) -> MappedType | None:
    """The field that people call by this name."""
    known = _types().get(key(name))
    return known and known[0]


def place_of(name: str) -> int:
    """How usual the name is for its field: 0 is the best. Call it for a name that has a type."""
    return _types()[key(name)][1]
