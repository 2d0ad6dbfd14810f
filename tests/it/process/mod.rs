//! `longshore process` from the outside: Data Loader's folders against the practice org.

mod loads;

use std::fmt::Write;

use longshore::practice::audit::Entry;
use longshore::practice::org::Value;
use longshore::practice::{Org, SeedSize};

use crate::world::{Ran, World};

/// A configuration folder with one process, `nightly`, in an org of its own.
struct Desk {
    world: World,
    /// Effects before anything was done.
    seeded: u64,
}

/// Name and value of a setting.
type Setting<'a> = (&'a str, &'a str);

impl Desk {
    fn new() -> Self {
        Self::in_world(World::of(Org::new(&SeedSize { users: 2, permission_sets: 2 })))
    }

    fn in_world(world: World) -> Self {
        let seeded = world.practice().org().audit().len();
        Self { world, seeded }
    }

    /// Writes the process of a load of accounts from `rows.csv`, and what is different about it.
    fn process(&self, rows: &str, map: &str, settings: &[Setting<'_>]) {
        self.world.file("rows.csv", rows);
        self.world.file("conf/map.sdl", map);
        let usual = [
            ("sfdc.entity", "Account"),
            ("process.operation", "insert"),
            ("process.mappingFile", "conf/map.sdl"),
            ("dataAccess.type", "csvRead"),
            ("dataAccess.name", "rows.csv"),
            ("process.outputSuccess", "good.csv"),
            ("process.outputError", "bad.csv"),
        ];
        let usual = usual.iter().filter(|(key, _)| !settings.iter().any(|(own, _)| own == key));
        let all: Vec<_> = usual.chain(settings).filter(|(_, value)| !value.is_empty()).collect();
        self.world.file("conf/process-conf.xml", beans(&all));
    }

    /// Runs `process` with words behind it.
    fn run(&self, words: &[&str]) -> Ran {
        self.world.run(&[&["process"], words].concat())
    }

    /// Runs the process of the folder.
    fn nightly(&self, words: &[&str]) -> Ran {
        self.run(&[&["conf", "nightly"], words].concat())
    }

    /// What was done to records since the beginning.
    fn effects(&self) -> Vec<Entry> {
        self.world.practice().org().audit().entries_since(self.seeded)
    }

    /// The names that were given to records, in the order in which they were.
    fn names(&self) -> Vec<String> {
        self.values("Name")
    }

    fn values(&self, field: &str) -> Vec<String> {
        let of = |entry: Entry| {
            let value = entry.fields.into_iter().find(|(name, _)| *name == field)?.1;
            Some(if let Value::Text(text) = value { text } else { format!("{value:?}") })
        };
        self.effects().into_iter().filter_map(of).collect()
    }
}

fn beans(settings: &[&Setting<'_>]) -> String {
    let mut entries = String::new();
    for (key, value) in settings {
        let value = value.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
        writeln!(entries, "    <entry key=\"{key}\" value=\"{value}\"/>").unwrap();
    }
    format!(
        "<!DOCTYPE beans PUBLIC \"-//SPRING//DTD BEAN//EN\" \
         \"http://www.springframework.org/dtd/spring-beans.dtd\">\n<beans>\n  \
         <bean id=\"nightly\" class=\"com.salesforce.dataloader.process.ProcessRunner\" \
         scope=\"prototype\">\n  <property name=\"name\" value=\"nightlyAccounts\"/>\n  \
         <property name=\"configOverrideMap\"><map>\n{entries}  </map></property></bean>\n</beans>\n"
    )
}
