//! `objects`: every object of the org and what can be done to it.

use super::print;
use crate::cli::args::Objects;
use crate::cli::org::{self, Choice};
use crate::cli::resolve;
use crate::cli::shell::Shell;
use crate::cli::table::{Column, table, tick};
use crate::config::project::Defaults;
use crate::model::failure::{Blame, Failure};
use crate::model::schema::ObjectSchema;
use crate::report::paint::Paint;
use crate::target::Target;

/// Lists the objects, by name.
pub async fn objects(args: &Objects, shell: &Shell) -> Result<u8, Failure> {
    let defaults = Defaults::read(&shell.dir)?;
    let alias = resolve::target_org(args.connect.target_org.as_deref(), &defaults);
    let choice = Choice::of(alias, &shell.environment)?;
    let target = org::connect(choice, shell, org::notices(shell)).await?;
    let mut objects = target.objects().await?;
    objects.sort_by(|one, other| one.name.cmp(&other.name));
    let text = if args.manners.json {
        json(&objects)?
    } else {
        screen(&objects, shell.out_paint(args.manners.color))
    };
    print(&shell.out, &text)?;
    Ok(0)
}

/// A value as one JSON document with a line end.
pub fn json<T: serde::Serialize>(value: &T) -> Result<String, Failure> {
    let text = serde_json::to_string(value);
    let text = text.map_err(|error| Failure::new(Blame::Run, error.to_string()))?;
    Ok(text + "\n")
}

fn screen(objects: &[ObjectSchema], paint: Paint) -> String {
    let columns = [
        Column::Left("object"),
        Column::Left("label"),
        Column::Left("prefix"),
        Column::Left("insert"),
        Column::Left("update"),
        Column::Left("delete"),
        Column::Left("export"),
    ];
    let row = |object: &ObjectSchema| {
        vec![
            object.name.clone(),
            object.label.clone(),
            object.key_prefix.clone().unwrap_or_default(),
            tick(object.createable),
            tick(object.updateable),
            tick(object.deletable),
            tick(object.queryable),
        ]
    };
    table(&columns, &objects.iter().map(row).collect::<Vec<_>>(), paint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::commands::describe::tests::sample;

    #[test]
    fn each_object_has_a_line() {
        insta::assert_snapshot!(screen(&[sample()], Paint::PLAIN), @"
        object       label     prefix  insert  update  delete  export
        Shipment__c  Shipment  a01     yes     yes             yes
        ");
        assert!(json(&[sample()]).unwrap().starts_with(r#"[{"name":"Shipment__c","#));
    }
}
