//! The field of the org that a check is about, and the questions about it.

use super::super::decimal::Decimal;
use super::super::question;
use crate::model::failure::{Blame, Failure};
use crate::model::names::ObjectName;
use crate::model::schema::{FieldKind, FieldSchema};
use crate::model::wording::{nearest, shown};
use crate::target::{ExportQuery, Fault, Target};

/// Records of an object.
pub(super) struct Records<'a, T> {
    target: &'a T,
    object: ObjectName,
    filter: Option<&'a str>,
}

impl<'a, T: Target> Records<'a, T> {
    pub fn of(target: &'a T, object: &str, filter: Option<&'a str>) -> Result<Self, Failure> {
        let object = ObjectName::parse(object)
            .map_err(|error| Failure::new(Blame::Request, error.to_string()))?;
        Ok(Self { target, object, filter })
    }

    /// The field as the object describes it.
    pub async fn field(&self, name: &str) -> Result<FieldSchema, Failure> {
        let described = self.target.describe(&self.object).await.map_err(Fault::of_request)?;
        if let Some(field) = described.field(name) {
            return Ok(field.clone());
        }
        let message = format!("`{}` has no field `{}`", described.name, name.escape_debug());
        let failure = Failure::new(Blame::Request, message);
        Err(match nearest(name, described.fields.iter().map(|field| field.name.as_str())) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => {
                failure.hint(format!("`longshore describe {}` lists its fields", described.name))
            }
        })
    }

    /// How many there are.
    pub async fn count(&self) -> Result<u64, Failure> {
        if self.asks_soql() {
            return self.ask_count(None).await;
        }
        let counted = self.target.count_records(&self.object).await?;
        if let Some(counted) = counted.filter(|_| self.filter.is_none()) {
            return Ok(counted);
        }
        let described = self.target.describe(&self.object).await.map_err(Fault::of_request)?;
        let nothing = || Failure::new(Blame::Run, format!("`{}` has no fields", self.object));
        let field = described.fields.first().ok_or_else(nothing)?;
        self.blanks(field).await.map(|(_, all)| all)
    }

    /// How many have no value in a field, and how many there are.
    pub async fn blanks(&self, field: &FieldSchema) -> Result<(u64, u64), Failure> {
        if self.asks_soql() && is_filterable(field) {
            let blank = format!("{} = null", field.name);
            return Ok((self.ask_count(Some(&blank)).await?, self.ask_count(None).await?));
        }
        let (mut blank, mut all) = (0, 0);
        self.export(field, None, |value| {
            blank += u64::from(value.is_empty());
            all += 1;
            Ok(())
        })
        .await?;
        Ok((blank, all))
    }

    async fn ask_count(&self, and: Option<&str>) -> Result<u64, Failure> {
        let value = question::one_value(self.target, &self.soql("COUNT()", and)).await?;
        value.parse().map_err(|_| nonsense("how many records there are", &value))
    }

    /// The sum of a field; nought where no record has a value.
    pub async fn sum(&self, field: &FieldSchema) -> Result<Decimal, Failure> {
        if !self.asks_soql() {
            let mut sum = Decimal::default();
            self.values(field, |value| {
                let text = std::str::from_utf8(value).unwrap_or_default();
                let number = Decimal::parse(text).ok().and_then(|number| sum.plus(number));
                sum = number.ok_or_else(|| nonsense("numbers", text))?;
                Ok(())
            })
            .await?;
            return Ok(sum);
        }
        let sum = format!("SUM({})", field.name);
        let value = question::one_value(self.target, &self.soql(&sum, None)).await?;
        if value.is_empty() {
            return Ok(Decimal::default());
        }
        Decimal::parse(&value).map_err(|_| nonsense("a sum", &value))
    }

    /// Hands the values of a field to `each`, without those that are empty.
    pub async fn values(
        &self,
        field: &FieldSchema,
        mut each: impl FnMut(&[u8]) -> Result<(), Failure> + Send,
    ) -> Result<(), Failure> {
        let there = format!("{} != null", field.name);
        let there = is_filterable(field).then_some(there.as_str());
        self.export(field, there, |value| if value.is_empty() { Ok(()) } else { each(value) }).await
    }

    async fn export(
        &self,
        field: &FieldSchema,
        and: Option<&str>,
        each: impl FnMut(&[u8]) -> Result<(), Failure> + Send,
    ) -> Result<(), Failure> {
        let query = if self.asks_soql() {
            ExportQuery::Soql(self.soql(&field.name, and))
        } else {
            ExportQuery::Object {
                object: self.object.clone(),
                fields: vec![field.name.clone()],
                filter: self.filter.map(str::to_owned),
            }
        };
        question::values(self.target, query, each).await
    }

    /// Whether the far side can be asked for numbers; elsewhere its records are gone through.
    fn asks_soql(&self) -> bool {
        self.target.kind() == "salesforce"
    }

    fn soql(&self, what: &str, and: Option<&str>) -> String {
        let condition = match (self.filter, and) {
            (None, None) => String::new(),
            (Some(filter), None) => format!(" WHERE {filter}"),
            (None, Some(and)) => format!(" WHERE {and}"),
            (Some(filter), Some(and)) => format!(" WHERE ({filter}) AND {and}"),
        };
        format!("SELECT {what} FROM {}{condition}", self.object)
    }
}

/// Conditions on long texts are refused.
fn is_filterable(field: &FieldSchema) -> bool {
    !matches!(field.kind, FieldKind::Textarea | FieldKind::Base64 | FieldKind::Other)
}

fn nonsense(what: &str, value: &str) -> Failure {
    let value = shown(value.as_bytes());
    Failure::new(Blame::Run, format!("the org was asked for {what} and answered `{value}`"))
}
