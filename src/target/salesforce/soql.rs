//! As much of SOQL as an export must understand: the columns, and which API can run it.

/// A query, taken apart. The text itself is sent as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Soql {
    pub(super) text: String,
    pub(super) columns: Columns,
    /// The object after `FROM`.
    pub(super) from: String,
    /// Aggregates, `GROUP BY`, `OFFSET` and `FIELDS()` are for the REST API only.
    pub(super) rest_only: bool,
    pub(super) limit: Option<u64>,
    /// `SELECT COUNT() FROM …` with the same filter.
    pub(super) count: String,
}

/// What a row consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Columns {
    /// `COUNT()` alone: one row, one number; the text is as written.
    Count(String),
    /// `FIELDS(…)`: whatever the first record has.
    Found,
    Named(Vec<Column>),
}

/// A column of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// As written in the query; for a function its alias, or the `expr0` of the far side.
    pub(super) header: String,
    /// Where the value is in a REST record: relationship names, then the field.
    pub(super) path: Vec<String>,
}

/// Functions that make a query an aggregate one.
const AGGREGATES: [&str; 7] = ["COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX", "GROUPING"];

impl Soql {
    /// Takes a query apart; the error is a message for people.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let text = text.trim().trim_end_matches(';').trim_end();
        let tokens = tokens(text)?;
        let word_at = |index: usize, word: &str| {
            tokens.get(index).is_some_and(|token: &Token| token.is(text, word))
        };
        if !word_at(0, "SELECT") {
            return Err("a query begins with `SELECT`".to_owned());
        }
        let top = |word: &str, from: usize| {
            (from..tokens.len()).find(|at| tokens[*at].depth == 0 && word_at(*at, word))
        };
        let from = top("FROM", 1).ok_or("a query needs `FROM` and an object")?;
        let object = tokens.get(from + 1).filter(|token| token.kind == Kind::Word);
        let object = object.ok_or("a query needs an object after `FROM`")?.text(text).to_owned();
        let alias = tokens.get(from + 2).filter(|token| token.kind == Kind::Word);
        let alias = alias.map(|token| token.text(text)).filter(|word| !is_clause(word));
        let group = top("GROUP", from);
        let items: Vec<_> = tokens[1..from].split(Token::is_comma).collect();
        let grouped = group.is_some() || items.iter().any(|item| is_aggregate(item, text));
        let columns = columns(&items, text, grouped, &[Some(object.as_str()), alias])?;
        let limit = top("LIMIT", from).and_then(|at| tokens.get(at + 1));
        let clauses = ["GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FOR", "ALL", "UPDATE"];
        let filter_end = clauses.iter().filter_map(|word| top(word, from + 2)).min();
        let filter_end = filter_end.map_or(text.len(), |at| tokens[at].start);
        let rest_only = grouped || top("OFFSET", from).is_some() || columns == Columns::Found;
        Ok(Self {
            count: format!("SELECT COUNT() {}", text[tokens[from].start..filter_end].trim_end()),
            text: text.to_owned(),
            columns,
            from: object,
            rest_only,
            limit: limit.and_then(|token| token.text(text).parse().ok()),
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    Text,
    Sign(u8),
}

#[derive(Debug, Clone, Copy)]
struct Token {
    kind: Kind,
    start: usize,
    end: usize,
    /// Brackets that are open around it; brackets themselves count as inside.
    depth: usize,
}

impl Token {
    fn text<'a>(&self, all: &'a str) -> &'a str {
        &all[self.start..self.end]
    }

    fn is(&self, all: &str, word: &str) -> bool {
        self.kind == Kind::Word && self.text(all).eq_ignore_ascii_case(word)
    }

    fn is_comma(&self) -> bool {
        self.kind == Kind::Sign(b',') && self.depth == 0
    }
}

fn is_clause(word: &str) -> bool {
    [
        "WHERE", "WITH", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FOR", "ALL", "UPDATE",
        "USING",
    ]
    .iter()
    .any(|clause| clause.eq_ignore_ascii_case(word))
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let (mut at, mut depth) = (0_usize, 0_usize);
    while at < bytes.len() {
        let start = at;
        let kind = match bytes[at] {
            b'\'' => {
                at = end_of_text(bytes, at)
                    .ok_or_else(|| format!("the text that begins at {} is not closed", at + 1))?;
                Kind::Text
            }
            byte if is_word(byte) => {
                while at < bytes.len() && is_word(bytes[at]) {
                    at += 1;
                }
                Kind::Word
            }
            byte => {
                at += 1;
                if byte.is_ascii_whitespace() {
                    continue;
                }
                Kind::Sign(byte)
            }
        };
        if kind == Kind::Sign(b'(') {
            depth += 1;
        }
        tokens.push(Token { kind, start, end: at, depth });
        if kind == Kind::Sign(b')') {
            depth = depth.checked_sub(1).ok_or("there is a `)` too many")?;
        }
    }
    if depth > 0 { Err("a `(` is not closed".to_owned()) } else { Ok(tokens) }
}

/// Letters of other scripts are words, too, so that nothing is cut inside a character.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.' || byte >= 0x80
}

fn end_of_text(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'\'' => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

fn is_aggregate(item: &[Token], text: &str) -> bool {
    let called = item.get(1).is_some_and(|token| token.kind == Kind::Sign(b'('));
    called && item.first().is_some_and(|name| AGGREGATES.iter().any(|word| name.is(text, word)))
}

fn columns(
    items: &[&[Token]],
    text: &str,
    grouped: bool,
    own: &[Option<&str>],
) -> Result<Columns, String> {
    let mut named = Vec::new();
    let mut unnamed = 0;
    for item in items {
        let Some(first) = item.first() else {
            return Err("a column is missing between two commas".to_owned());
        };
        let called = item.get(1).is_some_and(|token| token.kind == Kind::Sign(b'('));
        match first.kind {
            Kind::Sign(b'(') => {
                return Err("rows of a relationship subquery do not fit into a CSV; export the \
                            child object on its own"
                    .to_owned());
            }
            Kind::Word if first.is(text, "TYPEOF") => {
                return Err("`TYPEOF` gives rows of several shapes; name the fields".to_owned());
            }
            Kind::Word if called && first.is(text, "FIELDS") => return Ok(Columns::Found),
            Kind::Word if called => {
                let last = item[item.len() - 1];
                let alias = (last.kind == Kind::Word && last.depth == 0).then(|| last.text(text));
                if items.len() == 1 && first.is(text, "COUNT") && item.len() == 3 {
                    return Ok(Columns::Count(text[first.start..last.end].to_owned()));
                }
                let inner = item.iter().skip(2).find(|token| token.kind == Kind::Word);
                named.push(match (alias, inner) {
                    (None, Some(inner)) if !grouped => column(inner.text(text), own),
                    (Some(alias), _) => column(alias, &[]),
                    (None, _) => {
                        unnamed += 1;
                        column(&format!("expr{}", unnamed - 1), &[])
                    }
                });
            }
            Kind::Word => {
                let last = item[item.len() - 1];
                let written = last.text(text);
                // A grouped record has the field under its own name, without the way to it.
                let field = written.rsplit('.').next().unwrap_or(written);
                named.push(if grouped { column(field, &[]) } else { column(written, own) });
            }
            Kind::Text | Kind::Sign(_) => {
                return Err(format!(
                    "`{}` is not a column",
                    text[first.start..].chars().take(20).collect::<String>()
                ));
            }
        }
    }
    Ok(Columns::Named(named))
}

/// A column as written; the object's own name or alias before the field is not part of the way.
fn column(written: &str, own: &[Option<&str>]) -> Column {
    let mut path: Vec<_> = written.split('.').map(str::to_owned).collect();
    if path.len() > 1 && own.iter().flatten().any(|own| own.eq_ignore_ascii_case(&path[0])) {
        path.remove(0);
    }
    Column { header: path.join("."), path }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(soql: &Soql) -> Vec<&str> {
        match &soql.columns {
            Columns::Named(columns) => columns.iter().map(|c| c.header.as_str()).collect(),
            Columns::Count(text) => vec![text],
            Columns::Found => vec!["*"],
        }
    }

    #[test]
    fn columns_and_route() {
        for (text, columns, rest_only, limit) in [
            (
                "select Id, Assignee.Username from PermissionSetAssignment",
                &["Id", "Assignee.Username"][..],
                false,
                None,
            ),
            (
                "SELECT Id FROM Account WHERE Name = 'x FROM y LIMIT 3' LIMIT 10;",
                &["Id"],
                false,
                Some(10),
            ),
            (
                "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact LIMIT 5)",
                &["Id"],
                false,
                None,
            ),
            ("SELECT a.Id, a.Owner.Name FROM Account a", &["Id", "Owner.Name"], false, None),
            ("SELECT Account.Name FROM Account", &["Name"], false, None),
            ("SELECT toLabel(Status), Id FROM Case", &["Status", "Id"], false, None),
            ("SELECT COUNT() FROM Account", &["COUNT()"], true, None),
            ("SELECT count( ) FROM Account", &["count( )"], true, None),
            (
                "SELECT COUNT(Id), MAX(Amount) big, Owner.Name FROM Opportunity GROUP BY Owner.Name",
                &["expr0", "big", "Name"],
                true,
                None,
            ),
            ("SELECT Id FROM Account OFFSET 5", &["Id"], true, None),
            ("SELECT FIELDS(ALL) FROM Account LIMIT 200", &["*"], true, Some(200)),
            ("SELECT Id\nFROM Ünï WHERE x='é\\'('", &["Id"], false, None),
        ] {
            let soql = Soql::read(text).unwrap();
            assert_eq!(headers(&soql), columns, "{text}");
            assert_eq!((soql.rest_only, soql.limit), (rest_only, limit), "{text}");
        }
    }

    #[test]
    fn the_count_keeps_the_filter_and_nothing_else() {
        for (text, count) in [
            ("SELECT Id, Name FROM Account", "SELECT COUNT() FROM Account"),
            (
                "SELECT Id FROM Account a WHERE a.Name LIKE 'ORDER%' ORDER BY Name LIMIT 9000",
                "SELECT COUNT() FROM Account a WHERE a.Name LIKE 'ORDER%'",
            ),
            ("SELECT Id FROM Account FOR VIEW", "SELECT COUNT() FROM Account"),
        ] {
            assert_eq!(Soql::read(text).unwrap().count, count);
        }
    }

    #[test]
    fn refusals() {
        for (text, part) in [
            ("", "begins with `SELECT`"),
            ("UPDATE Account", "begins with `SELECT`"),
            ("SELECT Id", "needs `FROM`"),
            ("SELECT Id FROM", "an object after `FROM`"),
            ("SELECT Id, FROM Account", "a column is missing"),
            ("SELECT * FROM Account", "`* FROM Account` is not a column"),
            ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "export the child object"),
            ("SELECT TYPEOF What WHEN Account THEN Phone END FROM Event", "several shapes"),
            ("SELECT Id FROM Account WHERE Name = 'x", "text that begins at 37 is not closed"),
            ("SELECT Id FROM Account WHERE (a = 1", "`(` is not closed"),
            ("SELECT Id FROM Account)", "`)` too many"),
        ] {
            let message = Soql::read(text).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
