//! Every number with a bound, its unit and its source.

/// Bytes of one job's body, header included. Source: the Bulk API 2.0 limit is 150 MB after base64,
/// which the vendor gives as 100 MB of raw data.
pub const CHUNK_BYTES_MAX: u64 = 100_000_000;

/// Rows of one job unless `--chunk-rows` says otherwise. A multiple of 10,000, because the service
/// counts one internal batch for each 10,000 rows. Small enough that the matching table of one job
/// (about 50 bytes a row) fits the memory bound.
pub const CHUNK_ROWS_DEFAULT: u32 = 250_000;

/// Rows of the first jobs of a run at most; all later ones are as large as may be. Source: a
/// simulation of wall time against its lower bound: while the first job is uploaded the org has
/// nothing to do; over a slow link a load takes 1.05 times the least with these, and 1.09 with
/// 250,000 rows from the first job on (`docs/submit.md`).
pub const CHUNK_ROWS_FIRST: [u32; 2] = [50_000, 100_000];

/// Rows of one job at most: what the matching table may hold.
pub const CHUNK_ROWS_MAX: u32 = 1_000_000;

/// Bytes of one field. Source: Bulk API limit of 131,072 characters; counted in characters there,
/// so `read` refuses past four times as many bytes and `validate` counts characters.
pub const FIELD_CHARS_MAX: usize = 131_072;

/// Characters of one row. Source: Bulk API limit, 400,000 characters a record.
pub const ROW_CHARS_MAX: usize = 400_000;

/// Fields of one row. Source: Bulk API limit, 5,000 fields a record.
pub const ROW_FIELDS_MAX: usize = 5_000;

/// Characters of the header row. Source: Bulk API 2.0, 32,000.
pub const HEADER_CHARS_MAX: usize = 32_000;

/// Rows of one slab at most.
pub const SLAB_ROWS: usize = 2_048;

/// Bytes of field text after which a slab is handed on even if it has fewer rows.
pub const SLAB_BYTES: usize = 1 << 20;

/// Fingerprints of keys that are sorted in memory, 24 bytes each; more go to disk in sorted parts.
pub const KEYS_HELD: usize = 1 << 16;

/// Fingerprints of keys that a filter may suspect to be there twice, 8 bytes each, before all are
/// sorted.
pub const SUSPECTS_MAX: usize = 1 << 19;

/// Sorted parts that are read side by side, each a file and a buffer; more are merged first.
pub const SORTED_PARTS_MAX: usize = 128;

/// Keys that a refusal for duplicates lists.
pub const KEYS_LISTED: usize = 10;

/// Places where `--on-duplicate separate` may end a job early. Source: our own bound; the jobs go
/// one at a time, and an org takes 15,000 batches of all its users in a rolling day.
pub const SEPARATE_CUTS_MAX: u64 = 99;

/// Rows that the far side takes in one batch; batches of one job run side by side, and an org takes
/// 15,000 of them in a rolling day. Source: Bulk API 2.0.
pub const BATCH_ROWS: u32 = 10_000;

/// Lanes at most. Source: our own bound; each has two files open.
pub const LANES_MAX: usize = 16;

/// Full chunks of each lane in a window, on average. More of them: fewer jobs that are not full at
/// the end of a window, and later results. Source: our own bound.
pub const LANE_CHUNKS_IN_WINDOW: u64 = 4;

/// Rows at the beginning of an input that are looked at to decide about lanes. Source: our own
/// bound.
pub const LANE_LOOK_ROWS: u64 = 50_000;

/// Rounds in which rows that met a lock are sent again. Source: our own bound; the first still runs
/// side by side, in the second there is one job at a time, so what fails there fails on the locks
/// of others, and the third asks once more.
pub const ROUNDS_MAX: u32 = 3;

/// Milliseconds before the first round, more or less by half; twice as many before each further
/// one. Source: our own bound; the far side itself has waited 10 s for the lock.
pub const ROUND_PAUSE_MS: u64 = 500;

/// Rows of a job in the last round, and the number of its jobs past which they are larger.
pub const LAST_ROUND_ROWS: u32 = 1_000;
pub const LAST_ROUND_JOBS: u64 = 100;

/// Chunks that wait for the one before them in their lane. Source: our own bound.
pub const CHUNKS_AHEAD: usize = 64;

/// Chunks that may be spooled and not yet taken up by `submit`.
pub const CHUNKS_WAITING: usize = 2;

/// Steps of a runbook side by side; their jobs share those of the org.
pub const STEPS_PARALLEL: usize = 4;

/// Jobs that the org has at once when a run begins. Source: our own bound; what the org
/// shows decides from then on.
pub const JOBS_PARALLEL_START: usize = 2;

/// Jobs that the org has at once at most, unless `--parallel` says otherwise. Source: five to ten
/// jobs is where lock contention begins to dominate.
pub const JOBS_PARALLEL_DEFAULT: usize = 8;

/// Jobs that are filled side by side; on a link that one connection fills, more of them only delay
/// the first.
pub const UPLOADS_PARALLEL: usize = 2;

/// Seconds that a job must have been at the org to tell how busy it is there.
pub const JOB_TELLS_S: u64 = 2;

/// Seconds of waiting for its turn that mean nothing, whatever else the org has to do.
pub const QUEUE_GRACE_S: u64 = 30;

/// Rows in a thousand that could not lock their records: from this share on there is no further
/// job, and above the other one there are half as many.
pub const LOCKED_FEW_PER_MILLE: u64 = 5;
pub const LOCKED_MANY_PER_MILLE: u64 = 20;

/// Rows of which such a share tells nothing yet.
pub const LOCKED_FEW_ROWS: u64 = 1_000;

/// Jobs that end before a number of jobs is tried again that made trouble; twice as many after each
/// further time.
pub const JOBS_UNTIL_TRIED_AGAIN: u64 = 16;

/// Jobs in flight at most. Source: five to ten jobs is where lock contention begins to dominate.
pub const JOBS_PARALLEL_MAX: usize = 25;

/// Calls a second to one org. Source: our own bound; the org's is a daily count.
pub const CALLS_PER_SECOND: u32 = 20;

/// Times one call is attempted in all.
pub const ATTEMPTS_MAX: u32 = 5;

/// Milliseconds before the first repeat; doubled for each further one, with jitter.
pub const BACKOFF_BASE_MS: u64 = 500;

/// Milliseconds between two attempts at most.
pub const BACKOFF_CAP_MS: u64 = 60_000;

/// Seconds that a `Retry-After` may ask for; longer ones are cut to this.
pub const RETRY_AFTER_MAX_S: u64 = 900;

/// Bytes of a JSON answer that are read at most.
pub const JSON_BYTES_MAX: usize = 16 << 20;

/// Bytes of an error body that are read and kept at most.
pub const ERROR_BODY_BYTES_MAX: usize = 256 << 10;

/// Tokens of the retry budget of a run, what a repeat takes (after a throttle, and otherwise), and
/// what a success gives back. When the budget is empty nothing is repeated any more, so that a
/// loader never multiplies the load of a service that is down. Source: the constants of the AWS
/// SDKs.
pub const RETRY_TOKENS: u32 = 500;
pub const RETRY_COST_THROTTLED: u32 = 5;
pub const RETRY_COST_OTHER: u32 = 14;

/// Failures in a row after which calls go out one at a time, this many seconds apart, until one
/// succeeds.
pub const FAILURES_BEFORE_PAUSE: u32 = 10;
pub const PAUSE_S: u64 = 30;

/// Pages of the list of jobs that are read at most. Source: 1,000 jobs a page, and an org may make
/// 15,000 batches of them in a rolling day; jobs go after 7 days.
pub const JOB_PAGES_MAX: u32 = 110;

/// The part of an org's day, in percent, that is left to others where no budget is given.
pub const BUDGET_KEPT_PERCENT: u64 = 20;

/// Bytes of an input from which the number of its rows is guessed.
pub const ROWS_SAMPLED_BYTES: u64 = 256 << 10;

/// Seconds to get a connection, TLS included.
pub const CONNECT_S: u64 = 30;

/// Seconds without a byte, in either direction, after which a call counts as lost.
pub const IDLE_S: u64 = 60;

/// Seconds from the last byte sent to the first byte of the answer. Longer than [`IDLE_S`], because
/// the far side may think and a large part of the body may still sit in the system's buffers.
pub const ANSWER_S: u64 = 180;

/// Bytes a second that an answer must bring, measured over [`IDLE_S`].
pub const ANSWER_BYTES_PER_SECOND_MIN: u64 = 1_024;

/// Bytes of a body that go out, or to disk, at once.
pub const BODY_PIECE_BYTES: usize = 64 << 10;

/// Bytes of a body file that are read at once.
pub const BODY_READ_BYTES: usize = 128 << 10;

/// Rows of one page of an export by Bulk query: one call and one temporary file each.
pub const EXPORT_PAGE_ROWS: u32 = 100_000;

/// Rows up to which a query goes by REST; a REST page has at most this many.
pub const REST_QUERY_ROWS_MAX: u64 = 2_000;

/// Calls that look keys up by lists before it is asked how many records there are, since an export
/// of them all might take fewer.
pub const LOOKUP_LISTS_FREE: u64 = 4;

/// Questions about a query job until it is done, as a guess. Source: with ours 0.5 s apart at first
/// and longer later, a job of half a minute is asked about some 20 times.
pub const EXPORT_POLLS_GUESS: u64 = 20;

/// Characters of a key that is looked up at most; a longer one is in no field that can be filtered.
/// Source: text fields of up to 255 characters can be; a few standard ones hold more.
pub const LOOKUP_KEY_CHARS_MAX: usize = 1_300;

/// Bytes of keys that are sorted in memory at once, and sorted files that are read at once, while
/// lookups are made.
pub const LOOKUP_SORT_BYTES: usize = 4 << 20;
pub const LOOKUP_MERGE_FILES: usize = 32;

/// Entries of the index that a lookup's table keeps in memory, 16 bytes each.
pub const LOOKUP_INDEX_ENTRIES: u64 = 65_536;

/// Bytes of an input from which on it is said that keys are looked up first, as that takes a while.
pub const LOOKUP_TOLD_BYTES: u64 = 1 << 20;

/// Keys without an answer that the nearest are looked for; the first in the file.
pub const LOOKUP_NEAREST_KEYS: usize = 20;

/// Records that one call reads by their Ids. Source: REST, sObject Collections retrieve.
pub const RECORDS_READ_MAX: usize = 2_000;

/// Bytes of sent rows after which a batch of before-images is asked for, even with fewer rows.
pub const IMAGE_BATCH_BYTES: usize = 4 << 20;

/// Days that a recycle bin holds a deleted record. Source: Salesforce help, recycle bin.
pub const BIN_DAYS: u32 = 15;

/// Bytes of a request URL at most. Source: the service refuses URIs over 16,384 bytes with 414.
pub const URL_BYTES_MAX: usize = 16_000;

/// Objects that a relationship without a named object may point to before `load_schema` stops
/// describing them (`Task.What` has dozens); such a column must name its object anyway.
pub const RELATED_MAX: usize = 8;

/// Milliseconds between two questions about a job: at least, and at most.
pub const POLL_MIN_MS: u64 = 500;
pub const POLL_MAX_MS: u64 = 60_000;

/// Milliseconds after which a started job is asked about for the first time.
pub const POLL_FIRST_MS: u64 = 200;

/// Milliseconds that a call in flight gets after the wish to stop. Source: the process ends within
/// 5 s of the first Ctrl-C.
pub const STOP_GRACE_MS: u64 = 2_500;

/// Rows up to which the accounting of an interrupted run is verified before it ends: within about a
/// second, of the five that an interrupted run has.
pub const VERIFY_ROWS_WHEN_STOPPED: u64 = 500_000;

/// Times a result file is downloaded again when it is short.
pub const DOWNLOADS_MAX: u32 = 4;

/// Version of the Salesforce API that is asked for when the org offers it. Source: v62.0 is Winter
/// '25; everything used here exists from v53.0 on.
pub const API_VERSION: &str = "62.0";

/// Groups of like errors that are kept apart in the summary.
pub const ERROR_GROUPS_MAX: usize = 200;

/// How many row numbers a grouped error lists.
pub const ROWS_LISTED: usize = 5;

const _: () =
    assert!(CHUNK_ROWS_DEFAULT <= CHUNK_ROWS_MAX && CHUNK_ROWS_DEFAULT.is_multiple_of(10_000));
const _: () = assert!(FIELD_CHARS_MAX <= ROW_CHARS_MAX);
const _: () = assert!(BACKOFF_BASE_MS < BACKOFF_CAP_MS && POLL_MIN_MS < POLL_MAX_MS);

/// Rows of a change of permissions at most, one for each pair of user and permission. What is
/// decided is remembered by pair, at about 100 bytes each.
pub const PERMS_ROWS_MAX: u64 = 2_000_000;

/// Grants of others that a change of permissions looks at, at most: a sync by permission has to
/// know all who hold it, at about 300 bytes each.
pub const PERMS_HELD_MAX: usize = 1_000_000;

/// Rows that a plan shows as they would be sent.
pub const SAMPLE_ROWS: usize = 3;

/// Rows of an update or upsert that a plan compares with what the org holds, and the changes that
/// it shows. Source of the first: those that one call reads by their Ids.
pub const DIFFERENCE_ROWS: usize = RECORDS_READ_MAX;

/// Rows that one call of SOAP takes. Source: the SOAP API, 200 records a call.
pub const ROWS_OF_A_CALL: usize = 200;

pub const CHANGES_SHOWN: usize = 10;

/// Bytes of the rows that are kept for that, and characters of a value that a plan shows.
pub const DIFFERENCE_BYTES: usize = 8 << 20;
pub const SAMPLE_CHARS: usize = 200;

/// Seconds that a sign-in waits for another process to be done with the refresh token they share,
/// and milliseconds between two looks. Longer than one sign-in may take ([`ANSWER_S`]).
pub const REFRESH_TURN_S: u64 = 240;
pub const REFRESH_TURN_POLL_MS: u64 = 50;

/// Seconds that a person has for a sign-in with the browser.
pub const WEB_LOGIN_S: u64 = 300;

/// Port of the callback address unless `--callback-port` says otherwise. Source: Data Loader's, so
/// that an app made for it will do.
pub const CALLBACK_PORT: u16 = 7_171;

/// Bytes of a request of the browser at most, seconds that it may take, and connections at once;
/// browsers open some that they do not use.
pub const CALLBACK_BYTES_MAX: usize = 16 << 10;
pub const CALLBACK_S: u64 = 10;
pub const CALLBACK_CONNECTIONS_MAX: usize = 16;

/// Bytes of a file with authorities at most; all those of a platform take a quarter of it.
pub const CA_FILE_BYTES_MAX: u64 = 1 << 20;

/// Tokens in a row with which an upload may be refused before it counts as for good: sessions do
/// end in the middle of uploads, but not of each.
pub const TOKENS_REFUSED_MAX: usize = 2;

/// Records of each object that a practice org copies from another org: usually, and at most, those
/// that others refer to aside, which may be as many again. A practice org holds all it has in
/// memory. Source of the last: those that one call reads by their Ids.
pub const SEED_ROWS: u32 = 200;
pub const SEED_ROWS_MAX: u32 = 2_000;

/// Objects that a practice org copies at most.
pub const SEED_OBJECTS_MAX: usize = 50;

/// Times that it is asked for records which others refer to, after each object has been asked for:
/// objects that refer to each other, and parents of parents, are followed so far.
pub const SEED_ROUNDS: u64 = 3;
