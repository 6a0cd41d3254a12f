"""Address books of mail programs."""

from mailrith_lite.imports.uploads.sources.source import Source

ADDRESS_BOOKS = (
    Source(
        name="google-contacts",
        label="Google Contacts",
        identified_by=(
            ("First Name", "Last Name", "Labels", "E-mail 1 - Value"),
            ("Name", "Given Name", "Family Name", "E-mail 1 - Value"),
        ),
        columns={
            "E-mail 1 - Value": "email",
            "Name": "name",
            "First Name": "first-name",
            "Given Name": "first-name",
            "Last Name": "last-name",
            "Family Name": "last-name",
            "Address 1 - Country": "country",
            "Labels": None,  # a list of its own form, and always with "* myContacts"
            **dict.fromkeys(f"E-mail {number} - Value" for number in range(2, 6)),
        },
    ),
    Source(
        name="outlook",
        label="Outlook",
        identified_by=(
            ("First Name", "Last Name", "E-mail Address", "E-mail Type"),
            ("First Name", "Last Name", "E-mail Address", "E-mail 2 Address"),
            ("Vorname", "Nachname", "E-Mail-Adresse", "E-Mail-Typ"),
            ("Vorname", "Nachname", "E-Mail-Adresse", "E-Mail 2: Adresse"),
            ("Prénom", "Nom", "Adresse de messagerie", "Type de messagerie"),
            ("Prénom", "Nom", "Adresse e-mail", "Type de messagerie"),
        ),
        columns={
            "E-mail Address": "email",
            "E-Mail-Adresse": "email",
            "Adresse de messagerie": "email",
            "Adresse e-mail": "email",
            "First Name": "first-name",
            "Vorname": "first-name",
            "Prénom": "first-name",
            "Last Name": "last-name",
            "Nachname": "last-name",
            "Nom": "last-name",
            "Business Country/Region": "country",
            "Home Country/Region": "country",
            "Land/Region geschäftlich": "country",
            "Land/Region privat": "country",
            "Pays/Région (bureau)": "country",
            "Pays/Région (domicile)": "country",
            **dict.fromkeys(f"E-mail {number} Address" for number in (2, 3)),
            **dict.fromkeys(f"E-Mail {number}: Adresse" for number in (2, 3)),
            **dict.fromkeys(f"Adresse de messagerie {number}" for number in (2, 3)),
        },
    ),
)
