// Checks that unmodified auth0 (node) works with the practice tenant.
//
// Called by run.sh with the address of a served practice org with 1,100 users and the folder with
// the package: `node auth0_check.mjs https://localhost:PORT DIR`. NODE_EXTRA_CA_CERTS names the
// certificate to trust. One line per step, and exit 1 when a step failed.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

const [url, folder] = process.argv.slice(2);
const require = createRequire(path.resolve(folder, 'package.json'));
const { ManagementClient } = require('auth0');
const { ManagementClient: LegacyClient } = require('auth0/legacy');

const USERS = 1_100;
const API = 'https://shipping.example/api';
const domain = url.replace('https://', '');
const account = { domain, clientId: 'practice-client', clientSecret: 'practice-secret' };

/** Pairs as the client's calls want them. */
const pairs = (names) =>
  names.map((permission_name) => ({ resource_server_identifier: API, permission_name }));

/** All items of a pager. */
async function drain(pager) {
  const all = [];
  for await (const item of await pager) all.push(item);
  return all;
}

/** How the practice tenant is steered; these paths are not the vendor's. */
async function steer(method, where, body) {
  const options = { method, body: body && JSON.stringify(body) };
  const answer = await fetch(`${url}/practice/${where}`, options);
  assert.ok(answer.ok, `${where}: ${answer.status}`);
  return answer.status === 204 ? undefined : answer.json();
}

/** The effects since number `since`. */
const effects = async (since = 0) => steer('GET', `tenant/audit?since=${since}`);

// The steps, in the order in which they stand here; later ones use what earlier ones made.
let auth0;
let user;
/** A permission that the user does not have. */
let unheld;
let roles;

const steps = {
  async 'signs in by itself and reads a user'() {
    await steer('PUT', 'tenant/switches', { plan: 'unlimited', searchLagMs: 0 });
    auth0 = new ManagementClient(account);
    const { data } = await auth0.users.list({ per_page: 2 });
    user = await auth0.users.get(data[1].user_id);
    assert.deepEqual(user.identities[0].provider, user.user_id.split('|')[0]);
    const twins = await auth0.users.listUsersByEmail({ email: user.email });
    assert.deepEqual(twins.map((twin) => twin.user_id), [user.user_id]);
    await assert.rejects(auth0.users.get('auth0|nobody'), { statusCode: 404 });
    const wrong = new ManagementClient({ ...account, clientSecret: 'wrong' });
    await assert.rejects(wrong.users.get(user.user_id));
  },

  async 'adds, lists and removes permissions'() {
    const held = await drain(auth0.users.permissions.list(user.user_id));
    assert.ok(held.some((one) => one.sources[0].source_type === 'ROLE'));
    const before = (await effects()).length;
    const has = (name) => held.some((one) => one.permission_name === name);
    const api = await auth0.resourceServers.get(API);
    const free = api.scopes.map((scope) => scope.value).filter((name) => !has(name));
    const names = free.slice(0, 2);
    [unheld] = free;
    await auth0.users.permissions.create(user.user_id, { permissions: pairs(names) });
    const now = await drain(auth0.users.permissions.list(user.user_id, { per_page: 2 }));
    const direct = now.filter((one) => one.sources.some((s) => s.source_type === 'DIRECT'));
    const shown = direct.map((one) => one.permission_name);
    assert.ok(names.every((name) => shown.includes(name)), shown);
    for (let round = 0; round < 2; round += 1) {
      await auth0.users.permissions.delete(user.user_id, { permissions: pairs(names) });
    }
    const { entries } = await effects(before);
    assert.deepEqual(entries.map((one) => one.verb), ['add', 'add', 'remove', 'remove']);
    assert.ok(entries.every((one) => one.user === user.user_id && one.api === API));
    const typo = { permissions: pairs(['raed:claims']) };
    await auth0.users.permissions.delete(user.user_id, typo);
    await assert.rejects(auth0.users.permissions.create(user.user_id, typo), (error) => {
      assert.equal(error.statusCode, 404);
      assert.equal(error.body.errorCode, 'inexistent_resource_server_permission');
      return true;
    });
  },

  async 'knows odd ids'() {
    const { data } = await auth0.users.list({ q: 'identities.provider:"samlp"', per_page: 1 });
    const [{ user_id: id }] = data;
    assert.match(id, /^samlp\|corp\|dept\/\d\+/);
    const held = await drain(auth0.users.permissions.list(id));
    const [first] = held.filter((one) => one.sources[0].source_type === 'DIRECT');
    const { permission_name, resource_server_identifier } = first;
    const permissions = [{ permission_name, resource_server_identifier }];
    await auth0.users.permissions.delete(id, { permissions });
    assert.equal((await drain(auth0.users.permissions.list(id))).length, held.length - 1);
  },

  async 'assigns and removes roles'() {
    roles = await drain(auth0.roles.list());
    const vacant = roles.find((role) => role.name === 'Vacant').id;
    await auth0.users.roles.assign(user.user_id, { roles: [vacant] });
    assert.ok((await drain(auth0.users.roles.list(user.user_id))).some((one) => one.id === vacant));
    assert.deepEqual(
      (await drain(auth0.roles.users.list(vacant))).map((one) => one.user_id),
      [user.user_id],
    );
    await auth0.users.roles.delete(user.user_id, { roles: [vacant] });
    assert.deepEqual(await drain(auth0.roles.users.list(vacant)), []);
    const made = await auth0.roles.create({ name: 'Diver', description: 'Below' });
    await auth0.roles.permissions.add(made.id, { permissions: pairs(['read:rates']) });
    assert.equal((await drain(auth0.roles.permissions.list(made.id))).length, 1);
    await auth0.roles.permissions.delete(made.id, { permissions: pairs(['read:rates']) });
    await auth0.roles.delete(made.id);
    await assert.rejects(auth0.roles.get(made.id), { statusCode: 404 });
  },

  async 'pages through all members of a role, and through 1,000 users only'() {
    const everybody = roles.find((role) => role.name === 'Employee').id;
    const members = await drain(auth0.roles.users.list(everybody, { take: 100 }));
    assert.equal(new Set(members.map((one) => one.user_id)).size, USERS);
    const seen = [];
    await assert.rejects(
      async () => {
        for await (const one of await auth0.users.list({ per_page: 100 })) seen.push(one.user_id);
      },
      (error) => error.statusCode === 400 && error.body.errorCode === 'invalid_paging',
    );
    assert.equal(seen.length, 1_000);
  },

  async 'reads APIs and their permissions'() {
    const apis = await drain(auth0.resourceServers.list());
    const api = apis.find((one) => one.identifier === API);
    assert.ok(api.scopes.some((scope) => scope.value === 'read:claims'));
    assert.deepEqual(await auth0.resourceServers.get(api.id), api);
    assert.deepEqual(await auth0.resourceServers.get(API), api);
  },

  async 'exports and imports users'() {
    const fields = [{ name: 'user_id' }, { name: 'email' }];
    const job = await auth0.jobs.usersExports.create({ format: 'json', fields });
    const over = await ended(job.id);
    const file = await fetch(over.location);
    assert.equal(file.status, 200);
    const lines = gunzipSync(Buffer.from(await file.arrayBuffer())).toString().trim().split('\n');
    assert.equal(lines.length, USERS);
    const users = JSON.stringify([{ email: 'new@x.example' }, { email: user.email }]);
    const wanted = { users: new Blob([users]), connection_id: 'con_Pr4ct1c3Datab4se' };
    const made = await auth0.jobs.usersImports.create(wanted);
    const { summary } = await ended(made.id);
    assert.deepEqual(summary, { failed: 1, updated: 0, inserted: 1, total: 2 });
    const [error] = await auth0.jobs.errors.get(made.id);
    assert.equal(error.errors[0].code, 'DUPLICATED_USER');
  },

  async 'waits when it is told that it is too fast'() {
    await steer('PUT', 'tenant/switches', { plan: 'free' });
    const since = (await steer('GET', 'tenant/requests')).length;
    for (let call = 0; call < 4; call += 1) await auth0.users.get(user.user_id);
    const { requests } = await steer('GET', `tenant/requests?since=${since}`);
    const statuses = requests.map((one) => one.status);
    assert.equal(statuses.filter((status) => status === 200).length, 4);
    assert.ok(statuses.includes(429), statuses);
    await steer('PUT', 'tenant/switches', { plan: 'unlimited' });
  },

  async 'the older client removes permissions and roles too'() {
    const legacy = new LegacyClient(account);
    const id = user.user_id;
    const before = (await effects()).length;
    const permissions = pairs([unheld]);
    await legacy.users.assignPermissions({ id }, { permissions });
    await legacy.users.deletePermissions({ id }, { permissions });
    const { data } = await legacy.users.getPermissions({ id, include_totals: true });
    assert.equal(data.total, data.permissions.length);
    const { entries } = await effects(before);
    assert.deepEqual(entries.map((one) => one.verb), ['add', 'remove']);
  },
};

/** A job once it is over. */
async function ended(id) {
  for (let look = 0; look < 100; look += 1) {
    const job = await auth0.jobs.get(id);
    if (!['pending', 'processing'].includes(job.status)) return job;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the job does not end');
}

let failed = 0;
const names = Object.keys(steps);
for (const name of names) {
  const began = performance.now();
  try {
    await steps[name]();
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    console.log(`ok  auth0 ${name} (${seconds} s)`);
  } catch (error) {
    failed += 1;
    console.log(error);
    console.log(`FAILED  auth0 ${name}`);
  }
}
console.log(`${names.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 || names.length === 0 ? 1 : 0;
