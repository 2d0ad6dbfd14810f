//! The columns of a query as Data Loader reads them: their headers are what was typed.

/// Why Data Loader would not take a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadQuery {
    #[error("a query begins with `select`")]
    NoSelect,
    #[error("a query needs `from` behind its columns")]
    NoFrom,
    #[error("a query in the columns of another is not supported")]
    Nested,
    #[error("a column of the query is empty")]
    Empty,
}

/// One column of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    /// Its header: the text without blanks around it, or its alias.
    pub header: String,
    /// Whether it is a field, and no function.
    pub is_field: bool,
}

/// The columns between `select` and `from`.
pub fn columns(query: &str) -> Result<Vec<Typed>, BadQuery> {
    let query = query.trim_start();
    let select = query.get(..6).filter(|word| word.eq_ignore_ascii_case("select"));
    let rest = &query[select.ok_or(BadQuery::NoSelect)?.len()..];
    if !rest.starts_with(|c: char| c.is_whitespace()) {
        return Err(BadQuery::NoSelect);
    }
    let (mut items, mut depth, mut begin) = (Vec::new(), 0_usize, 0);
    let mut before = ' ';
    for (at, c) in rest.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                items.push(&rest[begin..at]);
                begin = at + 1;
            }
            'f' | 'F' if depth == 0 && before.is_whitespace() && is_from(&rest[at..]) => {
                items.push(&rest[begin..at]);
                return items.into_iter().map(typed).collect();
            }
            _ => {}
        }
        before = c;
    }
    Err(BadQuery::NoFrom)
}

fn is_from(text: &str) -> bool {
    let word = text.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("from"));
    word && text[4..].starts_with(|c: char| c.is_whitespace())
}

fn typed(item: &str) -> Result<Typed, BadQuery> {
    let item = item.trim();
    if item.is_empty() {
        return Err(BadQuery::Empty);
    }
    if item.starts_with('(') {
        return Err(BadQuery::Nested);
    }
    let Some(end) = item.rfind(')') else {
        return Ok(Typed { header: item.to_owned(), is_field: true });
    };
    let alias = item[end + 1..].trim();
    let header = if alias.is_empty() { item } else { alias };
    Ok(Typed { header: header.to_owned(), is_field: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_as_typed() {
        for (query, wanted) in [
            ("Select id, Name,Phone from Account", &["id", "Name", "Phone"][..]),
            ("SELECT\n  Owner.NAME\n ,\tfromage__c\nFROM Account", &["Owner.NAME", "fromage__c"]),
            ("select count(Id) total, max(x) FROM Account", &["total", "max(x)"]),
            ("select toLabel(From_a__c), Id from Account", &["toLabel(From_a__c)", "Id"]),
        ] {
            let typed = columns(query).unwrap();
            let headers: Vec<&str> = typed.iter().map(|typed| &*typed.header).collect();
            assert_eq!(headers, wanted, "{query}");
            assert!(
                typed
                    .iter()
                    .all(|typed| typed.is_field != query.contains('(') || typed.header == "Id")
            );
        }
    }

    #[test]
    fn what_data_loader_does_not_take() {
        for (query, wanted) in [
            ("", BadQuery::NoSelect),
            ("selectId from Account", BadQuery::NoSelect),
            ("é", BadQuery::NoSelect),
            ("update Account", BadQuery::NoSelect),
            ("select Id", BadQuery::NoFrom),
            ("select Id fromAccount", BadQuery::NoFrom),
            ("select Id, (select Id from Contacts) from Account", BadQuery::Nested),
            ("select Id,, Name from Account", BadQuery::Empty),
            ("select from Account", BadQuery::Empty),
        ] {
            assert_eq!(columns(query), Err(wanted), "{query}");
        }
    }
}
