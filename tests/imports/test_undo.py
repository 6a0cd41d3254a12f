"""An undo reverts what an import did to people, and skips people who have changed since."""

from collections.abc import Callable
from typing import Any

import pytest
from api_records import hold_jobs, release_jobs
from conftest import Server
from undone import EMAIL, NAME, counts, mapped, people, set_status, skipped, undo

from mailrith_lite.imports.undo.image_retention import ImageRetention
from mailrith_lite.jobs.kinds import BULK_CHANGE, EXPORT, IMPORT, JobKind


def make(server: Server, path: str, **body: Any) -> str:
    reply = server.call("POST", path, body)
    assert reply.status in (200, 201), reply.body
    return str(reply.json["data"]["id"])


def edit(server: Server, email: str, **members: Any) -> None:
    make(server, "/v1/subscribers", email=email, **members)


def test_created_people_are_deleted(server: Server) -> None:
    edit(server, "before@x.com", name="Before")
    before = people(server)
    job = server.import_csv("Email,Name\na@x.com,Ada\nb@x.com,Bob\na@x.com,Ada L\n")
    done = undo(server, job)
    assert (done["status"], counts(done)) == ("Completed", (0, 2, 0))
    assert people(server) == before
    assert skipped(server, done) == []


def test_every_member_that_an_import_can_change_gets_its_value_back(server: Server) -> None:
    field = make(server, "/v1/custom-fields", label="Size", type="Number")
    other = make(server, "/v1/custom-fields", label="City", type="Text")
    first = server.import_csv(
        "Email,Name,Status,Country,Joined,Opened,Tags,Size\n"
        'a@x.com,Ada,Active,GB,2024-01-02,2024-03-04T05:06:07Z,"x, y",1.50\n'
        "b@x.com,,Active,,,,,\n",
        columns := [
            EMAIL,
            NAME,
            mapped("Status", "subscriber-status"),
            mapped("Country", "country"),
            mapped("Joined", "subscribed-at"),
            mapped("Opened", "last-opened-at"),
            mapped("Tags", "tags"),
            {"csv_column": "Size", "field": {"type": "custom-field", "custom_field_id": field}},
        ],
    )
    assert first["progress"]["created_count"] == 2
    before = people(server)
    job = server.import_csv(
        "Email,Name,Status,Country,Joined,Opened,Tags,Size,City\n"
        'a@x.com,Ada King,Unsubscribed,FR,2024-02-03,2024-05-06T07:08:09Z,"y, z",2,Rome\n'
        "b@x.com,Bob,Bounced,DE,2023-01-01,2024-05-06T07:08:09Z,x,3,Bonn\n",
        [*columns, {"csv_column": "City", "field": {"type": "custom-field", "custom_field_id": other}}],
        new_tag_name="Fair",
    )
    changed = people(server)
    assert all(changed[email]["name"] != before[email]["name"] for email in before)
    done = undo(server, job)
    assert (done["status"], counts(done)) == ("Completed", (2, 0, 0))
    assert people(server) == before
    assert sorted(tag["name"] for tag in server.call("GET", "/v1/tags").json["data"]) == ["x", "y"]
    assert len(server.call("GET", "/v1/custom-fields").json["data"]) == 2


def test_sequences_that_the_import_added_end_and_a_removed_membership_is_removed_again(server: Server) -> None:
    sequence, other = (
        make(server, "/v1/sequences", name=name, definition={"emails": []}) for name in ("Welcome", "News")
    )
    for email in ("in@x.com", "left@x.com", "never@x.com"):
        edit(server, email)
    ids = {email: one["id"] for email, one in people(server).items()}
    for email in ("in@x.com", "left@x.com"):
        server.call("PUT", f"/v1/subscribers/{ids[email]}/sequences/{sequence}")
    server.call("DELETE", f"/v1/subscribers/{ids['left@x.com']}/sequences/{sequence}")
    members = "SELECT subscriber_id, sequence_id, status FROM subscriber_sequences ORDER BY 1, 2"
    before = server.rows(members)
    job = server.import_csv(
        "Email,Sequences\nin@x.com,News\nleft@x.com,\nnever@x.com,News\n",
        [EMAIL, mapped("Sequences", "sequences")],
        sequence_ids=[sequence],
    )
    assert len(server.rows(members)) == 5
    done = undo(server, job)
    assert counts(done) == (3, 0, 0)
    assert server.rows(members) == before
    assert other in [one["id"] for one in server.call("GET", "/v1/sequences").json["data"]]


@pytest.mark.parametrize("status", ["Unsubscribed", "Complained", "Bounced", "Blocked"])
def test_nobody_loses_an_opt_out(server: Server, status: str) -> None:
    edit(server, "known@x.com", name="Known", status="Active")
    job = server.import_csv("Email,Name\nknown@x.com,Changed\nnew@x.com,New\nleft@x.com,Left\n")
    for email in ("known@x.com", "left@x.com"):
        set_status(server, email, status)
    done = undo(server, job)
    assert counts(done) == (0, 1, 2)
    assert {email: (one["name"], one["status"]) for email, one in people(server).items()} == {
        "known@x.com": ("Changed", status),
        "left@x.com": ("Left", status),
    }
    assert skipped(server, done) == ["known@x.com,changed_since", "left@x.com,changed_since"]


def test_opt_out_that_is_repeated_after_the_import_stays(server: Server) -> None:
    edit(server, "a@x.com", status="Active")
    job = server.import_csv("Email,Status\na@x.com,Unsubscribed\n", [EMAIL, mapped("Status", "subscriber-status")])
    set_status(server, "a@x.com", "Unsubscribed")
    assert counts(undo(server, job)) == (0, 0, 1)
    assert people(server)["a@x.com"]["status"] == "Unsubscribed"


@pytest.mark.slow
@pytest.mark.parametrize("saved", ["a@x.com,Active\n", ""])
@pytest.mark.parametrize("again", ["Unsubscribed", "Bounced", "Blocked"])
def test_opt_out_that_a_later_import_repeats_stays(server: Server, saved: str, again: str) -> None:
    mappings = [EMAIL, mapped("Status", "subscriber-status")]
    server.import_csv(f"Email,Status\nb@x.com,\n{saved}", mappings)
    job = server.import_csv("Email,Status\na@x.com,Blocked\n", mappings)
    later = server.import_csv(f"Email,Status\na@x.com,{again}\n", mappings)
    assert later["progress"]["unchanged_count"] == 1
    assert counts(undo(server, job)) == (0, 0, 1)
    assert people(server)["a@x.com"]["status"] == "Blocked"


def test_unsubscribe_that_the_import_itself_made_is_undone(server: Server) -> None:
    edit(server, "a@x.com", status="Active")
    job = server.import_csv("Email,Status\na@x.com,Unsubscribed\n", [EMAIL, mapped("Status", "subscriber-status")])
    assert counts(undo(server, job)) == (1, 0, 0)
    assert people(server)["a@x.com"]["status"] == "Active"


def edit_name(server: Server, person: Any) -> None:
    server.call("PATCH", person["self"], {"name": "By hand"})


def add_tag(server: Server, person: Any) -> None:
    tag = make(server, "/v1/tags", name="By hand")
    assert server.call("PUT", f"{person['self']}/tags/{tag}").status == 200


def remove_tag(server: Server, person: Any) -> None:
    assert server.call("DELETE", f"{person['self']}/tags/{person['tags'][0]['id']}").status == 200


def add_sequence(server: Server, person: Any) -> None:
    sequence = make(server, "/v1/sequences", name="By hand", definition={"emails": []})
    assert server.call("PUT", f"{person['self']}/sequences/{sequence}").status == 200


def set_field(server: Server, person: Any) -> None:
    make(server, "/v1/custom-fields", label="By hand", type="Text")
    edit(server, person["email"], custom_fields={"By hand": "x"})


def import_again(server: Server, person: Any) -> None:
    server.import_csv(f"Email,Name\n{person['email']},By a later import\n")


def give_evidence(server: Server, person: Any) -> None:
    evidence = {"lawful_basis": "consent", "collected_at": "2025-04-11T13:59:30+02:00", "evidence_reference": "x"}
    assert server.call("PATCH", person["self"], {"consent_evidence": evidence}).status == 200


@pytest.mark.parametrize("email", ["known@x.com", "new@x.com"])
@pytest.mark.parametrize(
    "change", [edit_name, add_tag, remove_tag, add_sequence, set_field, import_again, give_evidence]
)
def test_people_who_have_changed_since_are_skipped_and_reported(server: Server, change: Any, email: str) -> None:
    edit(server, "known@x.com", name="Known")
    job = server.import_csv("Email,Name\nknown@x.com,Changed\nnew@x.com,New\n", new_tag_name="Fair")
    change(server, people(server)[email])
    after_change = people(server)[email]
    done = undo(server, job)
    assert counts(done) == ((1, 0, 1) if email == "new@x.com" else (0, 1, 1))
    assert people(server)[email] == after_change
    assert skipped(server, done) == [f"{email},changed_since"]


def patch_same_name(server: Server, person: Any) -> None:
    assert server.call("PATCH", person["self"], {"name": person["name"]}).status == 200


def add_same_tag(server: Server, person: Any) -> None:
    assert server.call("PUT", f"{person['self']}/tags/{person['tags'][0]['id']}").status == 200


def import_the_same(server: Server, person: Any) -> None:
    later = server.import_csv(f"Email,Name\n{person['email']},{person['name']}\n")
    assert later["progress"]["unchanged_count"] == 1


@pytest.mark.parametrize("change", [patch_same_name, add_same_tag, import_the_same])
def test_request_that_altered_nothing_does_not_count_as_a_change(server: Server, change: Any) -> None:
    job = server.import_csv("Email,Name\na@x.com,Ada\n", new_tag_name="Fair")
    change(server, people(server)["a@x.com"])
    assert counts(undo(server, job)) == (0, 1, 0)
    assert people(server) == {}


def test_imports_can_be_undone_one_after_another_from_the_last(server: Server) -> None:
    edit(server, "a@x.com", name="Zero")
    states, jobs = [people(server)], []
    for name in ("One", "Two", "Three"):
        jobs.append(server.import_csv(f"Email,Name\na@x.com,{name}\nb@x.com,{name}\n"))
        states.append(people(server))
    for job, before in zip(reversed(jobs), reversed(states[:-1]), strict=True):
        assert counts(undo(server, job))[2] == 0
        assert people(server) == before


@pytest.mark.slow
def test_rows_of_one_import_in_different_chunks_are_undone_together(server: Server) -> None:
    edit(server, "a@x.com", name="Zero", country="GB")
    before = people(server)
    filler = "".join(f"f{number}@x.com,,\n" for number in range(6_000))
    text = f"Email,Name,Country\na@x.com,One,\nb@x.com,One,\n{filler}a@x.com,Two,FR\nb@x.com,Two,\n"
    job = server.import_csv(text, [EMAIL, NAME, mapped("Country", "country")])
    assert server.rows("SELECT name, country FROM subscribers WHERE email = 'a@x.com'") == [("Two", "FR")]
    assert counts(undo(server, job)) == (1, 6_001, 0)
    assert people(server) == before


def test_tags_and_fields_that_the_import_made_stay_while_somebody_uses_them(server: Server) -> None:
    job = server.import_csv(
        'Email,Tags,Size\na@x.com,"Row, Kept",1\n',
        [
            EMAIL,
            mapped("Tags", "tags"),
            {
                "csv_column": "Size",
                "field": {"type": "new-custom-field", "label": "Size", "custom_field_type": "Number"},
            },
        ],
        new_tag_name="Fair",
    )
    edit(server, "b@x.com", new_tags=["Kept"])
    assert counts(undo(server, job)) == (0, 1, 0)
    assert [tag["name"] for tag in server.call("GET", "/v1/tags").json["data"]] == ["Kept"]
    assert server.call("GET", "/v1/custom-fields").json["data"] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "request_of", "stays"),
    [
        (EXPORT, lambda tag, _: {"tag_ids": [tag]}, "tag"),
        (EXPORT, lambda _, size: {"custom_fields": [has_value(size)]}, "field"),
        (BULK_CHANGE, lambda tag, _: {"action": "add_tag", "tag_id": tag, "filter": {}}, "tag"),
        (BULK_CHANGE, lambda tag, _: {"action": "unsubscribe", "filter": {"tag_ids": [tag]}}, "tag"),
        (
            BULK_CHANGE,
            lambda _, size: {"action": "unsubscribe", "filter": {"custom_fields": [has_value(size)]}},
            "field",
        ),
    ],
)
def test_tag_or_field_that_an_unfinished_job_names_stays(
    serve: Callable[..., Server], kind: JobKind, request_of: Callable[[str, str], Any], stays: str
) -> None:
    server = serve(job_concurrency=1)
    edit(server, "b@x.com")
    size_field = {"type": "new-custom-field", "label": "Size", "custom_field_type": "Number"}
    job = server.import_csv(
        "Email,Tags,Size\na@x.com,Row,1\n",
        [EMAIL, mapped("Tags", "tags"), {"csv_column": "Size", "field": size_field}],
    )
    made = {"tag": "/v1/tags", "field": "/v1/custom-fields"}
    tag, size = (server.call("GET", path).json["data"][0]["id"] for path in made.values())
    hold_jobs(server)
    assert server.call("POST", f"{IMPORT.path}/{job['id']}/undo").status == 202
    reply = server.call("POST", kind.path, request_of(tag, size))
    assert reply.status == 202, reply.body
    release_jobs(server)
    assert [name for name, path in made.items() if server.call("GET", path).json["data"]] == [stays]
    assert server.call("GET", reply.json["data"]["self"]).json["data"]["status"] == "Completed"


def has_value(field_id: str) -> dict[str, Any]:
    return {"custom_field_id": field_id, "operator": "is_not_empty"}


def test_deleted_tag_or_field_is_not_restored_and_the_rest_is(server: Server) -> None:
    field = make(server, "/v1/custom-fields", label="Size", type="Text")
    edit(server, "a@x.com", name="Before", custom_fields={"Size": "S"})
    columns = [EMAIL, NAME, {"csv_column": "Size", "field": {"type": "custom-field", "custom_field_id": field}}]
    job = server.import_csv("Email,Name,Size\na@x.com,After,M\n", columns, new_tag_name="Fair")
    (tag,) = server.call("GET", "/v1/tags").json["data"]
    assert server.call("DELETE", tag["self"]).status == 204
    assert server.call("DELETE", f"/v1/custom-fields/{field}").status == 204
    assert counts(undo(server, job)) == (1, 0, 0)
    (person,) = people(server).values()
    assert (person["name"], person["custom_fields"], person["tags"]) == ("Before", {}, [])


def test_value_that_its_field_no_longer_takes_is_not_restored(server: Server) -> None:
    field = make(server, "/v1/custom-fields", label="Size", type="Single Select", settings={"options": ["S", "M"]})
    edit(server, "a@x.com", custom_fields={"Size": "S"})
    columns = [EMAIL, {"csv_column": "Size", "field": {"type": "custom-field", "custom_field_id": field}}]
    job = server.import_csv("Email,Size\na@x.com,M\n", columns)
    change = server.call("PUT", f"/v1/custom-fields/{field}", {"settings": {"options": ["M"]}})
    assert change.status == 200, change.body
    assert counts(undo(server, job)) == (0, 0, 1)
    assert people(server)["a@x.com"]["custom_fields"] == {field: "M"}


def test_person_who_was_deleted_is_not_counted(server: Server) -> None:
    job = server.import_csv("Email,Name\na@x.com,Ada\nb@x.com,Bob\n")
    assert server.call("DELETE", people(server)["a@x.com"]["self"]).status == 204
    assert counts(undo(server, job)) == (0, 1, 0)


def test_an_import_of_another_workspace_is_unknown(server: Server) -> None:
    job = server.import_csv("Email,Name\na@x.com,Ada\n")
    key = server.new_key(workspace="Other")
    for method, path in (("POST", ""), ("GET", ""), ("GET", "/preview"), ("POST", "/cancel")):
        reply = server.call(method, f"{IMPORT.path}/{job['id']}/undo{path}", key=key)
        assert (reply.status, reply.error["code"]) == (404, "subscriber_import_job_not_found")
    assert "a@x.com" in people(server)


def people_of(server: Server, job: Any, query: str = "", **options: Any) -> list[str]:
    reply = server.call("GET", f"/v1/subscribers?import_job_id={job['id']}{query}", **options)
    assert reply.status == 200, reply.body
    return [one["email"] for one in reply.json["data"]]


def test_the_people_of_an_import_are_those_that_it_created_or_changed(server: Server) -> None:
    edit(server, "changed@x.com", name="Before")
    edit(server, "same@x.com", name="Same")
    first = server.import_csv("Email,Name\nchanged@x.com,After\nsame@x.com,Same\na@x.com,Ada\nb@x.com,Bob\n")
    second = server.import_csv("Email,Name\nb@x.com,Bill\nc@x.com,Cora\n")
    assert people_of(server, first) == ["b@x.com", "a@x.com", "changed@x.com"]
    assert people_of(server, second) == ["c@x.com", "b@x.com"]
    assert people_of(server, first, "&search=bill") == ["b@x.com"]
    (newest,) = server.call("GET", f"/v1/subscribers?import_job_id={first['id']}&limit=1").json["data"]
    assert people_of(server, first, f"&starting_after={newest['id']}") == ["a@x.com", "changed@x.com"]
    assert people_of(server, first, key=server.new_key(workspace="Other")) == []
    assert people_of(server, {"id": "nothing"}) == []


def test_the_people_of_an_import_stay_listed_after_its_images_are_gone(server: Server) -> None:
    edit(server, "changed@x.com", name="Before")
    job = server.import_csv("Email,Name\nchanged@x.com,After\na@x.com,Ada\n")
    server.wait(ImageRetention(server.services.database, ttl=0).remove_expired())
    assert people_of(server, job) == ["a@x.com", "changed@x.com"]


def test_an_export_of_an_import_has_its_people_alone(server: Server) -> None:
    edit(server, "other@x.com")
    job = server.import_csv("Email,Name\na@x.com,Ada\nb@x.com,Bob\n")
    export, text = server.export_csv(import_job_id=job["id"])
    assert export["selection"]["import_job_id"] == job["id"]
    assert [line.split(",")[0] for line in text.splitlines()[1:]] == ["a@x.com", "b@x.com"]


def test_an_export_of_something_that_is_not_an_import_is_refused(server: Server) -> None:
    reply = server.call("POST", "/v1/jobs/subscriber-exports", {"import_job_id": "tag_1"})
    assert (reply.status, reply.error["details"]["field"]) == (400, "import_job_id")
