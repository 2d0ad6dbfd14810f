//! Before-images and undo: what a run did is taken back, and the audit log says so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use longshore::practice::mischief::Fault;
use longshore::practice::org::{Cell, Change, Value, Verb};
use longshore::practice::tenant::audit as tenant;
use longshore::practice::tenant::switches::{Plan, Switches};
use longshore::practice::{Org, SeedSize, Tenant, TenantSize};
use serde_json::Value as Json;

use crate::faults::{always, each};
use crate::world::{Ran, World, read_csv};

/// The fields by which the accounts of a test are told.
const FIELDS: [&str; 6] = ["Name", "Legacy_Id__c", "Site", "Phone", "AnnualRevenue", "ParentId"];

/// Where the records of a chunk are read.
const READ: &str = "*/composite/sobjects/Account";

/// An org with accounts of its own, and commands on it.
struct Scene {
    world: World,
    ids: Vec<String>,
}

/// What accounts hold, by Id.
type State = BTreeMap<String, BTreeMap<&'static str, Value>>;

impl Scene {
    /// An org with so many accounts: `stock N`, `old-N`, a site each, no phone.
    fn with(accounts: usize) -> Self {
        let world = World::of(Org::new(&SeedSize { users: 2, permission_sets: 2 }));
        let row = |n: usize| vec![format!("stock {n}"), format!("old-{n}"), format!("site, {n}")];
        let rows: Vec<_> = (1..=accounts).map(row).collect();
        let ids = change(&world, &Verb::Insert, &["Name", "Legacy_Id__c", "Site"], &rows);
        Self { world, ids }
    }

    /// What every account of the test holds, by the effects in the audit log alone.
    fn state(&self) -> State {
        let (mut state, mut bin) = (State::new(), State::new());
        for entry in self.world.practice().org().audit().entries_since(0) {
            if entry.object != "Account" {
                continue;
            }
            if matches!(entry.verb, "delete" | "hardDelete") {
                let record = state.remove(&entry.id);
                bin.extend(record.map(|record| (entry.id, record)));
                continue;
            }
            if entry.verb == "undelete" {
                state.extend(bin.remove_entry(&entry.id));
                continue;
            }
            let record = state.entry(entry.id).or_default();
            for (field, value) in entry.fields.into_iter().filter(|(f, _)| FIELDS.contains(f)) {
                if value == Value::Null {
                    record.remove(field);
                } else {
                    record.insert(field, value);
                }
            }
        }
        state
    }

    /// What accounts hold, whatever their Ids.
    fn contents(&self) -> Vec<String> {
        let mut contents: Vec<String> =
            self.state().into_values().map(|record| format!("{record:?}")).collect();
        contents.sort();
        contents
    }

    fn effects(&self) -> u64 {
        self.world.practice().org().audit().len()
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.world.run(args)
    }

    /// Runs a load named `r` that must succeed in every row.
    fn load(&self, args: &[&str]) -> Ran {
        self.run(&[args, &["--run-name", "r"]].concat()).expect(0)
    }

    fn read(&self, name: &str) -> String {
        self.world.read(&format!("longshore-runs/r/{name}"))
    }

    /// Takes `r` back; the document of it.
    fn undo(&self, code: i32) -> Json {
        let ran = self.run(&["undo", "r", "--yes", "--json"]).expect(code);
        serde_json::from_str(&ran.stdout).unwrap()
    }

    /// Reads of records by their Ids so far.
    fn reads(&self) -> usize {
        let requests = self.world.practice().org().audit().requests();
        requests.iter().filter(|one| one.path.ends_with("/composite/sobjects/Account")).count()
    }

    /// A file with the Ids of all accounts.
    fn ids_file(&self) {
        self.world.file("ids.csv", format!("Id\n{}\n", self.ids.join("\n")));
    }
}

fn change(world: &World, verb: &Verb, columns: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let columns: Vec<String> = columns.iter().map(|&column| column.to_owned()).collect();
    let mut ids = Vec::new();
    for rows in rows.chunks(200) {
        let cell = |text: &String| match text.as_str() {
            "" => Cell::Clear,
            text => Cell::Text(text.to_owned()),
        };
        let rows: Vec<Vec<Cell>> = rows.iter().map(|row| row.iter().map(cell).collect()).collect();
        let verb = verb.clone();
        let change = Change { object: "Account", verb, job: None, columns: &columns, rows: &rows };
        for result in world.practice().org().apply(&change) {
            assert!(result.error.is_none(), "{result:?}");
            ids.push(result.id);
        }
    }
    ids
}

fn tally(document: &Json, wanted: &[(&str, u64)]) {
    for (name, number) in document["tally"].as_object().unwrap() {
        let due = wanted.iter().find(|(of, _)| of == name).map_or(0, |(_, number)| *number);
        assert_eq!(number, due, "{name}: {document:#}");
    }
}

#[test]
fn an_insert_is_undone_by_deleting_what_it_made_and_that_by_undeleting_it() {
    let scene = Scene::with(3);
    let before = scene.state();
    let mut rows = "Name,Site,AnnualRevenue,Note\n".to_owned();
    for n in 1..=12 {
        writeln!(rows, "new {n},\"two\nlines {n}\",1500000,note {n}").unwrap();
    }
    scene.world.file("new.csv", rows);
    scene.load(&["insert", "Account", "new.csv", "--chunk-rows", "5"]);
    let loaded = scene.state();
    // Somebody has deleted one meanwhile.
    let success = read_csv(&scene.world.path("longshore-runs/r/out/success.csv"));
    change(&scene.world, &Verb::Delete, &["Id"], &[vec![success[3]["sf__Id"].clone()]]);

    let effects = scene.effects();
    let planned = scene.run(&["undo", "r", "--plan-only"]).expect(0);
    insta::assert_snapshot!(planned.stdout, @r"
    undo of `r`: delete 11 that it created · nothing to do for 1
    notice: what others have made below the 11 records since goes with them
      longshore-runs/r/undo/001.delete.csv  (11 rows, as run `r-undo-001-delete`)
    ");
    let refused = scene.run(&["undo", "r"]).expect(6);
    insta::assert_snapshot!(refused.stderr, @r"
    error: this undo will delete 11 that it created · nothing to do for 1

    hint: `--yes` carries it out; `--plan-only` only shows it
    ");
    assert_eq!(scene.effects(), effects, "nothing was sent");

    let document = scene.undo(0);
    tally(&document, &[("delete", 11), ("nothing", 1)]);
    assert_eq!(scene.state(), before);
    let run = document["runs"][0]["run"].as_str().unwrap().to_owned();
    assert_eq!(run, "r-undo-003-delete", "{document:#}");
    let manifest = scene.world.read(&format!("longshore-runs/{run}/manifest.json"));
    assert!(manifest.contains(r#""undo_of": "r""#), "{manifest}");
    let listed = scene.run(&["runs", "list"]).expect(0).stdout;
    assert!(listed.contains("delete, undo of `r`"), "{listed}");
    let listed = scene.run(&["runs", "list", "--json"]).expect(0).stdout;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((&listed[0]["undo_of"], &listed[1]["undo_of"]), (&"r".into(), &().into()));
    let shown = scene.run(&["runs", "show", &run]).expect(0).stdout;
    assert!(shown.contains("takes back the run `r`"), "{shown}");
    scene.run(&["verify", &run]).expect(0);

    // Once more is asked about; the undo itself can be undone.
    let again = scene.run(&["undo", "r"]).expect(6);
    insta::assert_snapshot!(again.stderr, @r"
    error: the run `r` was undone before, by `r-undo-003-delete`

    hint: `longshore undo r-undo-003-delete` takes that back
    hint: `--yes` works it out once more, against what is there now
    ");
    let nothing = scene.run(&["undo", "r", "--yes"]).expect(2);
    insta::assert_snapshot!(nothing.stderr, @"error: an undo of `r` has nothing to send: nothing to do for 12");
    assert_eq!(scene.state(), before);
    let back = scene.run(&["undo", &run, "--yes", "--json"]).expect(0);
    let back: Json = serde_json::from_str(&back.stdout).unwrap();
    tally(&back, &[("restore", 11)]);
    assert_eq!(back["ids"], Json::Null, "they have their Ids");
    let due: State = loaded.into_iter().filter(|(id, _)| *id != success[3]["sf__Id"]).collect();
    assert_eq!(scene.state(), due);
    // And once more, the other way: what was undeleted is deleted again.
    let run = back["runs"][0]["run"].as_str().unwrap().to_owned();
    let ran = scene.run(&["undo", &run, "--yes", "--json"]).expect(0);
    tally(&serde_json::from_str(&ran.stdout).unwrap(), &[("delete_again", 11)]);
    assert_eq!(scene.state(), before);
}

#[test]
fn an_update_is_written_back_where_nobody_has_changed_it_since() {
    let scene = Scene::with(8);
    let before = scene.state();
    let mut rows = "Id,Site,Phone,AnnualRevenue\n".to_owned();
    for (n, id) in scene.ids.iter().enumerate() {
        let site = if n == 5 { "" } else { "moved" };
        writeln!(rows, "{},{site},+49 {n},{n}.0e1", &id[..15]).unwrap();
    }
    scene.world.file("moves.csv", rows);
    let args = ["update", "Account", "moves.csv", "--before-images", "on", "--chunk-rows", "3"];
    scene.load(&args);
    let images = read_csv(&scene.world.path("longshore-runs/r/raw/000001.before.csv"));
    assert_eq!(images.len(), 3);
    assert_eq!((&*images[1]["Id"], &*images[1]["Site"]), (&*scene.ids[1], "site, 2"));
    assert_eq!((&*images[1]["Phone"], &*images[1]["longshore__sent__Phone"]), ("", "+49 1"));

    // Another changes a site, clears a phone, deletes a record, and puts one back as it was.
    let row = |cells: &[&str]| vec![cells.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>()];
    let ids: Vec<&str> = scene.ids.iter().map(String::as_str).collect();
    let update = |columns: &[&str], cells: &[&str]| {
        change(&scene.world, &Verb::Update, columns, &row(cells));
    };
    update(&["Id", "Site"], &[ids[1], "theirs"]);
    update(&["Id", "Phone"], &[ids[2], "123"]);
    change(&scene.world, &Verb::Delete, &["Id"], &row(&[ids[3]]));
    update(&["Id", "Site", "Phone", "AnnualRevenue"], &[ids[4], "site, 5", "", ""]);
    // A field that the run left alone is nobody's business.
    update(&["Id", "Site"], &[ids[5], "theirs too"]);

    let document = scene.undo(0);
    tally(&document, &[("write_back", 6), ("conflicts", 2), ("cannot", 1), ("nothing", 1)]);
    let conflicts = scene.read("undo/001.conflicts.csv");
    let expected = format!(
        "Id,field,before,ours,now,why\n\
         {},Site,\"site, 2\",moved,theirs,it was changed since\n\
         {},Phone,,+49 2,123,it was changed since\n\
         {},,,,,the record is gone\n",
        ids[1], ids[2], ids[3]
    );
    assert_eq!(conflicts, expected);
    let mut due = before;
    due.remove(ids[3]);
    let text = |text: &str| Value::Text(text.to_owned());
    due.get_mut(ids[1]).unwrap().insert("Site", text("theirs"));
    due.get_mut(ids[2]).unwrap().insert("Phone", text("123"));
    due.get_mut(ids[5]).unwrap().insert("Site", text("theirs too"));
    assert_eq!(scene.state(), due);

    // And that is undone, too: the values of the run are there again.
    scene.run(&["undo", "r-undo-001-update", "--yes"]).expect(0);
    let again = scene.state();
    assert_eq!(again[ids[0]]["Phone"], text("+49 0"));
    assert_eq!(again[ids[0]]["Site"], text("moved"));
    assert_eq!(again[ids[1]]["Site"], text("theirs"));
}

#[test]
fn an_upsert_is_undone_by_two_loads() {
    let scene = Scene::with(4);
    let before = scene.state();
    let mut rows = "Legacy_Id__c,Name,Site\n".to_owned();
    for n in 1..=6 {
        // As keys are found whatever their case.
        writeln!(rows, "OLD-{n},name {n},moved {n}").unwrap();
    }
    scene.world.file("both.csv", rows);
    let args = ["upsert", "Account", "both.csv", "-i", "Legacy_Id__c", "--before-images", "on"];
    scene.load(&args);
    let document = scene.undo(0);
    tally(&document, &[("write_back", 4), ("delete", 2)]);
    let runs: Vec<&Json> =
        document["runs"].as_array().unwrap().iter().map(|run| &run["run"]).collect();
    assert_eq!(runs, ["r-undo-001-delete", "r-undo-001-update"]);
    let keyless = |state: State| {
        state.into_iter().map(|(id, mut record)| {
            record.remove("Legacy_Id__c");
            (id, record)
        })
    };
    assert!(keyless(scene.state()).eq(keyless(before)));
}

#[test]
fn a_delete_is_undone_from_the_recycle_bin_and_by_creating_what_is_not_there_anew() {
    let scene = Scene::with(5);
    let parent = scene.ids[4].clone();
    let child = vec![vec![scene.ids[2].clone(), parent]];
    change(&scene.world, &Verb::Update, &["Id", "ParentId"], &child);
    let before = scene.contents();
    scene.world.file("ids.csv", format!("Id\n{}\n", scene.ids[..4].join("\n")));
    let ran = scene.load(&["delete", "Account", "ids.csv"]);
    let says = "notice: within 15 days an undo takes the records out of the recycle bin, with \
                their Ids; later an undo creates the records anew, with new Ids";
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
    // One is restored from the recycle bin by hand, and another is gone from it.
    for at in [1, 2] {
        change(&scene.world, &Verb::Undelete, &["Id"], &[vec![scene.ids[at].clone()]]);
    }
    change(&scene.world, &Verb::HardDelete, &["Id"], &[vec![scene.ids[2].clone()]]);
    let ran = scene.run(&["undo", "r", "--yes"]).expect(0);
    insta::assert_snapshot!(ran.stdout.split("undelete Account").next().unwrap(), @"
    undo of `r`: take 2 out of the recycle bin · create 1 anew · nothing to do for 1
    notice: 1 record is in no recycle bin: what is created anew gets a new Id, and what referred to the old one stays cut off
    notice: references to another `Account` stand in 1 row: where that was deleted too, the org refuses the row, as its new Id is not known yet
      longshore-runs/r/undo/001.undelete.csv  (2 rows, as run `r-undo-001-undelete`)
      longshore-runs/r/undo/001.insert.csv  (1 row, as run `r-undo-001-insert`)
    ");
    assert!(ran.stdout.contains("old and new Ids: longshore-runs/r/undo/001.ids.csv"));
    assert_eq!(scene.contents(), before);
    let ids = read_csv(&scene.world.path("longshore-runs/r/undo/001.ids.csv"));
    let old: Vec<&String> = ids.iter().map(|pair| &pair["old"]).collect();
    assert_eq!(old, [&scene.ids[2]]);

    // They are not created a second time, unless they were taken away again.
    let effects = scene.effects();
    let refused = scene.run(&["undo", "r", "--yes"]).expect(2);
    insta::assert_snapshot!(refused.stderr, @r"
    error: the run `r` was undone before, by `r-undo-001-undelete` and `r-undo-001-insert`

    hint: `longshore undo r-undo-001-insert` takes that back
    hint: `longshore retry r-undo-001-insert` tries the rows again that did not succeed
    ");
    assert_eq!(scene.effects(), effects);
    scene.run(&["undo", "r-undo-001-insert", "--yes"]).expect(0);
    tally(&scene.undo(0), &[("create", 1), ("nothing", 3)]);
}

#[test]
fn images_cost_a_call_for_two_thousand_rows_and_so_does_an_undo() {
    let scene = Scene::with(4_001);
    scene.ids_file();
    scene.load(&["delete", "Account", "ids.csv"]);
    assert_eq!(scene.reads(), 3);
    let document = scene.undo(0);
    tally(&document, &[("restore", 4_001)]);
    assert_eq!(scene.reads(), 6);
    // Without images there is no call, and the run says before that it cannot be undone.
    let scene = Scene::with(3);
    scene.ids_file();
    let ran = scene.load(&["delete", "Account", "ids.csv", "--before-images", "off"]);
    assert_eq!(scene.reads(), 0);
    let says = "notice: within 15 days an undo takes the records out of the recycle bin, with \
                their Ids; later this delete cannot be undone, as nothing of the records is kept \
                (`--before-images off`)\n";
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
    tally(&scene.undo(0), &[("restore", 3)]);
    let hard = ["hard-delete", "Account", "ids.csv", "--before-images", "off", "--run-name", "h"];
    scene.run(&hard).expect(0);
    let refused = scene.run(&["undo", "h", "--yes"]).expect(2);
    insta::assert_snapshot!(refused.stderr, @r"
    error: an undo of `h` has nothing to send: 3 cannot be undone

    hint: `longshore-runs/h/undo/001.conflicts.csv` tells which records, and why
    ");
}

#[test]
fn what_cannot_be_undone_is_said_before() {
    let scene = Scene::with(1);
    let id = &scene.ids[0];
    scene.world.file("u.csv", format!("Id,Site\n{id},x\n"));
    scene.world.file("k.csv", "Legacy_Id__c,Site\nold-1,y\n");
    scene.world.file("i.csv", format!("Id\n{id}\n"));
    let notice = |args: &[&str]| {
        let ran = scene.run(args).expect(0);
        let notices = ran.stderr.lines().filter(|line| line.starts_with("notice: "));
        notices.map(str::to_owned).collect::<Vec<_>>().join("\n")
    };
    let key = ["upsert", "Account", "k.csv", "-i", "Legacy_Id__c"];
    let images = ["--before-images", "on", "--yes"];
    insta::assert_snapshot!(notice(&["update", "Account", "u.csv"]), @"notice: this update cannot be undone: what the records hold now is kept only with `--before-images on`");
    insta::assert_snapshot!(notice(&key), @"notice: an undo could take back what this upsert creates, and not what it changes: that is kept only with `--before-images on`");
    assert_eq!(notice(&[&["update", "Account", "u.csv"][..], &images].concat()), "");
    assert_eq!(notice(&[&key[..], &images].concat()), "");
    scene.world.file("longshore.toml", "[defaults]\nbefore-images = \"on\"\n");
    assert_eq!(notice(&["update", "Account", "u.csv", "--yes"]), "");
    insta::assert_snapshot!(notice(&["hard-delete", "Account", "i.csv"]), @"notice: an undo creates the records anew, with new Ids: what refers to them or goes with them is lost; no recycle bin holds them");
}

#[test]
fn without_its_images_a_chunk_is_not_sent() {
    let scene = Scene::with(4);
    scene.ids_file();
    let effects = scene.effects();
    let refusal = Fault::Answer {
        status: 400,
        code: "INVALID_FIELD".to_owned(),
        message: "No such column".to_owned(),
        body: longshore::practice::mischief::BodyKind::Json,
        retry_after: None,
        effect: false,
    };
    scene.world.practice().mischief().add(always("POST", READ, refusal));
    let args = ["delete", "Account", "ids.csv", "--run-name", "r", "--chunk-rows", "2"];
    let ran = scene.run(&args).expect(1);
    let says = "error: what the records hold before the delete could not be kept: cannot read \
                records of `Account`: `127.0.0.1` says: No such column (`INVALID_FIELD`, status \
                400)\n";
    assert!(ran.stdout.contains(says), "{}", ran.stdout);
    let hint = "hint: a new delete with `--before-images off` keeps nothing, and could not be \
                undone\nhint: `longshore resume r` goes on where it stopped\n";
    assert!(ran.stdout.contains(hint), "{}", ran.stdout);
    assert_eq!(scene.effects(), effects);
    scene.world.practice().mischief().clear();
    scene.run(&["resume", "r"]).expect(0);
    tally(&scene.undo(0), &[("restore", 4)]);
}

#[test]
fn an_undo_takes_nothing_from_files_that_were_changed() {
    let scene = Scene::with(3);
    scene.ids_file();
    scene.load(&["delete", "Account", "ids.csv"]);
    let effects = scene.effects();
    for (file, says) in [
        ("out/success.csv", "longshore-runs/r/out/success.csv` is not as the run wrote it"),
        ("raw/000001.before.csv", "cannot be used: it is not as it was written"),
    ] {
        let text = scene.read(file);
        scene.world.file(&format!("longshore-runs/r/{file}"), text.replace(&scene.ids[0], "x"));
        let ran = scene.run(&["undo", "r", "--yes"]).expect(6);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
        assert!(ran.stderr.contains("hint: restore the file from a copy"), "{}", ran.stderr);
        scene.world.file(&format!("longshore-runs/r/{file}"), text);
    }
    scene.run(&["runs", "clean"]).expect(0);
    let ran = scene.run(&["undo", "r", "--yes"]).expect(2);
    insta::assert_snapshot!(ran.stderr, @r"
    error: what the records of `r` held before was removed by `longshore runs clean`

    hint: without it this run cannot be undone
    hint: what the recycle bin still has comes back with `longshore undelete Account …/r/out/success.csv`
    ");
    assert_eq!(scene.effects(), effects);
}

#[test]
fn an_unfinished_run_is_resumed_before_it_is_undone() {
    let scene = Scene::with(1);
    scene.world.file("new.csv", "Name\na\nb\n");
    let mut command = scene.world.command(&["insert", "Account", "new.csv", "--run-name", "r"]);
    command.env("LONGSHORE_FAULTS", "ledger.prepared.after:1:kill");
    assert_eq!(Ran::of(&command.output().unwrap()).code, -1);
    let ran = scene.run(&["undo", "r", "--yes"]).expect(2);
    insta::assert_snapshot!(ran.stderr, @r"
    error: the run `r` is not finished

    hint: `longshore resume r` goes on with it; then it can be undone
    ");
    scene.run(&["resume", "r"]).expect(0);
    tally(&scene.undo(0), &[("delete", 2)]);
}

/// An upsert with images and its undo, which is two loads, killed wherever: `undo` again goes on,
/// and in the end each effect is there once.
#[test]
fn an_undo_that_is_killed_anywhere_is_gone_on_with_and_does_nothing_twice() {
    let points = [
        "create:1",
        "write@undo/:1",
        "sync@undo/:2",
        "rename@001.json:1",
        "rename.after@001.json:1",
        "create_dir@r-undo-001-delete:1",
        "rename@r-undo-001-delete/manifest.json:1",
        "rename.after@r-undo-001-delete/manifest.json:1",
        "rename@000001.before.csv:1",
        "ledger.imaged.before:1",
        "ledger.imaged.after:1",
        "ledger.prepared.after:1",
        "ledger.started.after:1",
        "ledger.closed.after:1",
        "create_dir@r-undo-001-update:1",
        "rename.after@r-undo-001-update/manifest.json:1",
        "ledger.imaged.after:2",
        "ledger.prepared.before:2",
        "ledger.prepared.after:2",
        "ledger.terminal.after:2",
        "ledger.closed.before:2",
        "ledger.closed.after:2",
    ];
    let cases: Vec<(String, &str)> = points.iter().map(|at| ((*at).to_owned(), *at)).collect();
    each(&cases, |point| {
        let scene = Scene::with(4);
        let before = scene.state();
        let mut rows = "Legacy_Id__c,Name,Site\n".to_owned();
        for n in 1..=6 {
            writeln!(rows, "old-{n},name {n},moved {n}").unwrap();
        }
        scene.world.file("both.csv", rows);
        let key = ["-i", "Legacy_Id__c", "--before-images", "on"];
        scene.load(&[&["upsert", "Account", "both.csv"][..], &key].concat());
        let effects = scene.effects();
        let mut command = scene.world.command(&["undo", "r", "--yes"]);
        command.env("LONGSHORE_FAULTS", format!("{point}:kill"));
        let ran = Ran::of(&command.output().unwrap());
        assert_eq!(ran.code, -1, "{point}: {}{}", ran.stdout, ran.stderr);
        let ran = scene.run(&["undo", "r", "--yes"]);
        // What was over before the kill is over: there is nothing to do once more.
        let over = ran.code == 2 && ran.stderr.contains("nothing to do for 6");
        assert!(ran.code == 0 || over, "{point}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(scene.effects() - effects, 6, "{point}: each once");
        assert_eq!(scene.state(), before, "{point}");
        for run in ["r-undo-001-delete", "r-undo-001-update"] {
            if scene.world.path(&format!("longshore-runs/{run}")).exists() {
                scene.run(&["verify", run]).expect(0);
            }
        }
    });
}

/// An undo of a delete, which is an undelete and an insert, killed wherever: in the end each record
/// is there once.
#[test]
fn an_undo_from_the_recycle_bin_that_is_killed_is_gone_on_with() {
    let points = [
        "rename.after@001.json:1",
        "create_dir@r-undo-001-undelete:1",
        "rename.after@r-undo-001-undelete/manifest.json:1",
        "ledger.prepared.after:1",
        "write@calls.jsonl:1",
        "sync.after@calls.jsonl:1",
        "write@calls.jsonl:2",
        "sync.after@calls.jsonl:2",
        "ledger.closed.after:1",
        "ledger.prepared.after:2",
        "ledger.closed.after:2",
    ];
    let cases: Vec<(String, &str)> = points.iter().map(|at| ((*at).to_owned(), *at)).collect();
    each(&cases, |point| {
        let scene = Scene::with(4);
        let before = scene.contents();
        scene.ids_file();
        scene.load(&["delete", "Account", "ids.csv"]);
        let gone = vec![vec![scene.ids[1].clone()]];
        change(&scene.world, &Verb::Undelete, &["Id"], &gone);
        change(&scene.world, &Verb::HardDelete, &["Id"], &gone);
        let effects = scene.effects();
        let mut command = scene.world.command(&["undo", "r", "--yes"]);
        command.env("LONGSHORE_FAULTS", format!("{point}:kill"));
        let ran = Ran::of(&command.output().unwrap());
        assert_eq!(ran.code, -1, "{point}: {}{}", ran.stdout, ran.stderr);
        let ran = scene.run(&["undo", "r", "--yes"]);
        // What was over before the kill is over.
        let over = ran.code == 2 && ran.stderr.contains("was undone before");
        assert!(ran.code == 0 || over, "{point}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(scene.effects() - effects, 4, "{point}: each once");
        assert_eq!(scene.contents(), before, "{point}");
    });
}

/// A load with images, killed around them: the images are those of what was there before.
#[test]
fn a_kill_around_the_images_costs_nothing() {
    let points = [
        "create@000001.before.csv:1",
        "rename@000002.before.csv:1",
        "rename.after@000002.before.csv:1",
        "ledger.imaged.before:1",
        "ledger.imaged.after:2",
        "ledger.created.after:1",
        "ledger.prepared.after:1",
        "ledger.started.after:2",
    ];
    let cases: Vec<(String, &str)> = points.iter().map(|at| ((*at).to_owned(), *at)).collect();
    each(&cases, |point| {
        let scene = Scene::with(6);
        let before = scene.contents();
        scene.ids_file();
        let args = ["delete", "Account", "ids.csv", "--chunk-rows", "3", "--run-name", "r"];
        let mut command = scene.world.command(&args);
        command.env("LONGSHORE_FAULTS", format!("{point}:kill"));
        assert_eq!(Ran::of(&command.output().unwrap()).code, -1, "{point}");
        scene.run(&["resume", "r"]).expect(0);
        scene.run(&["verify", "r"]).expect(0);
        tally(&scene.undo(0), &[("restore", 6)]);
        assert_eq!(scene.contents(), before, "{point}");
    });
}

/// A reference that was written by a key of the parent is told from one that somebody changed.
#[test]
fn a_reference_by_key_is_written_back_too() {
    let scene = Scene::with(5);
    let ids: Vec<&str> = scene.ids.iter().map(String::as_str).collect();
    let before = scene.state();
    let rows =
        format!("Id,Parent.Legacy_Id__c\n{},old-4\n{},OLD-4\n{},old-4\n", ids[0], ids[1], ids[2]);
    scene.world.file("parents.csv", rows);
    scene.load(&["update", "Account", "parents.csv", "--before-images", "on"]);
    let row = vec![vec![ids[1].to_owned(), ids[4].to_owned()]];
    change(&scene.world, &Verb::Update, &["Id", "ParentId"], &row);
    tally(&scene.undo(0), &[("write_back", 2), ("conflicts", 1)]);
    let mut due = before;
    let parent = Value::Text(ids[4].to_owned());
    due.get_mut(ids[1]).unwrap().insert("ParentId", parent);
    assert_eq!(scene.state(), due);
    let conflicts = scene.read("undo/001.conflicts.csv");
    let line = format!("{},ParentId,,OLD-4,{},it was changed since\n", ids[1], ids[4]);
    assert!(conflicts.ends_with(&line), "{conflicts}");
}

/// Assignments of permissions by the audit log of the tenant, after what was there at first.
fn held(world: &World, mut held: BTreeSet<[String; 3]>) -> BTreeSet<[String; 3]> {
    for entry in world.practice().tenant().unwrap().audit().entries_since(0) {
        if let tenant::Effect::UserPermission { verb, user, api, permission } = entry.effect {
            let pair = [user, api, permission];
            match verb {
                tenant::Change::Add => assert!(held.insert(pair), "added twice"),
                tenant::Change::Remove => assert!(held.remove(&pair), "removed twice"),
            }
        }
    }
    held
}

#[test]
fn what_was_removed_at_auth0_is_given_back_and_nothing_else() {
    let size = TenantSize { users: 40, permissions_each: Some(4) };
    let switches = Switches { plan: Plan::Unlimited, ..Switches::default() };
    let world = World::with_tenant(Tenant::new(&size).with_switches(switches));
    let tenant = || world.practice().tenant().unwrap();
    let first: BTreeSet<[String; 3]> = tenant()
        .people()
        .iter()
        .flat_map(|person| {
            let all = tenant().permissions_of(&person.id).into_iter();
            all.map(|(api, permission)| [person.id.clone(), api, permission]).collect::<Vec<_>>()
        })
        .collect();
    // One permission of everybody, whether they have it or not, and one twice.
    let [_, api, permission] = first.first().unwrap().clone();
    let mut rows = "user_id,Note,resource_server_identifier,permission_name\n".to_owned();
    for person in tenant().people() {
        writeln!(rows, "{},\"a, note\",{api},{permission}", person.id).unwrap();
    }
    world.file("all.csv", rows);
    let run = |args: &[&str]| {
        world.run_changed(args, b"", |command| {
            command.env("LONGSHORE_TARGET_KIND", "auth0");
        })
    };
    let has = |pair: &&[String; 3]| pair[1] == api && pair[2] == permission;
    let had = first.iter().filter(has).count() as u64;
    run(&["delete", "UserPermission", "all.csv", "--run-name", "r", "--chunk-rows", "15"])
        .expect(0);
    assert_eq!(held(&world, first.clone()).iter().filter(has).count(), 0);
    let refused = run(&["delete", "UserPermission", "all.csv", "--before-images", "off"]).expect(2);
    let says = "a removal from Auth0 always keeps what users held";
    assert!(refused.stderr.contains(says), "{}", refused.stderr);

    let ran = run(&["undo", "r", "--yes", "--json"]).expect(0);
    let document: Json = serde_json::from_str(&ran.stdout).unwrap();
    let absent = tenant().people().len() as u64 - had;
    tally(&document, &[("give_back", had), ("nothing", absent)]);
    assert_eq!(held(&world, first.clone()), first);
    // The undo is an insert, and is undone by taking away exactly what it gave.
    let ran = run(&["undo", "r-undo-001-insert", "--yes", "--json"]).expect(0);
    tally(&serde_json::from_str(&ran.stdout).unwrap(), &[("take_away", had)]);
    let left = held(&world, first.clone());
    assert_eq!(left.len() as u64, first.len() as u64 - had);
    assert!(left.is_subset(&first));
    // Roles likewise, and only for those who did not have it.
    let (vacant, _) = tenant().roles().into_iter().find(|(_, name)| name == "Vacant").unwrap();
    let roles = |person: &str| tenant().roles_of(person).into_iter().any(|(id, _)| id == vacant);
    let people = tenant().people();
    world.file("one.csv", format!("user_id,role\n{},Vacant\n", people[0].id));
    run(&["insert", "UserRole", "one.csv"]).expect(0);
    let both = format!("user_id,role\n{},Vacant\n{},Vacant\n", people[0].id, people[1].id);
    world.file("both.csv", both);
    run(&["insert", "UserRole", "both.csv", "--run-name", "roles"]).expect(0);
    run(&["undo", "roles", "--yes"]).expect(0);
    assert!(roles(&people[0].id) && !roles(&people[1].id));
}

/// What was not begun when the process ended is worked out anew: the org may be another by then.
#[test]
fn an_undo_that_is_gone_on_with_later_overwrites_nothing() {
    let scene = Scene::with(3);
    scene.world.file("both.csv", "Legacy_Id__c,Name,Site\nold-1,a,x\nold-2,b,y\nnew-1,c,z\n");
    let key = ["-i", "Legacy_Id__c", "--before-images", "on"];
    scene.load(&[&["upsert", "Account", "both.csv"][..], &key].concat());
    let undo_killed = |point: &str| {
        let mut command = scene.world.command(&["undo", "r", "--yes"]);
        command.env("LONGSHORE_FAULTS", format!("{point}:kill"));
        assert_eq!(Ran::of(&command.output().unwrap()).code, -1, "{point}");
    };
    undo_killed("ledger.prepared.after:1");
    let refused = scene.run(&["undo", "r", "--plan-only"]).expect(2);
    insta::assert_snapshot!(refused.stderr, @r"
    error: an undo of `r` is under way, and there is nothing to plan

    hint: `longshore undo r` goes on with it, without `--plan-only`
    ");
    let theirs = vec![vec![scene.ids[0].clone(), "theirs".to_owned()]];
    change(&scene.world, &Verb::Update, &["Id", "Site"], &theirs);
    let ran = scene.run(&["undo", "r", "--yes"]).expect(0);
    assert!(ran.stdout.starts_with("going on with the undo of `r`\n"), "{}", ran.stdout);
    let preview = "undo of `r`: write back 2 · nothing to do for 1 · 1 conflict\n";
    assert!(ran.stdout.contains(preview), "{}", ran.stdout);
    let state = scene.state();
    let text = |text: &str| Value::Text(text.to_owned());
    assert_eq!(state.len(), 3);
    assert_eq!(state[&scene.ids[0]]["Site"], text("theirs"));
    assert_eq!(state[&scene.ids[0]]["Name"], text("stock 1"));
    assert_eq!(state[&scene.ids[1]]["Site"], text("site, 2"));
}
