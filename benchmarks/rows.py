"""Rows like those of a real list: emails in random order, six countries, two custom fields."""

import csv
import io
import json
import random

HEADER = ("Email", "Name", "Country", "City", "Visits")
_COUNTRIES = ("DE", "FR", "US", "GB", "BR", "Japan")
_CITIES = ("Berlin", "Lyon", "Austin", "Leeds", "Recife", "Osaka")
FIELDS = (("City", "Text"), ("Visits", "Number"))


def csv_text(count: int, seed: int = 1) -> str:
    generator = random.Random(seed)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(HEADER)
    for number in range(count):
        place = generator.randrange(6)
        writer.writerow(
            (
                f"reader{generator.randrange(10**9)}.{number}@example.com",
                f"Reader Number {number}",
                _COUNTRIES[place],
                _CITIES[place],
                generator.randrange(1_000),
            )
        )
    return text.getvalue()


def import_body(text: str, field_ids: list[str]) -> bytes:
    columns = zip(HEADER[3:], field_ids, strict=True)
    mappings = [
        {"csv_column": "Email", "field": {"type": "email"}},
        {"csv_column": "Name", "field": {"type": "name"}},
        {"csv_column": "Country", "field": {"type": "country"}},
        *(
            {"csv_column": name, "field": {"type": "custom-field", "custom_field_id": field_id}}
            for name, field_id in columns
        ),
    ]
    return json.dumps({"csv_text": text, "mappings": mappings, "new_tag_name": "Benchmark"}).encode()
