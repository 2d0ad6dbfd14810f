//! The table behind `lookup`.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::super::{Fallback, LOOKUP_KEYS, LetterCase, Lookup, LookupFrom};
use super::{Refused, Value, Walk, kind_of};

/// Where a key is looked for, and the keys that have no use there.
const FROM: [(&str, &[&str]); 3] = [
    ("object", &["key", "value"]),
    ("file", &["match", "where"]),
    ("step", &["match", "where", "value"]),
];

impl Walk<'_> {
    pub(super) fn lookup(&self, value: &Value) -> Refused<Lookup> {
        let table = self.table(value)?;
        self.only_known(table, &LOOKUP_KEYS, "key")?;
        let there: Vec<_> = FROM.iter().filter(|(kind, _)| table.contains_key(*kind)).collect();
        let from = match there[..] {
            [(kind, others)] => {
                self.without(table, kind, others)?;
                match *kind {
                    "object" => self.in_object(table, value, &table["object"])?,
                    "file" => self.in_file(table, value, &table["file"])?,
                    _ => self.in_step(table, value, &table["step"])?,
                }
            }
            [] => {
                let what = "a lookup needs `object`, `file` or `step`, and has none of them";
                return Err(self.refuse(value.span(), what));
            }
            [(first, _), (second, _), ..] => {
                let what = format!("a lookup has `{first}` or `{second}`, not both");
                return Err(self.refuse(self.key_span(table, second), what));
            }
        };
        let case = table.get("case").map(|case| self.letter_case(case)).transpose()?;
        let fallback = |key: &str| table.get(key).map(|it| self.fallback(key, it)).transpose();
        Ok(Lookup {
            from,
            case: case.unwrap_or_default(),
            on_missing: fallback("on_missing")?.unwrap_or_default(),
            on_many: fallback("on_many")?.unwrap_or_default(),
        })
    }

    /// Refuses what goes with the other kind of lookup.
    fn without(&self, table: &DeTable, kind: &str, others: &[&str]) -> Refused<()> {
        match others.iter().find(|key| table.contains_key(**key)) {
            Some(key) => {
                let what = format!("`{key}` has no use beside `{kind}`");
                Err(self.refuse(self.key_span(table, key), what))
            }
            None => Ok(()),
        }
    }

    fn in_object(&self, table: &DeTable, whole: &Value, object: &Value) -> Refused<LookupFrom> {
        let name = self.named_text("object", object)?;
        let Some(list) = table.get("match") else {
            let hint = format!("such as `match = \"Name\"`; a key is compared with it in `{name}`");
            return Err(self.refuse_with(whole.span(), "`match` is missing", [hint]));
        };
        let fields = self.texts(list, "match")?;
        for (index, field) in fields.iter().enumerate() {
            let again = fields[..index].iter().any(|before| before.eq_ignore_ascii_case(field));
            if field.trim().is_empty() || again {
                let what = if again {
                    format!("`match` names `{field}` twice")
                } else {
                    "`match` has a field without a name".to_owned()
                };
                return Err(self.refuse(list.span(), what));
            }
        }
        let filter = table.get("where").map(|it| self.named_text("where", it)).transpose()?;
        Ok(LookupFrom::Object { object: name, fields, filter })
    }

    fn in_file(&self, table: &DeTable, whole: &Value, file: &Value) -> Refused<LookupFrom> {
        let path = self.named_text("file", file)?;
        let column = |key: &str| {
            self.needed(table, whole, key)?;
            self.named_text(key, &table[key])
        };
        let folder = Path::new(self.name).parent().unwrap_or(Path::new(""));
        Ok(LookupFrom::File {
            path: folder.join(path),
            key: column("key")?,
            value: column("value")?,
        })
    }

    fn in_step(&self, table: &DeTable, whole: &Value, step: &Value) -> Refused<LookupFrom> {
        let step = self.named_text("step", step)?;
        self.needed(table, whole, "key")?;
        Ok(LookupFrom::Step { step, key: self.named_text("key", &table["key"])? })
    }

    fn named_text(&self, key: &str, value: &Value) -> Refused<String> {
        let text = self.text_of(value)?;
        if text.trim().is_empty() {
            return Err(self.refuse(value.span(), format!("`{key}` is empty")));
        }
        Ok(text.to_owned())
    }

    fn letter_case(&self, value: &Value) -> Refused<LetterCase> {
        match self.text_of(value)? {
            "ignore" => Ok(LetterCase::Ignore),
            "exact" => Ok(LetterCase::Exact),
            other => {
                let what = format!("`case` is `ignore` or `exact`, not `{other}`");
                Err(self.refuse(value.span(), what))
            }
        }
    }

    fn fallback(&self, key: &str, value: &Value) -> Refused<Fallback> {
        let wanted = "`error`, `reject`, `skip` or `{ default = \"…\" }`";
        match value.get_ref() {
            DeValue::String(word) => match &**word {
                "error" => Ok(Fallback::Error),
                "reject" => Ok(Fallback::Reject),
                "skip" => Ok(Fallback::Skip),
                other => {
                    let what = format!("`{key}` is {wanted}, not `{other}`");
                    Err(self.refuse(value.span(), what))
                }
            },
            DeValue::Table(table) => {
                self.only_known(table, &["default"], "key")?;
                Ok(Fallback::Default(self.needed(table, value, "default")?.to_owned()))
            }
            _ => {
                let what = format!("`{key}` is {wanted}, not {}", kind_of(value));
                Err(self.refuse(value.span(), what))
            }
        }
    }
}
