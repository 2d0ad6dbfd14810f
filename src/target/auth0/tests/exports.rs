//! Exports: what is asked, and that nothing is left out.

use csv::ByteRecord;
use serde_json::json;

use super::*;
use crate::target::ExportQuery;

/// Lines as they were handed over.
#[derive(Default)]
struct Lines {
    rows: Vec<String>,
    notes: Vec<String>,
    marks: Vec<String>,
    /// Where an earlier export stopped.
    stopped: Option<String>,
}

impl Lines {
    fn put(&mut self, record: &ByteRecord) {
        let cells: Vec<_> = record.iter().map(String::from_utf8_lossy).collect();
        self.rows.push(cells.join("|"));
    }
}

impl RowSink for Lines {
    fn header(&mut self, header: &ByteRecord) -> std::io::Result<()> {
        self.put(header);
        Ok(())
    }

    fn row(&mut self, row: &ByteRecord) -> std::io::Result<()> {
        self.put(row);
        Ok(())
    }

    fn stopped_at(&self) -> Option<&str> {
        self.stopped.as_deref()
    }

    fn mark(&mut self, place: &str) -> std::io::Result<()> {
        self.marks.push(place.to_owned());
        Ok(())
    }

    fn note(&mut self, what: &str) {
        self.notes.push(what.to_owned());
    }
}

async fn export(
    object: &str,
    fields: &[&str],
    filter: Option<&str>,
    script: impl IntoIterator<Item = Canned>,
) -> (Result<ExportDone, Fault>, Lines, Vec<String>) {
    export_from(None, object, fields, filter, script).await
}

async fn export_from(
    stopped: Option<&str>,
    object: &str,
    fields: &[&str],
    filter: Option<&str>,
    script: impl IntoIterator<Item = Canned>,
) -> (Result<ExportDone, Fault>, Lines, Vec<String>) {
    let (tenant, wire) = signed_in(script).await;
    let query = ExportQuery::Object {
        object: ObjectName::parse(object).unwrap(),
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
        filter: filter.map(str::to_owned),
    };
    let folder = tempfile::tempdir().unwrap();
    if stopped.is_some() {
        // As an export of before has left it.
        let mut list = std::fs::File::create(folder.path().join("users")).unwrap();
        list.write_all(b"{\"user_id\":\"a\"}\n{\"user_id\":\"b\",\"email\":\"b@x\"}\n").unwrap();
    }
    let mut lines = Lines { stopped: stopped.map(str::to_owned), ..Lines::default() };
    let request = ExportRequest { query, all: false };
    let ended = tenant.export(&request, folder.path(), &mut lines).await;
    let asked = wire.lines().iter().map(|line| plain(line)).collect();
    (ended, lines, asked)
}

/// A path with what matters of its question, decoded.
fn plain(line: &str) -> String {
    let (path, query) = line.split_once('?').unwrap_or((line, ""));
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    let told = pairs.filter(|(name, _)| ["q", "sort", "take", "from"].contains(&&**name));
    let told: Vec<String> = told.map(|(name, value)| format!("{name}={value}")).collect();
    format!("{} {}", path.replace("/api/v2", "…"), told.join(" ")).trim_end().to_owned()
}

/// A page of users, `(id, second of creation)`.
fn page(users: impl IntoIterator<Item = (u32, u32)>, total: usize) -> Canned {
    let users: Vec<_> = users
        .into_iter()
        .map(|(id, at)| {
            let made = format!("2026-01-01T00:00:{at:02}.000Z");
            json!({"user_id": format!("u{id:04}"), "created_at": made, "blocked": id == 1,
                "identities": [{"connection": "db"}], "app_metadata": {"plan": {"seats": id}}})
        })
        .collect();
    Canned::json(200, &json!({"users": users, "total": total}).to_string())
}

#[tokio::test]
async fn a_search_goes_on_behind_the_last_user_seen() {
    let script = [
        page((0..100).map(|id| (id, id / 40)), 230),
        // The last twenty once more, and the next eighty.
        page((80..180).map(|id| (id, id / 40)), 150),
        page((160..230).map(|id| (id, id / 40)), 70),
    ];
    let fields = ["user_id", "connection", "app_metadata.plan.seats", "blocked"];
    let (ended, lines, asked) = export("User", &fields, Some("name:a OR name:b"), script).await;
    assert_eq!(ended, Ok(ExportDone { rows: 230 }));
    assert_eq!(
        lines.rows[..3],
        [fields.join("|"), "u0000|db|0|false".into(), "u0001|db|1|true".into()]
    );
    let ids: Vec<String> = (0..230).map(|id| format!("u{id:04}|db|{id}|{}", id == 1)).collect();
    assert_eq!(lines.rows[1..], ids);
    assert_eq!(
        asked,
        [
            "GET …/users q=name:a OR name:b sort=created_at:1",
            "GET …/users q=(name:a OR name:b) AND \
             created_at:[\"2026-01-01T00:00:02.000Z\" TO *] sort=created_at:1",
            "GET …/users q=(name:a OR name:b) AND \
             created_at:[\"2026-01-01T00:00:04.000Z\" TO *] sort=created_at:1",
        ]
    );
    assert!(lines.notes[0].contains("in 3 calls"), "{:?}", lines.notes);
}

#[tokio::test]
async fn users_of_one_moment_are_told_apart_by_their_ids() {
    let one = |ids: std::ops::Range<u32>| ids.map(|id| (id, 7));
    let script = [
        page([(0, 1)].into_iter().chain(one(1..100)), 252),
        // Nobody but those of one second.
        page(one(1..101), 251),
        page(one(1..101), 250),
        page(one(101..201), 150),
        page(one(201..251), 50),
        page([(251, 8)], 1),
    ];
    let (ended, lines, asked) = export("User", &["user_id"], Some("x:y"), script).await;
    assert_eq!(ended, Ok(ExportDone { rows: 252 }));
    let mut ids = lines.rows[1..].to_vec();
    ids.sort();
    assert_eq!(ids, (0..252).map(|id| format!("u{id:04}")).collect::<Vec<_>>());
    let moment = "2026-01-01T00:00:07.000Z";
    assert_eq!(
        asked[2..],
        [
            format!(
                "GET …/users q=(x:y) AND created_at:[\"{moment}\" TO \"{moment}\"] sort=user_id:1"
            ),
            format!(
                "GET …/users q=(x:y) AND created_at:[\"{moment}\" TO \"{moment}\"] AND \
                 user_id:{{\"u0100\" TO *] sort=user_id:1"
            ),
            format!(
                "GET …/users q=(x:y) AND created_at:[\"{moment}\" TO \"{moment}\"] AND \
                 user_id:{{\"u0200\" TO *] sort=user_id:1"
            ),
            format!("GET …/users q=(x:y) AND created_at:{{\"{moment}\" TO *] sort=created_at:1"),
        ]
    );
}

#[tokio::test]
async fn nothing_is_cut_off_in_silence() {
    let order = page([(1, 5), (2, 4)], 2);
    let short = page([(1, 5)], 2);
    let missing = Canned::json(200, r#"{"users":[{"user_id":"u1"}],"total":1}"#);
    for (answer, told) in
        [(order, "do not come by"), (short, "gives 1 of 2 users"), (missing, "no `created_at`")]
    {
        let (ended, ..) = export("User", &[], Some("x:y"), [answer]).await;
        let fault = ended.unwrap_err();
        assert!(fault.message.contains(told), "{fault}");
    }
}

#[tokio::test]
async fn what_an_export_does_not_have_is_refused_before_any_call() {
    for (object, field, filter, told) in [
        ("User", "nick", None, "an export of `User` has no field `nick`"),
        ("User", "identities.x", None, "an export of `User` has no field `identities.x`"),
        ("UserRole", "api", None, "an export of `UserRole` has no field `api`"),
        ("UserRole", "role", Some("x"), "`--where` has no meaning for `UserRole`"),
        ("Role", "role", None, "an Auth0 tenant has no object `Role`"),
    ] {
        let (ended, lines, asked) = export(object, &[field], filter, []).await;
        assert_eq!(ended.unwrap_err().message, told);
        assert!(lines.rows.is_empty() && asked.is_empty());
    }
}

fn roles(count: u32) -> Canned {
    let roles: Vec<_> = (1..=count)
        .map(|at| json!({"id": format!("rol_{at}"), "name": format!("R{at}")}))
        .collect();
    Canned::json(200, &json!({"roles": roles, "total": count}).to_string())
}

fn members(ids: std::ops::Range<u32>, next: Option<&str>) -> Canned {
    let users: Vec<_> =
        ids.map(|id| json!({"user_id": format!("u{id}"), "email": format!("{id}@x")})).collect();
    let mut page = json!({ "users": users });
    if let Some(next) = next {
        page["next"] = json!(next);
    }
    Canned::json(200, &page.to_string())
}

fn total(total: u64) -> Canned {
    Canned::json(200, &json!({"users": [], "total": total}).to_string())
}

/// The lists of members end where they name no next page, be the last one empty; an export of
/// before that stopped in one of them goes on there.
#[tokio::test]
async fn roles_are_read_by_their_members_where_that_is_cheaper() {
    let script = [
        roles(2),
        total(5),
        members(0..3, Some("c1")),
        members(3..4, Some("c2")),
        members(0..0, None),
        members(2..4, None),
    ];
    let (ended, lines, asked) = export("UserRole", &["user_id", "role_name"], None, script).await;
    assert_eq!(ended, Ok(ExportDone { rows: 6 }));
    assert_eq!(
        lines.rows,
        ["user_id|role_name", "u0|R1", "u1|R1", "u2|R1", "u3|R1", "u2|R2", "u3|R2"]
    );
    assert_eq!(
        asked,
        [
            "GET …/roles",
            "GET …/users",
            "GET …/roles/rol_1/users take=100",
            "GET …/roles/rol_1/users take=100 from=c1",
            "GET …/roles/rol_1/users take=100 from=c2",
            "GET …/roles/rol_2/users take=100",
        ]
    );
    for (at, rest) in [(0, 3..6), (1, 4..6), (2, 4..6), (3, 6..6)] {
        let script = [
            vec![roles(2)],
            if at < 1 { vec![members(3..4, Some("c2"))] } else { vec![] },
            if at < 2 { vec![members(0..0, None)] } else { vec![] },
            if at < 3 { vec![members(2..4, None)] } else { vec![] },
        ];
        let stopped = Some(lines.marks[at].as_str());
        let script = script.into_iter().flatten();
        let (ended, again, _) =
            export_from(stopped, "UserRole", &["user_id", "role_name"], None, script).await;
        assert_eq!(ended, Ok(ExportDone { rows: rest.len() as u64 }), "{stopped:?}");
        assert_eq!(again.rows[1..], lines.rows[1..][rest]);
    }
}

#[tokio::test]
async fn where_users_are_few_each_is_looked_at_and_behind_those_of_before() {
    let of_user = Canned::json(200, r#"{"roles":[{"id":"rol_2","name":"R2"}],"total":1}"#);
    let stopped = Some(r#"{"users":1}"#);
    let (ended, lines, asked) =
        export_from(stopped, "UserRole", &[], None, [roles(2), of_user]).await;
    assert_eq!(ended, Ok(ExportDone { rows: 1 }));
    assert_eq!(lines.rows[1..], ["b|b@x|rol_2|R2"]);
    assert_eq!(lines.marks, [r#"{"users":2}"#]);
    assert_eq!(asked, ["GET …/roles", "GET …/users/b/roles"]);
}
