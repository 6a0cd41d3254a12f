"""Writes data/mailchimp-export.zip: an audience as Mailchimp exports it, with invented people.

Usage: python tools/mailchimp_sample.py data/mailchimp-export.zip

The seed is fixed, so each run writes the same bytes. Column names and formats are those of Mailchimp's own export;
the addresses use reserved domains (RFC 2606).
"""

import csv
import io
import random
import sys
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

Row = dict[str, str]

PEOPLE = {"subscribed": 940, "unsubscribed": 44, "cleaned": 16}
NAMES = {
    "DE": ("Europe/Berlin", "Lena Jonas Mara Till Ines Götz", "Köhler Brandt Vogel Weiß Lindner Jäger"),
    "FR": ("Europe/Paris", "Chloé Hugo Maëlle Noé Élise Bastien", "Girard Lefèvre Marchand Besson Noël Roux"),
    "GB": ("Europe/London", "Maeve Callum Isla Rory Freya Owen", "MacLeod Hughes Barlow Ashdown Pryce O'Dell"),
    "ES": ("Europe/Madrid", "Nuria Íñigo Alba Mateo Inés Pau", "Serrano Muñoz Iglesias Peña Vidal Ortega"),
    "PL": ("Europe/Warsaw", "Ewa Łukasz Zofia Michał Hania Jacek", "Sikora Wójcik Zając Mazur Kubiak Bąk"),
    "IN": ("Asia/Kolkata", "Arjun Meera Kabir Anaya Rohan Isha", "Banerjee Iyer Menon Desai Kapoor Rao"),
    "JP": ("Asia/Tokyo", "美咲 翔太 結衣 大輔 さくら 健", "鈴木 高橋 渡辺 中村 小林 山本"),
    "US": (
        "America/Chicago",
        "Wren Dylan Juniper Miles Hazel Amos",
        "Calloway Prescott Delgado Sutter Winslow Reyes",
    ),
    "UA": ("Europe/Kyiv", "Ірина Тарас Олеся Богдан Марта Юрій", "Лисенко Шевчук Мороз Гончар Коваль Бойко"),
    "NL": ("Europe/Amsterdam", "Sanne Joris Fenna Bram Lotte Ruben", "Visser Dijkstra Bakker Smit Mulder Postma"),
}
TAGS = ("Newsletter", "Webinar", "Wholesale", "Spring fair", "Customer", "Press, radio and TV", "Early birds")
NOTES = (
    "",
    "",
    "",
    "",
    "",
    "Prefers short letters",
    'Asked for "no attachments", twice',
    "Met at the fair;\ncall back",
)
REASONS = ("No longer interested", "Never signed up", "Too many emails", "Other")
DOMAINS = ("example.com", "example.net", "example.org", "mail.example.com", "inbox.example.net")
FIRST_DAY = datetime(2019, 1, 7, tzinfo=UTC)
DAYS = 2_400


def people(choose: random.Random) -> Iterator[Row]:
    """Different people, without end."""
    number = 0
    while True:
        number += 1
        country = choose.choice(list(NAMES))
        zone, first_names, last_names = NAMES[country]
        joined = FIRST_DAY + timedelta(days=choose.randrange(DAYS), seconds=choose.randrange(86_400))
        confirmed = joined + timedelta(seconds=choose.randrange(20, 4_000))
        address = f"192.0.2.{choose.randrange(1, 255)}"
        yield {
            "Email Address": f"reader{number:04d}@{choose.choice(DOMAINS)}",
            "First Name": choose.choice(first_names.split()),
            "Last Name": choose.choice(last_names.split()),
            "MEMBER_RATING": str(choose.randrange(1, 6)),
            "OPTIN_TIME": moment(joined),
            "OPTIN_IP": address,
            "CONFIRM_TIME": moment(confirmed),
            "CONFIRM_IP": address,
            "LATITUDE": "",
            "LONGITUDE": "",
            "GMTOFF": "",
            "DSTOFF": "",
            "TIMEZONE": zone,
            "CC": country,
            "REGION": "",
            "LAST_CHANGED": moment(confirmed + timedelta(days=choose.randrange(90))),
            "LEID": str(310_000_000 + number * 7),
            "EUID": f"{choose.getrandbits(40):010x}",
            "NOTES": choose.choice(NOTES),
            "TAGS": ",".join(f'"{tag}"' for tag in choose.sample(TAGS, choose.choice((0, 1, 1, 2, 3)))),
        }


def left(choose: random.Random, row: Row) -> Row:
    """Somebody who unsubscribed."""
    reason = choose.choice(REASONS)
    return with_columns(
        row,
        UNSUB_TIME=row["LAST_CHANGED"],
        UNSUB_CAMPAIGN_TITLE="The spring letter",
        UNSUB_CAMPAIGN_ID="5b1e0c7d42",
        UNSUB_REASON=reason,
        UNSUB_REASON_OTHER="Moved away" if reason == "Other" else "",
    )


def bounced(choose: random.Random, row: Row) -> Row:
    """Somebody whose address no longer takes mail."""
    return with_columns(
        row,
        CLEAN_TIME=row["LAST_CHANGED"],
        CLEAN_CAMPAIGN_TITLE="The spring letter",
        CLEAN_CAMPAIGN_ID="5b1e0c7d42",
    )


def with_columns(row: Row, **columns: str) -> Row:
    """Mailchimp puts them after REGION."""
    names = list(row)
    place = names.index("REGION") + 1
    return {name: row[name] for name in names[:place]} | columns | {name: row[name] for name in names[place:]}


def moment(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}"


def as_csv(rows: list[Row]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def main(target: Path) -> None:
    choose = random.Random(20_250_411)  # noqa: S311
    audience = people(choose)
    changes: dict[str, Callable[[random.Random, Row], Row]] = {"unsubscribed": left, "cleaned": bounced}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for group, count in PEOPLE.items():
            change = changes.get(group, lambda _, row: row)
            rows = [change(choose, next(audience)) for _ in range(count)]
            name = zipfile.ZipInfo(f"{group}_members_export_5e2b7a91c4.csv", (2025, 4, 11, 12, 0, 0))
            archive.writestr(name, as_csv(rows), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
