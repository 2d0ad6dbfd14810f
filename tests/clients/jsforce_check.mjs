// Checks that unmodified jsforce works with the practice org.
//
// Called by run.sh with the address of a served practice org and the folder with jsforce's package:
// `node jsforce_check.mjs http://localhost:PORT DIR`. One line per step, and exit 1 when a step
// failed.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Readable } from 'node:stream';

const [url, folder] = process.argv.slice(2);
const require = createRequire(path.resolve(folder, 'package.json'));
const jsforce = require('jsforce');

const ROWS = 10_000;
// The client waits a second between two looks at a job unless told otherwise.
const POLL = 100;
const OAUTH = { loginUrl: url, clientId: 'practice-client', clientSecret: 'practice-secret' };
const STATUSES = ['Booked', 'Loaded', 'At Sea', 'Landed', 'Delivered', 'Lost'];
const NOTES = ['', 'He said "now, or never"', 'Zürich → 東京 🚢', 'two\nlines; one, comma'];
const FIELDS = [
  'Name',
  'Shipment_Number__c',
  'Weight_Kg__c',
  'Declared_Value__c',
  'Ship_Date__c',
  'Is_Fragile__c',
  'Status__c',
  'Notes__c',
];
const MINE = "Shipment_Number__c LIKE 'JS-%'";
const SELECT = `SELECT Id, ${FIELDS.join(', ')} FROM Shipment__c WHERE ${MINE}`;

// The steps, in the order in which they stand here; later ones use what earlier ones made.
let conn;
/** Every sent row by its number, and the Id that each got. */
const rows = new Map();
const ids = new Map();

const steps = {
  async 'signs in with client credentials'() {
    conn = new jsforce.Connection({ oauth2: OAUTH, instanceUrl: url });
    const who = await conn.authorize({ grant_type: 'client_credentials' });
    assert.equal(conn.instanceUrl, url);
    const identity = await conn.identity();
    assert.equal(identity.organization_id, who.organizationId);
    conn.bulk2.pollInterval = POLL;
  },

  async 'signs in with a password and renews its session'() {
    const oauth2 = new jsforce.OAuth2(OAUTH);
    const { username } = await conn.identity();
    const grant = await oauth2.authenticate(username, 'practice');
    const renewing = new jsforce.Connection({
      oauth2,
      instanceUrl: grant.instance_url,
      accessToken: '00D000000000000!expired',
      refreshToken: grant.refresh_token,
    });
    let renewals = 0;
    renewing.on('refresh', () => (renewals += 1));
    await renewing.query('SELECT Id FROM User LIMIT 1');
    assert.equal(renewals, 1);
    await renewing.query('SELECT Id FROM User LIMIT 1');
    assert.equal(renewals, 1);
    await assert.rejects(oauth2.authenticate(username, 'wrong'), { name: 'invalid_grant' });
  },

  async 'describes and reads limits'() {
    const all = await conn.describeGlobal();
    const names = new Set(all.sobjects.map((object) => object.name));
    for (const name of ['Account', 'PermissionSetAssignment', 'Shipment__c', 'User']) {
      assert.ok(names.has(name), name);
    }
    const { fields } = await conn.sobject('Shipment__c').describe();
    const field = (name) => fields.find((one) => one.name === name);
    assert.equal(field('Shipment_Number__c').externalId, true);
    assert.deepEqual(field('Status__c').picklistValues.map((entry) => entry.value), STATUSES);
    const limits = await conn.limits();
    assert.ok(limits.DailyApiRequests.Max > 0);
    const { apiUsage } = conn.limitInfo;
    assert.ok(apiUsage.used > 0 && apiUsage.limit >= apiUsage.used, apiUsage);
  },

  async 'answers the single row calls'() {
    const shipments = conn.sobject('Shipment__c');
    const made = await shipments.create({ Name: 'One', Shipment_Number__c: 'ONE-1' });
    assert.equal(made.success, true);
    assert.equal((await shipments.retrieve(made.id)).Name, 'One');
    await shipments.update({ Id: made.id, Name: 'Uno', Weight_Kg__c: 12.5 });
    const changed = await shipments.findOne({ Shipment_Number__c: 'ONE-1' }, FIELDS);
    assert.deepEqual([changed.Name, changed.Weight_Kg__c], ['Uno', 12.5]);
    const key = 'Shipment_Number__c';
    const upserted = await shipments.upsert({ Shipment_Number__c: 'ONE-1', Name: 'Eins' }, key);
    assert.deepEqual([upserted.id, upserted.success], [made.id, true]);
    const second = await shipments.upsert({ Shipment_Number__c: 'ONE-2', Name: 'Zwei' }, key);
    assert.equal((await shipments.retrieve(second.id)).Name, 'Zwei');
    for (const { id } of [made, second]) {
      assert.equal((await shipments.destroy(id)).success, true);
    }
    await assert.rejects(shipments.retrieve(made.id), { errorCode: 'NOT_FOUND' });
  },

  async 'answers collections of rows'() {
    const shipments = conn.sobject('Shipment__c');
    const names = Array.from({ length: 450 }, (_, nth) => `Crate ${nth}`);
    const records = names.map((Name) => ({ Name }));
    records[7].Status__c = 'Sunk';
    const results = await shipments.create(records, { allowRecursive: true });
    assert.equal(results.length, 450);
    const failed = results.flatMap((result, nth) => (result.success ? [] : [nth]));
    assert.deepEqual(failed, [7]);
    assert.equal(
      results[7].errors[0].statusCode,
      'INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST',
    );
    const made = results.filter((result) => result.success).map((result) => result.id);
    const some = await shipments.retrieve(made.slice(0, 3));
    assert.deepEqual(some.map((record) => record.Name), names.slice(0, 3));
    const gone = await shipments.destroy(made, { allowRecursive: true });
    assert.ok(gone.length === 449 && gone.every((result) => result.success));
  },

  async 'raises errors with the code of the service'() {
    const malformed = conn.query('SELECT Nope FROM Account');
    await assert.rejects(malformed, { errorCode: 'INVALID_FIELD' });
    const unknown = conn.sobject('Nope__c').describe();
    await assert.rejects(unknown, { errorCode: 'NOT_FOUND' });
    const stranger = new jsforce.Connection({ instanceUrl: url, accessToken: '00D!wrong' });
    const refused = stranger.query('SELECT Id FROM User');
    await assert.rejects(refused, { errorCode: 'INVALID_SESSION_ID' });
  },

  async 'inserts 10,000 rows by Bulk 2'() {
    const sent = range(0, ROWS).map(shipment);
    const results = await load({ operation: 'insert' }, sent);
    assertSettled(results, ROWS, 0);
    const found = results.successfulResults;
    assert.ok(found.every((row) => row.sf__Created === 'true'));
    for (const row of sent) rows.set(row.Shipment_Number__c, row);
    for (const row of found) {
      assert.equal(row.Notes__c, rows.get(row.Shipment_Number__c).Notes__c);
      ids.set(row.Shipment_Number__c, row.sf__Id);
    }
    assert.equal(ids.size, ROWS);
    assert.equal(new Set(ids.values()).size, ROWS);
  },

  async 'queries 10,000 rows by REST'() {
    const first = await conn.query(SELECT);
    assert.deepEqual([first.totalSize, first.done, first.records.length], [ROWS, false, 2_000]);
    const second = await conn.queryMore(first.nextRecordsUrl);
    assert.equal(second.records.length, 2_000);
    const { records: all } = await conn.query(SELECT, { autoFetch: true, maxFetch: ROWS * 2 });
    compare(all, (record) => expected(rows.get(record.Shipment_Number__c)));
    const count = await conn.query(`SELECT COUNT() FROM Shipment__c WHERE ${MINE}`);
    assert.equal(count.totalSize, ROWS);
    const found = await conn
      .sobject('Shipment__c')
      .find({ Shipment_Number__c: { $like: 'JS-%' }, Status__c: 'Lost' }, ['Id'])
      .sort({ Shipment_Number__c: -1 })
      .limit(5);
    assert.equal(found.length, 5);
  },

  async 'queries 10,000 rows by Bulk 2'() {
    const stream = await conn.bulk2.query(SELECT, { pollInterval: POLL, pollTimeout: 60_000 });
    const found = await stream.toArray();
    compare(found, (record) => spelled(rows.get(record.Shipment_Number__c)));
  },

  async 'upserts 10,000 rows, half of them new, by Bulk 2'() {
    const sent = range(ROWS / 2, ROWS + ROWS / 2).map(moved);
    // As a stream, which jsforce passes on as it comes: chunked, and without a length.
    const lines = [FIELDS, ...sent.map((row) => FIELDS.map((name) => row[name]))];
    const text = lines.map((line) => `${line.map(quoted).join(',')}\n`);
    const upsert = { operation: 'upsert', externalIdFieldName: 'Shipment_Number__c' };
    const results = await load(upsert, Readable.from(text, { objectMode: false }));
    assertSettled(results, ROWS, 0);
    const found = results.successfulResults;
    const created = found.filter((row) => row.sf__Created === 'true').length;
    assert.equal(created, ROWS / 2);
    for (const row of sent) rows.set(row.Shipment_Number__c, row);
    for (const row of found) {
      const known = ids.get(row.Shipment_Number__c) ?? row.sf__Id;
      assert.equal(row.sf__Id, known);
      ids.set(row.Shipment_Number__c, known);
    }
    const { records: all } = await conn.query(SELECT, { autoFetch: true, maxFetch: ROWS * 2 });
    assert.equal(all.length, ROWS + ROWS / 2);
    compare(all, (record) => expected(rows.get(record.Shipment_Number__c)));
  },

  async 'updates rows by Bulk 2 and empties cells'() {
    const sent = [...ids].slice(0, 500).map(([, Id], nth) => ({
      Id,
      Notes__c: null,
      Is_Fragile__c: nth % 2 === 0,
    }));
    assertSettled(await load({ operation: 'update' }, sent), 500, 0);
    const some = sent.slice(0, 100);
    const changed = await conn.sobject('Shipment__c').retrieve(some.map((row) => row.Id));
    assert.deepEqual(
      changed.map((record) => [record.Notes__c, record.Is_Fragile__c]),
      some.map((row) => [null, row.Is_Fragile__c]),
    );
  },

  async 'learns of rows and jobs that fail'() {
    const sent = range(2 * ROWS, 2 * ROWS + 10).map(shipment);
    sent[3].Status__c = 'Sunk';
    const results = await load({ operation: 'insert' }, sent);
    assertSettled(results, 9, 1);
    assert.match(results.failedResults[0].sf__Error, /^INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST:/);
    for (const row of results.successfulResults) ids.set(row.Shipment_Number__c, row.sf__Id);
    const broken = load({ operation: 'insert' }, [{ Nope__c: '1' }]);
    await assert.rejects(broken, /InvalidBatch.*Nope__c/);
    const keyless = load({ operation: 'upsert', externalIdFieldName: 'Name' }, sent);
    await assert.rejects(keyless, { errorCode: 'INVALIDJOB' });
    const query = conn.bulk2.query('SELECT Nope FROM Account', { pollInterval: POLL });
    await assert.rejects(query, /Nope/);
  },

  async 'deletes 10,000 rows by Bulk 2'() {
    const all = [...ids.values()];
    const [first, rest] = [all.slice(0, ROWS), all.slice(ROWS)];
    const asRows = (some) => some.map((Id) => ({ Id }));
    const results = await load({ operation: 'delete' }, asRows(first));
    assertSettled(results, ROWS, 0);
    assert.deepEqual(sorted(results.successfulResults.map((row) => row.sf__Id)), sorted(first));
    const { records: left } = await conn.query(SELECT, { autoFetch: true, maxFetch: ROWS * 2 });
    assert.deepEqual(sorted(left.map((record) => record.Id)), sorted(rest));
    const question = `SELECT Id FROM Shipment__c WHERE ${MINE} AND IsDeleted = true`;
    const binned = await conn.bulk2.query(question, { scanAll: true, pollInterval: POLL });
    assert.deepEqual(sorted((await binned.toArray()).map((row) => row.Id)), sorted(first));
    assertSettled(await load({ operation: 'hardDelete' }, asRows(rest)), rest.length, 0);
    const count = await conn.query(`SELECT COUNT() FROM Shipment__c WHERE ${MINE}`);
    assert.equal(count.totalSize, 0);
  },
};

function load(job, input) {
  return conn.bulk2.loadAndWaitForResults({
    object: 'Shipment__c',
    ...job,
    input,
    pollInterval: POLL,
    pollTimeout: 60_000,
  });
}

function assertSettled(results, good, bad) {
  const { successfulResults, failedResults, unprocessedRecords } = results;
  const sizes = [successfulResults.length, failedResults.length, unprocessedRecords.length];
  assert.deepEqual(sizes, [good, bad, 0]);
}

/** A row whose texts are awkward and whose numbers a double holds exactly. */
function shipment(nth) {
  const two = (number) => String(number).padStart(2, '0');
  return {
    Name: `Parcel, no. ${nth}`,
    Shipment_Number__c: `JS-${String(nth).padStart(6, '0')}`,
    Weight_Kg__c: String(nth / 8),
    Declared_Value__c: `${nth}.25`,
    Ship_Date__c: `2026-${two((nth % 12) + 1)}-${two((nth % 28) + 1)}`,
    Is_Fragile__c: nth % 3 === 0 ? 'true' : 'false',
    Status__c: STATUSES[nth % STATUSES.length],
    Notes__c: NOTES[nth % NOTES.length],
  };
}

/** The same shipment, later. */
function moved(nth) {
  return { ...shipment(nth), Name: `Moved; no. ${nth}`, Status__c: 'Delivered' };
}

/** What REST should give for a sent row. */
function expected(sent) {
  return {
    ...sent,
    Weight_Kg__c: Number(sent.Weight_Kg__c),
    Declared_Value__c: Number(sent.Declared_Value__c),
    Is_Fragile__c: sent.Is_Fragile__c === 'true',
    Notes__c: sent.Notes__c || null,
  };
}

/** What a bulk query should give for a sent row. */
function spelled(sent) {
  const weight = String(Number(sent.Weight_Kg__c));
  return { ...sent, Weight_Kg__c: weight.includes('.') ? weight : `${weight}.0` };
}

/** Every record once, with its Id and the values that `wanted` tells. */
function compare(records, wanted) {
  assert.equal(records.length, rows.size);
  assert.equal(new Set(records.map((record) => record.Id)).size, rows.size);
  for (const record of records) {
    const found = Object.fromEntries(FIELDS.map((name) => [name, record[name]]));
    assert.deepEqual(found, wanted(record));
    assert.equal(record.Id, ids.get(record.Shipment_Number__c));
  }
}

const quoted = (text) => `"${text.replaceAll('"', '""')}"`;
const range = (from, to) => Array.from({ length: to - from }, (_, nth) => from + nth);
const sorted = (list) => [...list].sort();

let failed = 0;
const names = Object.keys(steps);
for (const name of names) {
  const began = performance.now();
  try {
    await steps[name]();
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    console.log(`ok  jsforce ${name} (${seconds} s)`);
  } catch (error) {
    failed += 1;
    console.log(error);
    console.log(`FAILED  jsforce ${name}`);
  }
}
console.log(`${names.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 || names.length === 0 ? 1 : 0;
