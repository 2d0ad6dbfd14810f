//! The one decision of a load about its columns: what goes where, what stays home, what is refused.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::convert::{Convert, Settings};
use super::error::{MapError, listed};
use super::resolve::{Resolved, Unfit, may_send, resolve, resolve_loosely};
use super::{Filling, LookupSlot, Mapping, Slot};
use crate::config::dataloader::conversions::Conversions;
use crate::config::mapping::{
    Dialect, MappingSpec, Missing, Place, Rule, RuleSource, Transform, Unmapped,
};
use crate::config::plan::{Delimiter, Nulls};
use crate::model::names::is_result_column;
use crate::model::operation::Operation;
use crate::model::schema::{FieldKind, FieldSchema, LoadSchema, SentField};
use crate::model::wording::nearest;

/// What the load is to do, as far as its columns depend on it.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub operation: Operation,
    /// The key field of an upsert.
    pub external_id: Option<String>,
    pub nulls: Nulls,
    /// Data Loader's, where its files are loaded as it loads them.
    pub conversions: Option<Conversions>,
    /// A line of the mapping whose column is not in the file is left out, and a notice says so.
    pub passes_over: bool,
}

impl Wanted {
    /// Whether the field is what finds the record: the Id, or the key of an upsert.
    pub(super) fn is_key(&self, field: &FieldSchema) -> bool {
        match self.operation {
            Operation::Insert => false,
            Operation::Upsert => {
                self.external_id.as_deref().is_some_and(|key| key.eq_ignore_ascii_case(&field.name))
            }
            _ => field.kind == FieldKind::Id,
        }
    }
}

/// Works the columns of a file out to the fields of the body.
///
/// Without a mapping file, headers are field names or relationship columns, case ignored; what
/// matches nothing or cannot be set (an export has many such columns) is not sent, and a notice
/// says so. With a mapping file all that it names must be right. Either way the load is refused
/// when a field has two sources, the key is missing, or nothing would be sent.
pub fn compile(
    header: &[String],
    spec: Option<&MappingSpec>,
    schema: &LoadSchema,
    wanted: &Wanted,
) -> Result<Mapping, MapError> {
    let key = key_of(schema, wanted)?;
    let mut draft =
        Draft { header, schema, wanted, bound: Vec::new(), left: Vec::new(), passed: Vec::new() };
    match spec {
        Some(spec) => draft.by_rules(spec)?,
        None => draft.by_header()?,
    }
    draft.finish(key, spec)
}

/// The key that each row must carry, checked for being one.
fn key_of(schema: &LoadSchema, wanted: &Wanted) -> Result<Option<String>, MapError> {
    let object = &schema.object;
    match wanted.operation {
        Operation::Insert => Ok(None),
        Operation::Upsert => {
            let key = wanted.external_id.as_deref().ok_or(MapError::NoExternalId)?;
            match object.field(key) {
                Some(field) if field.is_key() => Ok(Some(field.name.clone())),
                found => {
                    let keys = object.fields.iter().filter(|field| field.is_key());
                    Err(MapError::BadKey {
                        object: object.name.clone(),
                        field: found.map_or(key, |field| &field.name).to_owned(),
                        known: found.is_some(),
                        keys: keys.map(|field| field.name.clone()).collect(),
                    })
                }
            }
        }
        operation => Ok(object.needs_id(operation).then(|| "Id".to_owned())),
    }
}

/// The mapping while it is made.
struct Draft<'a> {
    header: &'a [String],
    schema: &'a LoadSchema,
    wanted: &'a Wanted,
    bound: Vec<Bound>,
    /// Columns that stay home, and why.
    left: Vec<(String, Reason)>,
    /// Columns of the mapping that the file does not have.
    passed: Vec<String>,
}

/// A field with its source.
struct Bound {
    resolved: Resolved,
    from: String,
    place: Option<Place>,
    filling: Filling,
    transforms: Vec<Transform>,
    lookup: Option<LookupSlot>,
}

/// Why a column is not sent.
enum Reason {
    Unnamed,
    Unfit(Unfit),
}

impl Draft<'_> {
    fn by_header(&mut self) -> Result<(), MapError> {
        for (index, column) in self.header.iter().enumerate() {
            if is_result_column(column) {
                continue;
            }
            let resolved = resolve(column, self.schema).and_then(|resolved| {
                may_send(&resolved, &self.schema.object, self.wanted).map(|()| resolved)
            });
            match resolved {
                Ok(resolved) => self.bound.push(Bound {
                    resolved,
                    from: column.clone(),
                    place: None,
                    filling: Filling::Column(index),
                    transforms: Vec::new(),
                    lookup: None,
                }),
                Err(unfit) if self.is_slip(&unfit) => {
                    return Err(MapError::Unfit {
                        place: None,
                        name: column.clone(),
                        unfit: Box::new(unfit),
                    });
                }
                Err(unfit) => {
                    let operation = self.wanted.operation;
                    let only_id = self.schema.object.sends_only_id(operation);
                    let unfit = if only_id { Unfit::OnlyId { operation } } else { unfit };
                    self.left.push((column.clone(), Reason::Unfit(unfit)));
                }
            }
        }
        self.no_field_twice(None)?;
        let unknown = |reason: &Reason| !matches!(reason, Reason::Unfit(unfit) if unfit.is_known());
        let all_unknown = self.left.iter().all(|(_, reason)| unknown(reason));
        if self.bound.is_empty() && (all_unknown || self.delimiter_inside().is_some()) {
            return Err(self.nothing_matches());
        }
        Ok(())
    }

    /// Whether a header is so nearly a relationship column that leaving it out would be a surprise.
    fn is_slip(&self, unfit: &Unfit) -> bool {
        !self.schema.object.sends_only_id(self.wanted.operation)
            && matches!(
                unfit,
                Unfit::NeedsType { .. } | Unfit::NeedlessType { .. } | Unfit::WrongType { .. }
            )
    }

    fn by_rules(&mut self, spec: &MappingSpec) -> Result<(), MapError> {
        let mut named = BTreeSet::new();
        let passes_over = self.wanted.passes_over || spec.missing == Missing::Ignore;
        for rule in &spec.rules {
            let at = format!("{}:{}", spec.name, rule.place);
            let mut filling = match self.filling(rule, &at, &mut named) {
                Err(MapError::NoColumn { column, .. }) if passes_over => {
                    self.passed.push(column);
                    continue;
                }
                filling => filling?,
            };
            let refuse = |unfit| MapError::Unfit {
                place: Some(at.clone()),
                name: rule.target.clone(),
                unfit: Box::new(unfit),
            };
            let resolved = match spec.dialect {
                Dialect::Ours => resolve(&rule.target, self.schema),
                Dialect::DataLoader => resolve_loosely(&rule.target, self.schema),
            };
            let resolved = resolved.map_err(refuse)?;
            if let (Dialect::DataLoader, Filling::Joined { columns, .. }) = (spec.dialect, &filling)
                && !is_joined(resolved.related.as_ref().unwrap_or(&resolved.field))
            {
                filling = Filling::Column(columns[0]);
            }
            match may_send(&resolved, &self.schema.object, self.wanted) {
                Ok(()) => {}
                Err(unfit @ Unfit::OnlyId { .. }) => {
                    self.leave_rule(rule, &unfit);
                    continue;
                }
                Err(unfit) => return Err(refuse(unfit)),
            }
            let lookup = rule.lookup.as_ref();
            let lookup = lookup.map(|it| LookupSlot::new(it, &at, &resolved, self.schema));
            self.bound.push(Bound {
                from: rule_source(rule),
                place: Some(rule.place),
                filling,
                transforms: rule.transforms.clone(),
                lookup: lookup.transpose()?,
                resolved,
            });
        }
        self.no_field_twice(Some(spec))?;
        let unnamed = self
            .header
            .iter()
            .enumerate()
            .filter(|(index, column)| !named.contains(index) && !is_result_column(column));
        let unnamed: Vec<String> = unnamed.map(|(_, column)| column.clone()).collect();
        if spec.unmapped == Unmapped::Refuse && !unnamed.is_empty() {
            return Err(MapError::Unmapped { name: spec.name.clone(), columns: unnamed });
        }
        self.left.extend(unnamed.into_iter().map(|column| (column, Reason::Unnamed)));
        Ok(())
    }

    /// Notes the columns of a rule that this operation has no place for.
    fn leave_rule(&mut self, rule: &Rule, unfit: &Unfit) {
        let columns = match &rule.source {
            RuleSource::Constant(_) => return,
            RuleSource::Column(column) => vec![column.clone()],
            RuleSource::Columns { columns, .. } => columns.clone(),
        };
        for column in columns {
            if !self.left.iter().any(|(left, _)| *left == column) {
                self.left.push((column, Reason::Unfit(unfit.clone())));
            }
        }
    }

    fn filling(
        &self,
        rule: &Rule,
        at: &str,
        named: &mut BTreeSet<usize>,
    ) -> Result<Filling, MapError> {
        let mut index_of = |column: &str| -> Result<usize, MapError> {
            let index = self.column(column, at)?;
            named.insert(index);
            Ok(index)
        };
        Ok(match &rule.source {
            RuleSource::Constant(text) => {
                Filling::Constant(text.replace("\r\n", "\n").replace('\r', "\n").into_bytes())
            }
            RuleSource::Column(column) => Filling::Column(index_of(column)?),
            RuleSource::Columns { columns, separator, keep_empty } => Filling::Joined {
                columns: columns.iter().map(|column| index_of(column)).collect::<Result<_, _>>()?,
                separator: separator.clone().into_bytes(),
                keep_empty: *keep_empty,
            },
        })
    }

    /// The column of that name: in the same spelling, or else without case.
    fn column(&self, name: &str, at: &str) -> Result<usize, MapError> {
        if is_result_column(name) {
            return Err(MapError::ResultColumn { place: at.to_owned(), column: name.to_owned() });
        }
        let exact = self.header.iter().position(|column| column == name);
        let lower = name.to_lowercase();
        let found =
            exact.or_else(|| self.header.iter().position(|column| column.to_lowercase() == lower));
        found.ok_or_else(|| {
            let near = nearest(name, self.header.iter().map(String::as_str));
            MapError::NoColumn {
                place: at.to_owned(),
                column: name.to_owned(),
                columns: self.header.to_vec(),
                near: near.map(str::to_owned),
            }
        })
    }

    /// A reference given by id and by relationship counts as given twice, too.
    fn no_field_twice(&self, spec: Option<&MappingSpec>) -> Result<(), MapError> {
        for (index, second) in self.bound.iter().enumerate() {
            let field = &second.resolved.field.name;
            let same = |first: &&Bound| first.resolved.field.name == *field;
            let Some(first) = self.bound[..index].iter().find(same) else {
                continue;
            };
            let places = match (spec, first.place, second.place) {
                (Some(spec), Some(one), Some(two)) => {
                    Some(format!("{}:{one} and {}:{two}", spec.name, spec.name))
                }
                _ => None,
            };
            return Err(MapError::OneFieldTwice {
                field: field.clone(),
                first: first.from.clone(),
                second: second.from.clone(),
                places,
            });
        }
        Ok(())
    }

    fn nothing_matches(&self) -> MapError {
        let columns: Vec<String> = self.left.iter().map(|(column, _)| column.clone()).collect();
        let near = self.left.iter().filter_map(|(column, reason)| match reason {
            Reason::Unfit(unfit) => Some((column.clone(), unfit.meant()?)),
            Reason::Unnamed => None,
        });
        MapError::NothingMatches {
            object: self.schema.object.name.clone(),
            near: near.collect(),
            columns,
            delimiter: self.delimiter_inside(),
        }
    }

    /// The delimiter that the only header cell is full of: the file was cut at the wrong one.
    fn delimiter_inside(&self) -> Option<&'static str> {
        let [only] = self.header else {
            return None;
        };
        let count = |d: &Delimiter| only.bytes().filter(|byte| *byte == d.byte()).count();
        let likely = Delimiter::ALL.into_iter().max_by_key(count);
        likely.filter(|delimiter| count(delimiter) > 0).map(Delimiter::word)
    }

    fn finish(self, key: Option<String>, spec: Option<&MappingSpec>) -> Result<Mapping, MapError> {
        if let Some(key) = key {
            let is_key = |bound: &Bound| {
                bound.resolved.related.is_none() && bound.resolved.field.name == key
            };
            if !self.bound.iter().any(is_key) {
                return Err(self.no_key(key, spec.is_some()));
            }
        }
        let notices = self.notices();
        if self.wanted.operation == Operation::Update && self.bound.len() == 1 {
            return Err(MapError::OnlyKey { notices });
        }
        if self.bound.is_empty() {
            return Err(self.nothing_matches());
        }
        let mut not_sent = Vec::new();
        for column in self.header {
            if self.left.iter().any(|(left, _)| left.to_lowercase() == column.to_lowercase()) {
                not_sent.push(column.clone());
            }
        }
        let wanted = self.wanted;
        let settings = wanted.conversions.as_ref().map(Settings::new).transpose()?.map(Arc::new);
        let split = |bound: Bound| bound.split(wanted, settings.as_ref());
        let (sent, slots) = self.bound.into_iter().map(split).unzip();
        Ok(Mapping { sent, not_sent, notices, slots })
    }

    fn no_key(&self, key: String, mapped: bool) -> MapError {
        let candidates = self.left.iter().map(|(column, _)| column.as_str());
        let label = self.schema.object.field(&key).map_or("", |field| &field.label);
        let near = nearest(&key, candidates.clone())
            .or_else(|| nearest(label, candidates.clone()))
            .or_else(|| {
                // `Record ID`, `Account Id` and the like.
                let mut candidates = candidates;
                candidates.find(|column| key == "Id" && column.to_lowercase().ends_with(" id"))
            });
        let near = near.map(str::to_owned);
        MapError::NoKey { operation: self.wanted.operation, key, mapped, near }
    }

    /// Whether a column gives this field already, so that no other can have been meant for it.
    fn is_filled(&self, field: &str) -> bool {
        self.bound.iter().any(|bound| bound.resolved.field.name == field)
    }

    /// One fragment for each reason, columns in file order.
    fn notices(&self) -> Vec<String> {
        let mut groups: Vec<(String, Vec<String>)> = Vec::new();
        for (column, reason) in &self.left {
            let why = match reason {
                Reason::Unnamed => "is not named by the mapping".to_owned(),
                Reason::Unfit(unfit) => match unfit.meant() {
                    Some(meant) if !self.is_filled(&meant) => {
                        format!("{unfit} (did you mean `{meant}`?)")
                    }
                    _ => unfit.to_string(),
                },
            };
            match groups.iter_mut().find(|(known, _)| *known == why) {
                Some((_, columns)) => columns.push(column.clone()),
                None => groups.push((why, vec![column.clone()])),
            }
        }
        let not_sent = groups.iter().map(|(why, columns)| match columns.len() {
            1 => format!("not sent: {} {why}", listed(columns)),
            _ => format!("not sent: {}: each {why}", listed(columns)),
        });
        let passed = (!self.passed.is_empty()).then(|| {
            let columns = listed(&self.passed);
            format!("passed over: the mapping names {columns}, and the file has no such column")
        });
        not_sent.chain(passed).collect()
    }
}

impl Bound {
    fn split(self, wanted: &Wanted, settings: Option<&Arc<Settings>>) -> (SentField, Slot) {
        let Resolved { header, field, related } = self.resolved;
        let sent = SentField { header, from: self.from, field, related };
        let may_clear = matches!(wanted.operation, Operation::Update | Operation::Upsert);
        let is_key = sent.related.is_none() && wanted.is_key(&sent.field);
        let clears =
            wanted.nulls == Nulls::Clear || settings.is_some_and(|settings| settings.clears());
        let slot = Slot {
            column: match self.filling {
                Filling::Constant(_) => sent.header.clone(),
                _ => sent.from.clone(),
            },
            clear: clears && may_clear && !is_key,
            // A lookup gives an id, whatever its key is.
            convert: settings.filter(|_| self.lookup.is_none()).map(|it| Convert::of(&sent, it)),
            boolean: sent.value_field().kind == FieldKind::Boolean,
            filling: self.filling,
            transforms: self.transforms,
            lookup: self.lookup,
        };
        (sent, slot)
    }
}

impl Unfit {
    /// Whether the name was understood and the load just cannot set it.
    fn is_known(&self) -> bool {
        matches!(self, Self::NotWritable { .. } | Self::OnlyId { .. } | Self::NotAKey { .. })
    }

    /// The name that was probably meant.
    fn meant(&self) -> Option<String> {
        match self {
            Self::UnknownField { by_label, near, .. } => by_label.clone().or_else(|| near.clone()),
            Self::UnknownRelationship { near, .. } | Self::UnknownRelated { near, .. } => {
                near.clone()
            }
            _ => None,
        }
    }
}

/// Whether Data Loader joins several columns for the field.
fn is_joined(field: &FieldSchema) -> bool {
    matches!(field.kind, FieldKind::String | FieldKind::Textarea)
}

fn rule_source(rule: &Rule) -> String {
    match &rule.source {
        RuleSource::Constant(_) => "constant".to_owned(),
        RuleSource::Column(column) => column.clone(),
        RuleSource::Columns { columns, .. } => columns.join(", "),
    }
}
