"""Each tool has a sample of its file: the header identifies the tool, and an import with the proposals loses
nobody."""

from pathlib import Path
from typing import Any

import pytest
from conftest import Server
from uploading import finished, look, ready, submit

from mailrith_lite.imports.uploads.sources.known import SOURCES

SAMPLES = Path(__file__).parent / "sources"
# sample -> email -> status, name, country, day of the subscription, tags
PEOPLE: dict[str, dict[str, tuple[str, str, str | None, str | None, str]]] = {
    "activecampaign": {
        "acti": ("Active", "Ac Ti", None, "2024-03-01", "lead webinar"),
        "acto": ("Unsubscribed", "Ac To", None, "2024-03-02", ""),
        "actu": ("Bounced", "Ac Tu", None, "2024-03-02", ""),
    },
    "beehiiv": {
        "bea": ("Active", "", None, "2024-02-01", ""),
        "bix": ("Unsubscribed", "", None, "2024-02-02", ""),
        "bob": ("Unconfirmed", "", None, "2024-02-03", ""),
    },
    "brevo": {
        "brev": ("Active", "Léa Durand", None, "2022-04-12", ""),
        "noir": ("Blocked", "Max Petit", None, "2022-04-12", ""),
    },
    "buttondown": {
        "reg": ("Active", "", None, "2023-05-06", "essays talks"),
        "pre": ("Active", "", None, "2023-05-06", ""),
        "una": ("Unconfirmed", "", None, "2023-05-07", ""),
        "uns": ("Unsubscribed", "", None, "2023-05-07", ""),
        "und": ("Bounced", "", None, "2023-05-07", ""),
        "com": ("Complained", "", None, "2023-05-07", ""),
    },
    "campaign-monitor": {
        "cam": ("Active", "Cam Mon", None, "2024-01-05", ""),
        "gon": ("Unsubscribed", "Gon Mon", None, "2024-01-05", ""),
        "bou": ("Bounced", "Bou Mon", None, "2024-01-05", ""),
    },
    "civicrm": {
        "civ": ("Active", "Civi Crm", "FR", None, ""),
        "bul": ("Unsubscribed", "Bulk Out", None, None, ""),
        "don": ("Unsubscribed", "Do Not", None, None, ""),
        "hol": ("Bounced", "On Hold", None, None, ""),
    },
    "constant-contact": {
        "con": ("Active", "Con Stant", "CA", "2021-05-06", "choir north"),
        "imp": ("Active", "Im Plied", None, "2021-05-06", ""),
        "tac": ("Unsubscribed", "Ta Ct", None, "2021-05-06", ""),
    },
    "ghost": {
        "uma": ("Active", "Uma Lind", None, "2023-04-05", "Early VIP"),
        "vito": ("Unsubscribed", "Vito Sala", None, "2023-04-06", ""),
    },
    "google-contacts": {"goo": ("Active", "Goo Gle", "GB", None, "")},
    "google-contacts-old": {"old": ("Active", "Old Gle", None, None, "")},
    "hubspot": {
        "hub": ("Active", "Hub Spot", "IE", "2024-01-05", ""),
        "opt": ("Unsubscribed", "Opt Out", None, "2024-01-05", ""),
        "non": ("Unsubscribed", "Non Mark", None, "2024-01-05", ""),
    },
    "kit": {
        "ida": ("Active", "Ida", None, "2022-09-10", "a b"),
        "leo": ("Unsubscribed", "Leo", None, "2022-09-11", ""),
    },
    "klaviyo": {
        "kla": ("Active", "Kla Viyo", "US", "2023-02-03", ""),
        "nev": ("Unsubscribed", "Nev Er", None, None, ""),
        "uns": ("Unsubscribed", "Un Sub", None, None, ""),
    },
    "listmonk": {
        "lis": ("Active", "Lis Monk", None, "2022-03-04", ""),
        "off": ("Blocked", "Of F", None, "2022-03-04", ""),
        "blo": ("Blocked", "Blo Ck", None, "2022-03-04", ""),
    },
    "mailchimp": {
        "ines": ("Active", "Ines Varga", "HU", None, "Choir, north Donor"),
        "otto": ("Active", "Otto Brandt", "DE", "2021-02-03", ""),
    },
    "mailchimp-cleaned": {"lost": ("Bounced", "Lo St", None, "2020-01-01", "")},
    "mailerlite": {
        "mila": ("Active", "Mila Ray", "LT", "2023-07-08", ""),
        "milo": ("Unsubscribed", "Milo Ray", None, "2023-07-08", ""),
        "mika": ("Complained", "Mika Ray", None, "2023-07-08", ""),
    },
    "mailpoet": {
        "mai": ("Active", "Mai Poet", None, "2023-01-02", ""),
        "poe": ("Unsubscribed", "Poe Mail", None, "2023-01-02", ""),
        "bou": ("Bounced", "Bou Nce", None, "2023-01-02", ""),
    },
    "mailrith": {"our": ("Bounced", "Our Own", "DE", "2024-03-04", "news vip")},
    "mautic": {
        "mau": ("Active", "Mau Tic", "ES", "2023-03-04", ""),
        "tic": ("Unsubscribed", "Non Tic", None, None, ""),
    },
    "outlook-english": {"out": ("Active", "Out Look", "IE", None, "")},
    "outlook-french": {"vue": ("Active", "Vue Belle", "BE", None, "")},
    "outlook-german": {"aus": ("Active", "Aus Blick", "AT", None, "")},
    "phplist": {
        "php": ("Active", "Php", None, "2024-01-05", ""),
        "not": ("Unsubscribed", "Not", None, "2024-01-05", ""),
        "bla": ("Blocked", "Bla", None, "2024-01-05", ""),
    },
    "sendgrid": {"sen": ("Active", "Sen Grid", "US", "2022-01-02", "")},
    "sendgrid-bounces": {
        "boo": ("Bounced", "", None, None, ""),
        "inv": ("Bounced", "", None, None, ""),
    },
    "shopify": {
        "sho": ("Active", "Sho Pify", "SE", None, "horeca vip"),
        "nos": ("Unsubscribed", "Nos Hop", "NO", None, ""),
    },
    "substack": {
        "free": ("Active", "", None, "2023-01-05", ""),
        "mute": ("Unsubscribed", "", None, "2023-01-06", ""),
    },
    "woocommerce": {"woo": ("Active", "Woo Com", "GB", "2023-01-05", "")},
}


def test_every_source_has_a_sample() -> None:
    samples = {path.stem for path in SAMPLES.glob("*.csv")}
    assert samples == PEOPLE.keys()
    names = {source.name for source in SOURCES}
    assert all(any(sample == name or sample.startswith(f"{name}-") for sample in samples) for name in names)


@pytest.mark.parametrize("sample", sorted(PEOPLE))
def test_people_of_a_sample_keep_their_status_name_country_tags_and_subscription(
    server: Server, sample: str
) -> None:
    upload = ready(server, (SAMPLES / f"{sample}.csv").read_bytes(), name="list.csv")
    analysis = look(server, upload)["analysis"]
    assert sample.startswith(analysis["source"])
    job = finished(server, submit(server, upload, **answered(analysis)))
    assert job["progress"]["created_count"] == len(PEOPLE[sample]), server.report(job)
    people = {one["email"].split("@")[0]: one for one in server.call("GET", "/v1/subscribers").json["data"]}
    for key, (status, name, country, day, tags) in PEOPLE[sample].items():
        found = people[key]
        assert (found["status"], found["name"], found["country"]) == (status, name, country)
        assert day in (None, found["subscribed_at"][:10])
        assert " ".join(sorted(tag["name"] for tag in found["tags"])) == tags


def answered(analysis: Any) -> dict[str, Any]:
    """The proposals, with the first answer to each question about the file."""
    request: dict[str, Any] = {"mappings": [one["proposal"] for one in analysis["columns"] if one["proposal"]]}
    for question in analysis["questions"]:
        assert question["code"] in ("file_name_status", "consent_column")
        if question["code"] == "file_name_status":
            request |= question["answers"][0]["request"]
    return request


def test_own_export_makes_its_custom_fields_with_the_type_of_their_values(server: Server) -> None:
    upload = ready(server, (SAMPLES / "mailrith.csv").read_bytes())
    finished(server, submit(server, upload, **answered(look(server, upload)["analysis"])))
    fields = server.call("GET", "/v1/custom-fields").json["data"]
    assert {field["label"]: field["type"] for field in fields} == {
        "Shoe size": "Number",
        "Tags": "Text",
        "Motto": "Text Area",
    }
    [person] = server.call("GET", "/v1/subscribers").json["data"]
    assert sorted(map(str, person["custom_fields"].values())) == ["38", "old text", "two\r\nlines"]
