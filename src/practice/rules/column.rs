//! What a column name of an upload stands for.

use crate::practice::objects::Object;

/// Where the values of a column go.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// Place of the field.
    Field(usize),
    /// Place of the reference that is filled with the record of `object` whose field `key` has the
    /// value.
    Related { reference: usize, object: &'static Object, key: usize },
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Target {
    fn parts(&self) -> (usize, Option<(u16, usize)>) {
        match self {
            Self::Field(place) => (*place, None),
            Self::Related { reference, object, key } => (*reference, Some((object.index, *key))),
        }
    }

    /// Place of the field of the object itself.
    pub fn place(&self) -> usize {
        self.parts().0
    }
}

/// Resolves `Field`, `Rel.Field` or `Type:Rel.Field`; the error is the name that is not known.
pub fn resolve(object: &'static Object, column: &str) -> Result<Target, String> {
    let unknown = || column.to_owned();
    let Some((path, key)) = column.split_once('.') else {
        return object.position(column).map(Target::Field).ok_or_else(unknown);
    };
    let (kind, relationship) = match path.split_once(':') {
        Some((kind, relationship)) => (Some(kind), relationship),
        None => (None, path),
    };
    let reference = object.relationship(relationship).ok_or_else(unknown)?;
    let field = &object.fields[reference];
    let name = match kind {
        // One object can stand there, so naming it is an error; with several it is a duty.
        Some(_) if !field.polymorphic() => None,
        None if field.polymorphic() => None,
        Some(kind) => field.refers_to.iter().find(|name| name.eq_ignore_ascii_case(kind)).copied(),
        None => Some(field.refers_to[0]),
    };
    let related = name.and_then(|name| object.catalog().find(name)).ok_or_else(unknown)?;
    let key = related.position(key).ok_or_else(unknown)?;
    if !related.fields[key].is_key() {
        return Err(unknown());
    }
    Ok(Target::Related { reference, object: related, key })
}

/// A column in the spelling of the describe.
pub fn spelled(object: &'static Object, column: &str) -> Option<String> {
    Some(match resolve(object, column).ok()? {
        Target::Field(place) => object.fields[place].name.to_owned(),
        Target::Related { reference, object: related, key } => {
            let field = &object.fields[reference];
            let kind =
                if field.polymorphic() { format!("{}:", related.name()) } else { String::new() };
            format!("{kind}{}.{}", field.relationship, related.fields[key].name)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::practice::objects;

    #[test]
    fn columns_of_all_forms() {
        for (object, column, known) in [
            ("Account", "Name", true),
            ("Account", "ANNUALREVENUE", true),
            ("Account", "Nope__c", false),
            ("Account", "Parent.Legacy_Id__c", true),
            ("Account", "Parent.Name", false),
            ("Account", "Account:Parent.Legacy_Id__c", false),
            ("Account", "Owner.Username", true),
            ("Case", "Owner.Username", false),
            ("Case", "User:Owner.Username", true),
            ("Case", "Group:Owner.Name", false),
            ("Case", "Profile:Owner.Name", false),
            ("Shipment__c", "Account__r.Legacy_Id__c", true),
            ("Shipment__c", "Account__c.Legacy_Id__c", false),
            ("PermissionSetAssignment", "Assignee.Username", true),
            ("PermissionSetAssignment", "PermissionSet.Name", false),
            ("Contact", "ReportsTo.Email", true),
        ] {
            let target = resolve(objects::find(object).unwrap(), column);
            assert_eq!(target.is_ok(), known, "{object} {column}");
        }
    }
}
