"""Checks that unmodified auth0-python works with the practice tenant.

Called by run.sh with the address of a served practice org with 1,100 users: `python auth0_check.py
https://localhost:PORT`. SSL_CERT_FILE names the certificate to trust. One line per step, and exit 1
when a step failed.
"""

import gzip
import json
import sys
import time
import traceback

import httpx
from auth0.management import ManagementClient
from auth0.management.core.api_error import ApiError
from auth0.management.types import CreateExportUsersFields, PermissionRequestPayload

USERS = 1_100
CLIENT, SECRET = "practice-client", "practice-secret"
DATABASE = "con_Pr4ct1c3Datab4se"
API = "https://billing.example/"


class Checks:
    """The steps, in the order in which they stand here; later ones use what earlier ones made."""

    def __init__(self, url):
        self.url = url
        self.domain = url.removeprefix("https://")

    def steer(self, method, where, body=None):
        """Steers the practice tenant; these paths are not the vendor's."""
        answer = httpx.request(method, f"{self.url}/practice/{where}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def effects(self, since=0):
        return self.steer("GET", f"tenant/audit?since={since}")

    def step_signs_in_by_itself_and_reads_a_user(self):
        self.steer("PUT", "tenant/switches", {"plan": "unlimited", "searchLagMs": 0})
        self.auth0 = ManagementClient(domain=self.domain, client_id=CLIENT, client_secret=SECRET)
        first = next(iter(self.auth0.users.list(per_page=1)))
        self.user = self.auth0.users.get(first.user_id)
        same(self.user.email, first.email)
        twins = self.auth0.users.list_users_by_email(email=self.user.email)
        same([twin.user_id for twin in twins], [self.user.user_id])
        error = fails(ApiError, lambda: self.auth0.users.get("auth0|nobody"))
        same(error.status_code, 404)
        wrong = ManagementClient(domain=self.domain, client_id=CLIENT, client_secret="wrong")
        fails(Exception, lambda: wrong.users.get(self.user.user_id))

    def step_adds_lists_and_removes_permissions(self):
        calls, user = self.auth0.users.permissions, self.user.user_id
        held = list(calls.list(user))
        api = self.auth0.resource_servers.get(API)
        known = {one.permission_name for one in held}
        self.free = [scope.value for scope in api.scopes if scope.value not in known]
        wanted = pairs(self.free[:2])
        before = self.effects()["length"]
        calls.create(user, permissions=wanted)
        now = list(calls.list(user, per_page=2))
        same(len(now), len(held) + 2)
        for _ in range(2):
            calls.delete(user, permissions=wanted)
        effects = self.effects(before)["entries"]
        same([one["verb"] for one in effects], ["add", "add", "remove", "remove"])
        same({(one["user"], one["api"]) for one in effects}, {(user, API)})
        typo = pairs(["raed:invoices"])
        calls.delete(user, permissions=typo)
        error = fails(ApiError, lambda: calls.create(user, permissions=typo))
        same(error.status_code, 404)

    def step_knows_odd_ids(self):
        calls = self.auth0.users.permissions
        for provider in ("samlp", "waad"):
            found = self.auth0.users.list(q=f'identities.provider:"{provider}"', per_page=1)
            user = next(iter(found)).user_id
            held = list(calls.list(user))
            direct = next(one for one in held if one.sources[0]["source_type"] == "DIRECT")
            gone = PermissionRequestPayload(
                resource_server_identifier=direct.resource_server_identifier,
                permission_name=direct.permission_name,
            )
            calls.delete(user, permissions=[gone])
            same(len(list(calls.list(user))), len(held) - 1)

    def step_assigns_and_removes_roles(self):
        self.roles = {role.name: role.id for role in self.auth0.roles.list()}
        vacant, user = self.roles["Vacant"], self.user.user_id
        self.auth0.users.roles.assign(user, roles=[vacant])
        assert vacant in [role.id for role in self.auth0.users.roles.list(user)]
        same([one.user_id for one in self.auth0.roles.users.list(vacant)], [user])
        self.auth0.users.roles.delete(user, roles=[vacant])
        same(list(self.auth0.roles.users.list(vacant)), [])
        made = self.auth0.roles.create(name="Diver", description="Below")
        self.auth0.roles.permissions.add(made.id, permissions=pairs(["read:invoices"]))
        same(len(list(self.auth0.roles.permissions.list(made.id))), 1)
        self.auth0.roles.permissions.delete(made.id, permissions=pairs(["read:invoices"]))
        self.auth0.roles.delete(made.id)
        same(fails(ApiError, lambda: self.auth0.roles.get(made.id)).status_code, 404)

    def step_assigns_a_role_to_many_users(self):
        users = [user.user_id for _, user in zip(range(200), self.auth0.users.list(per_page=100))]
        before = self.effects()["length"]
        self.auth0.roles.users.assign(self.roles["Vacant"], users=users)
        effects = self.effects(before)["entries"]
        same([one["user"] for one in effects], users)

    def step_pages_through_all_members_and_through_1000_users_only(self):
        members = list(self.auth0.roles.users.list(self.roles["Employee"], take=100))
        same(len({one.user_id for one in members}), USERS)
        seen = []

        def read():
            for user in self.auth0.users.list(per_page=100):
                seen.append(user.user_id)

        same(fails(ApiError, read).status_code, 400)
        same(len(seen), 1_000)

    def step_exports_and_imports_users(self):
        fields = [CreateExportUsersFields(name="user_id"), CreateExportUsersFields(name="email")]
        job = self.auth0.jobs.users_exports.create(format="csv", fields=fields)
        over = self.ended(job.id)
        answer = httpx.get(over.location, timeout=30)
        lines = gzip.decompress(answer.content).decode().splitlines()
        same(len(lines), USERS + 1)
        assert all(line.startswith("\"'") for line in lines[1:]), lines[1]
        users = json.dumps([{"email": "py@x.example"}, {"email": self.user.email}]).encode()
        file = ("users.json", users, "application/json")
        made = self.auth0.jobs.users_imports.create(users=file, connection_id=DATABASE)
        same(self.ended(made.id).status, "completed")
        (error,) = self.auth0.jobs.errors.get(made.id)
        same(error.errors[0].code, "DUPLICATED_USER")

    def step_waits_when_it_is_told_that_it_is_too_fast(self):
        self.steer("PUT", "tenant/switches", {"plan": "free"})
        since = self.steer("GET", "tenant/requests")["length"]
        for _ in range(4):
            self.auth0.users.get(self.user.user_id)
        requests = self.steer("GET", f"tenant/requests?since={since}")["requests"]
        statuses = [one["status"] for one in requests]
        same(statuses.count(200), 4)
        assert 429 in statuses, statuses
        self.steer("PUT", "tenant/switches", {"plan": "unlimited"})

    def step_sends_a_lost_removal_again(self):
        user, wanted = self.user.user_id, pairs(self.free[:1])
        self.auth0.users.permissions.create(user, permissions=wanted)
        before = self.effects()["length"]
        rule = {
            "method": "DELETE",
            "path": "/api/v2/users/*/permissions",
            "fault": {"kind": "lose_answer", "effect": True},
        }
        self.steer("POST", "mischief", rule)
        since = self.steer("GET", "tenant/requests")["length"]
        self.auth0.users.permissions.delete(user, permissions=wanted)
        requests = self.steer("GET", f"tenant/requests?since={since}")["requests"]
        same([one["status"] for one in requests], [0, 204])
        same(len(self.effects(before)["entries"]), 1)
        self.steer("DELETE", "mischief")

    def ended(self, job):
        for _ in range(100):
            found = self.auth0.jobs.get(job)
            if found.status not in ("pending", "processing"):
                return found
            time.sleep(0.05)
        raise AssertionError("the job does not end")


def pairs(names):
    pair = PermissionRequestPayload
    return [pair(resource_server_identifier=API, permission_name=name) for name in names]


def same(found, wanted):
    if found != wanted:
        raise AssertionError(f"found {str(found)[:300]}, wanted {str(wanted)[:300]}")


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
        label = name.removeprefix("step_").replace("_", " ").replace("1000", "1,000")
        try:
            getattr(checks, name)()
        except Exception:  # any error is a failed step, and the next one is tried all the same
            failed += 1
            traceback.print_exc(file=sys.stdout)
            print(f"FAILED  auth0-python {label}", flush=True)
        else:
            print(f"ok  auth0-python {label} ({time.monotonic() - began:.1f} s)", flush=True)
    print(f"{len(steps) - failed} passed, {failed} failed")
    return 1 if failed or not steps else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
