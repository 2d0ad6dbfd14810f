"""Checks that unmodified simple-salesforce works with the practice org.

Called by run.sh with the address of a served practice org: `python simple_salesforce_check.py
https://localhost:PORT`. REQUESTS_CA_BUNDLE names the certificate to trust. One line per step, and
exit 1 when a step failed.
"""

import csv
import io
import json
import sys
import tempfile
import time
import traceback
from pathlib import Path
from urllib.parse import urlsplit

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce, SalesforceLogin
from simple_salesforce.bulk2 import ColumnDelimiter, LineEnding
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceOperationError,
    SalesforceResourceNotFound,
)
from simple_salesforce.util import PerAppUsage, Usage

ROWS = 10_000
# The client waits 5 s before its first look at a job unless told otherwise.
WAIT = 0.1
CLIENT, SECRET, PASSWORD = "practice-client", "practice-secret", "practice"
STATUSES = ["Booked", "Loaded", "At Sea", "Landed", "Delivered", "Lost"]
FIELDS = [
    "Name",
    "Shipment_Number__c",
    "Weight_Kg__c",
    "Declared_Value__c",
    "Ship_Date__c",
    "Is_Fragile__c",
    "Status__c",
    "Notes__c",
]
MINE = "Shipment_Number__c LIKE 'PY-%'"
SELECT = f"SELECT Id, {', '.join(FIELDS)} FROM Shipment__c WHERE {MINE}"


class MyDomain(HTTPAdapter):
    """Leads a My Domain name to the practice org, as a name server would."""

    def __init__(self, url):
        super().__init__()
        self.url = url

    def send(self, request, **options):
        parts = urlsplit(request.url)
        request.url = f"{self.url}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        return super().send(request, **options)


class Checks:
    """The steps, in the order in which they stand here; later ones use what earlier ones made."""

    def __init__(self, url):
        self.url = url
        self.host = url.removeprefix("https://")
        self.session = requests.Session()
        self.session.mount("https://practice.my.salesforce.com", MyDomain(url))
        self.session.mount("https://login.salesforce.com", MyDomain(url))

    def step_signs_in_with_a_token(self):
        form = {
            "grant_type": "client_credentials",
            "client_id": CLIENT,
            "client_secret": SECRET,
        }
        grant = requests.post(f"{self.url}/services/oauth2/token", data=form, timeout=30)
        grant.raise_for_status()
        token = grant.json()
        same(token["instance_url"], self.url)
        self.sf = Salesforce(instance_url=token["instance_url"], session_id=token["access_token"])
        (user,) = self.sf.query("SELECT Username FROM User LIMIT 1")["records"]
        assert user["Username"], user
        who = self.sf.oauth2("userinfo")
        self.username = who["preferred_username"]
        assert self.sf.session_id.startswith(who["organization_id"][:15] + "!"), who

    def step_signs_in_by_its_own_client_credentials_login(self):
        sf = Salesforce(
            consumer_key=CLIENT,
            consumer_secret=SECRET,
            domain="practice.my",
            session=self.session,
        )
        same(sf.auth_type, "client-credentials")
        same(sf.sf_instance, self.host)
        same(sf.query("SELECT COUNT() FROM Profile")["records"], [])

    def step_signs_in_by_its_own_password_login(self):
        sf = Salesforce(
            username=self.username,
            password=PASSWORD,
            consumer_key=CLIENT,
            consumer_secret=SECRET,
            domain="practice.my",
            session=self.session,
        )
        same(sf.auth_type, "password")
        assert sf.limits()["DailyApiRequests"]["Max"] > 0

    def step_signs_in_by_its_own_jwt_login(self):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        token, instance = SalesforceLogin(
            username=self.username,
            consumer_key=CLIENT,
            privatekey=pem.decode(),
            session=self.session,
        )
        same(instance, self.host)
        sf = Salesforce(instance=instance, session_id=token)
        assert sf.describe()["sobjects"]

    def step_tells_a_wrong_secret_from_a_good_one(self):
        error = fails(
            SalesforceAuthenticationFailed,
            lambda: SalesforceLogin(
                consumer_key=CLIENT,
                consumer_secret="wrong",
                domain="practice.my",
                session=self.session,
            ),
        )
        same(error.code, "invalid_client")

    def step_describes_and_reads_limits(self):
        names = {entry["name"] for entry in self.sf.describe()["sobjects"]}
        missing = {"Account", "PermissionSetAssignment", "Shipment__c", "User"} - names
        same(missing, set())
        fields = {field["name"]: field for field in self.sf.Shipment__c.describe()["fields"]}
        assert fields["Shipment_Number__c"]["externalId"] is True
        same([entry["value"] for entry in fields["Status__c"]["picklistValues"]], STATUSES)
        same(self.sf.Shipment__c.metadata()["objectDescribe"]["keyPrefix"], "a01")
        assert self.sf.limits()["DailyBulkV2QueryJobs"]["Max"] > 0
        usage = self.sf.api_usage
        assert isinstance(usage["api-usage"], Usage) and usage["api-usage"].used > 0, usage
        assert isinstance(usage.get("per-app-api-usage", PerAppUsage(0, 0, "")), PerAppUsage)

    def step_answers_the_single_row_calls(self):
        shipments = self.sf.Shipment__c
        made = shipments.create({"Name": "One", "Shipment_Number__c": "ONE-1"})
        assert made["success"] and len(made["id"]) == 18, made
        same(shipments.get(made["id"])["Name"], "One")
        same(shipments.get_by_custom_id("Shipment_Number__c", "ONE-1")["Id"], made["id"])
        same(shipments.update(made["id"], {"Weight_Kg__c": 12.5, "Name": "Uno"}), 204)
        row = shipments.get(made["id"])
        same((row["Weight_Kg__c"], row["Name"]), (12.5, "Uno"))
        same(shipments.upsert("Shipment_Number__c/ONE-1", {"Name": "Eins"}), 200)
        same(shipments.upsert("Shipment_Number__c/ONE-2", {"Name": "Zwei"}), 201)
        for number in ["ONE-1", "ONE-2"]:
            found = shipments.get_by_custom_id("Shipment_Number__c", number)
            same(shipments.delete(found["Id"]), 204)
        fails(SalesforceResourceNotFound, lambda: shipments.get(made["id"]))

    def step_raises_its_own_error_of_each_class(self):
        error = fails(SalesforceMalformedRequest, lambda: self.sf.query("SELECT Nope FROM Account"))
        same(error.content[0]["errorCode"], "INVALID_FIELD")
        error = fails(
            SalesforceMalformedRequest, lambda: self.sf.Shipment__c.create({"Status__c": "Sunk"})
        )
        same(error.content[0]["errorCode"], "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
        error = fails(SalesforceResourceNotFound, lambda: self.sf.Nope__c.describe())
        same(error.content[0]["errorCode"], "NOT_FOUND")
        stranger = Salesforce(instance_url=self.url, session_id="00D000000000000!wrong")
        error = fails(SalesforceExpiredSession, lambda: stranger.query("SELECT Id FROM User"))
        same(error.content[0]["errorCode"], "INVALID_SESSION_ID")

    def step_inserts_10_000_rows_by_bulk_2(self):
        self.rows = {row["Shipment_Number__c"]: row for row in map(shipment, range(ROWS))}
        rows = list(self.rows.values())
        (job,) = self.sf.bulk2.Shipment__c.insert(records=rows, wait=WAIT)
        settled(job, processed=ROWS, failed=0)
        done = self.successes(job)
        same(len({row["sf__Id"] for row in done}), ROWS)
        same({row["sf__Created"] for row in done}, {"true"})
        same({row["Shipment_Number__c"] for row in done}, set(self.rows))
        notes = {row["Shipment_Number__c"]: row["Notes__c"] for row in done}
        same(notes, {number: row["Notes__c"] for number, row in self.rows.items()})
        same(self.failures(job), [])
        self.ids = {row["Shipment_Number__c"]: row["sf__Id"] for row in done}

    def step_queries_10_000_rows_by_rest(self):
        answer = self.sf.query_all(SELECT)
        same((answer["totalSize"], answer["done"], len(answer["records"])), (ROWS, True, ROWS))
        for record in answer["records"]:
            number = record["Shipment_Number__c"]
            same(record["Id"], self.ids[number])
            same(typed(record), expected(self.rows[number]))
        count = self.sf.query(f"SELECT COUNT() FROM Shipment__c WHERE {MINE}")["totalSize"]
        same(count, ROWS)
        lazily = sum(1 for _ in self.sf.query_all_iter(f"SELECT Id FROM Shipment__c WHERE {MINE}"))
        same(lazily, ROWS)

    def step_queries_10_000_rows_by_bulk_2(self):
        pages = list(self.sf.bulk2.Shipment__c.query(SELECT, max_records=3_000, wait=WAIT))
        same(len(pages), 4)
        self.compare([row for page in pages for row in table(page)])
        with tempfile.TemporaryDirectory() as folder:
            parts = self.sf.bulk2.Shipment__c.download(
                SELECT, path=folder, max_records=4_000, wait=WAIT
            )
            same(sum(part["number_of_records"] for part in parts), ROWS)
            texts = [Path(part["file"]).read_text("utf-8") for part in parts]
        self.compare([row for text in texts for row in table(text)])

    def step_upserts_10_000_rows_half_of_them_new(self):
        rows = map(moved, range(ROWS // 2, ROWS * 3 // 2))
        later = {row["Shipment_Number__c"]: row for row in rows}
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "upsert.csv")
            with file.open("w", encoding="utf-8", newline="") as out:
                writer = csv.DictWriter(out, FIELDS, delimiter=";", lineterminator="\r\n")
                writer.writeheader()
                writer.writerows(later.values())
            jobs = self.sf.bulk2.Shipment__c.upsert(
                csv_file=str(file),
                external_id_field="Shipment_Number__c",
                batch_size=ROWS // 4,
                column_delimiter=ColumnDelimiter.SEMICOLON,
                line_ending=LineEnding.CRLF,
                wait=WAIT,
            )
        same(len(jobs), 4)
        done = []
        for job in jobs:
            settled(job, processed=ROWS // 4, failed=0)
            done += self.successes(job, delimiter=";")
        created = [row for row in done if row["sf__Created"] == "true"]
        same((len(done), len(created)), (ROWS, ROWS // 2))
        for row in done:
            number = row["Shipment_Number__c"]
            same(self.ids.setdefault(number, row["sf__Id"]), row["sf__Id"])
        self.rows.update(later)
        answer = self.sf.query_all(SELECT)
        same(answer["totalSize"], ROWS * 3 // 2)
        for record in answer["records"]:
            same(typed(record), expected(self.rows[record["Shipment_Number__c"]]))

    def step_learns_of_rows_and_jobs_that_fail(self):
        rows = [dict(shipment(ROWS * 2 + nth), Notes__c="plain") for nth in range(10)]
        rows[3]["Status__c"] = "Sunk"
        rows[7]["Ship_Date__c"] = "tomorrow"
        (job,) = self.sf.bulk2.Shipment__c.insert(records=rows, wait=WAIT)
        settled(job, processed=10, failed=2)
        everything = self.sf.bulk2.Shipment__c.get_all_ingest_records(job["job_id"])
        sizes = {name: len(found) for name, found in everything.items()}
        same(sizes, {"successfulRecords": 8, "failedRecords": 2, "unprocessedRecords": 0})
        errors = {
            row["Shipment_Number__c"]: row["sf__Error"].split(":")[0]
            for row in everything["failedRecords"]
        }
        picklist, date = (rows[nth]["Shipment_Number__c"] for nth in (3, 7))
        same(errors[picklist], "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
        same(errors[date], "INVALID_FIELD")
        for row in everything["successfulRecords"]:
            self.ids[row["Shipment_Number__c"]] = row["sf__Id"]
        error = fails(
            SalesforceOperationError,
            lambda: self.sf.bulk2.Shipment__c.insert(records=[{"Nope__c": "1"}], wait=WAIT),
        )
        assert "InvalidBatch" in str(error) and "Nope__c" in str(error), error
        fails(
            SalesforceMalformedRequest,
            lambda: self.sf.bulk2.Shipment__c.upsert(
                records=rows, external_id_field="Name", wait=WAIT
            ),
        )

    def step_deletes_10_000_rows_by_bulk_2(self):
        ids = list(self.ids.values())
        first, rest = ids[:ROWS], ids[ROWS:]
        same(len(first), ROWS)
        rows = [{"Id": id} for id in first]
        (job,) = self.sf.bulk2.Shipment__c.delete(records=rows, wait=WAIT)
        settled(job, processed=ROWS, failed=0)
        same({row["sf__Id"] for row in self.successes(job)}, set(first))
        left = self.sf.query_all(f"SELECT Id FROM Shipment__c WHERE {MINE}")["records"]
        same({row["Id"] for row in left}, set(rest))
        question = f"SELECT Id FROM Shipment__c WHERE {MINE} AND IsDeleted = true"
        binned = self.sf.query_all(question, include_deleted=True)
        same({row["Id"] for row in binned["records"]}, set(first))
        (job,) = self.sf.bulk2.Shipment__c.delete(records=rows[:5], wait=WAIT)
        settled(job, processed=5, failed=5)
        same({row["sf__Error"].split(":")[0] for row in self.failures(job)}, {"ENTITY_IS_DELETED"})

    def step_hard_deletes_what_is_left(self):
        left = self.sf.query_all(f"SELECT Id FROM Shipment__c WHERE {MINE}")["records"]
        ids = [{"Id": row["Id"]} for row in left]
        (job,) = self.sf.bulk2.Shipment__c.hard_delete(records=ids, wait=WAIT)
        settled(job, processed=len(ids), failed=0)
        same(self.sf.query(f"SELECT COUNT() FROM Shipment__c WHERE {MINE}")["totalSize"], 0)
        gone = self.sf.query_all(SELECT, include_deleted=True)["records"]
        same({row["Id"] for row in gone} & {row["Id"] for row in left}, set())

    def successes(self, job, delimiter=","):
        return table(self.sf.bulk2.Shipment__c.get_successful_records(job["job_id"]), delimiter)

    def failures(self, job):
        return table(self.sf.bulk2.Shipment__c.get_failed_records(job["job_id"]))

    def compare(self, found):
        """Rows of a bulk query against what was sent."""
        same(len(found), len(self.rows))
        for row in found:
            number = row["Shipment_Number__c"]
            same(row["Id"], self.ids[number])
            sent = self.rows[number]
            for name in FIELDS:
                if name in ("Weight_Kg__c", "Declared_Value__c"):
                    same(float(row[name]), float(sent[name]))
                else:
                    same(row[name], sent[name])


def shipment(nth):
    """A row whose texts are awkward and whose numbers a double holds exactly."""
    notes = ["", 'He said "now, or never"', "Zürich → 東京 🚢", "two\nlines; one, comma"][nth % 4]
    return {
        "Name": f"Parcel, no. {nth}",
        "Shipment_Number__c": f"PY-{nth:06}",
        "Weight_Kg__c": str(nth / 8),
        "Declared_Value__c": f"{nth}.25",
        "Ship_Date__c": f"2026-{nth % 12 + 1:02}-{nth % 28 + 1:02}",
        "Is_Fragile__c": "true" if nth % 3 == 0 else "false",
        "Status__c": STATUSES[nth % len(STATUSES)],
        "Notes__c": notes,
    }


def moved(nth):
    """The same shipment, later. Its notes have no line break, as CRLF files need none of LF."""
    return dict(
        shipment(nth), Name=f"Moved; no. {nth}", Status__c="Delivered", Notes__c=f"déjà {nth}"
    )


def expected(sent):
    """What REST should give for a sent row."""
    return dict(
        sent,
        Weight_Kg__c=float(sent["Weight_Kg__c"]),
        Declared_Value__c=float(sent["Declared_Value__c"]),
        Is_Fragile__c=sent["Is_Fragile__c"] == "true",
        Notes__c=sent["Notes__c"] or None,
    )


def typed(record):
    return {name: record[name] for name in FIELDS}


def table(text, delimiter=","):
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


def settled(job, processed, failed):
    same(job["numberRecordsTotal"], processed)
    same((job["numberRecordsProcessed"], job["numberRecordsFailed"]), (processed, failed))


def same(found, wanted):
    if found != wanted:
        raise AssertionError(f"found {shown(found)}, wanted {shown(wanted)}")


def shown(value):
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) < 300 else text[:300] + "…"


def fails(kind, action):
    """The error of `kind` that the action must raise."""
    try:
        action()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__} was raised")


def main(url):
    checks = Checks(url)
    steps = [name for name in vars(Checks) if name.startswith("step_")]
    failed = 0
    for name in steps:
        began = time.monotonic()
        label = name.removeprefix("step_").replace("_", " ").replace("10 000", "10,000")
        try:
            getattr(checks, name)()
        except Exception:  # any error is a failed step, and the next one is tried all the same
            failed += 1
            traceback.print_exc(file=sys.stdout)
            print(f"FAILED  simple-salesforce {label}", flush=True)
        else:
            print(f"ok  simple-salesforce {label} ({time.monotonic() - began:.1f} s)", flush=True)
    print(f"{len(steps) - failed} passed, {failed} failed")
    return 1 if failed or not steps else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
