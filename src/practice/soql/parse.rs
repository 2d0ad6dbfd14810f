//! From tokens to a tree.

use super::lex::{Kind, Token, lex};
use super::malformed;
use crate::practice::org::SoqlError;

/// Deeper parentheses are refused, so that a query can not use up the stack.
const DEEPEST: u32 = 50;

#[derive(Debug)]
pub(super) struct Select {
    pub items: Vec<Item>,
    pub from: Token,
    pub alias: Option<String>,
    pub filter: Option<Expr>,
    pub order: Vec<Order>,
    pub limit: Option<usize>,
    pub offset: Option<usize>,
}

#[derive(Debug)]
pub(super) enum Item {
    Field(Token),
    /// `COUNT()`.
    CountAll,
    /// `SUM(field)` and the like, and its alias.
    Aggregate(Function, Token, Option<String>),
}

/// An aggregate function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Count,
    CountDistinct,
    Sum,
    Avg,
    Min,
    Max,
}

impl Function {
    const ALL: [Self; 6] =
        [Self::Count, Self::CountDistinct, Self::Sum, Self::Avg, Self::Min, Self::Max];
}

impl Item {
    pub(super) fn at(&self) -> usize {
        match self {
            Self::Field(token) | Self::Aggregate(_, token, _) => token.at,
            Self::CountAll => 0,
        }
    }
}

#[derive(Debug)]
pub(super) struct Order {
    pub field: Token,
    pub descending: bool,
    pub nulls_last: bool,
}

#[derive(Debug)]
pub(super) enum Expr {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Compare { field: Token, op: Op, literal: Literal },
    In { field: Token, negated: bool, literals: Vec<Literal> },
    Semi { field: Token, negated: bool, select: Box<Select> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Like,
}

/// A token, and the number behind the colon of `LAST_N_DAYS:7`.
#[derive(Debug)]
pub(super) struct Literal {
    pub token: Token,
    pub count: Option<i32>,
}

pub(super) fn parse(soql: &str) -> Result<Select, SoqlError> {
    let tokens = lex(soql)?;
    let mut parser = Parser { soql, tokens, at: 0, depth: 0 };
    let select = parser.select()?;
    match parser.peek().kind {
        Kind::End => Ok(select),
        _ => Err(parser.unexpected()),
    }
}

struct Parser<'a> {
    soql: &'a str,
    tokens: Vec<Token>,
    at: usize,
    depth: u32,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.at]
    }

    /// The token after the next.
    fn second(&self) -> &Token {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)]
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        if token.kind != Kind::End {
            self.at += 1;
        }
        token
    }

    fn unexpected(&self) -> SoqlError {
        let token = self.peek();
        malformed(self.soql, token.at, &format!("unexpected token: '{}'", token.text))
    }

    fn eat(&mut self, word: &str) -> bool {
        let eaten = self.peek().word(word);
        self.at += usize::from(eaten);
        eaten
    }

    fn eat_symbol(&mut self, symbol: &str) -> bool {
        let eaten = self.peek().is(symbol);
        self.at += usize::from(eaten);
        eaten
    }

    fn expect(&mut self, word: &str) -> Result<(), SoqlError> {
        if self.eat(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn expect_symbol(&mut self, symbol: &str) -> Result<(), SoqlError> {
        if self.eat_symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn name(&mut self) -> Result<Token, SoqlError> {
        let keyword = ["FROM", "WHERE", "SELECT", "ORDER", "LIMIT", "GROUP", "AND", "OR"];
        let token = self.peek();
        if token.kind != Kind::Word || keyword.iter().any(|word| token.word(word)) {
            return Err(self.unexpected());
        }
        Ok(self.next())
    }

    fn select(&mut self) -> Result<Select, SoqlError> {
        self.expect("SELECT")?;
        let mut items = vec![self.item()?];
        while self.eat_symbol(",") {
            items.push(self.item()?);
        }
        self.expect("FROM")?;
        let from = self.name()?;
        let alias = self.alias();
        let filter = if self.eat("WHERE") { Some(self.condition()?) } else { None };
        let order = if self.eat("ORDER") { self.order()? } else { Vec::new() };
        let limit = if self.eat("LIMIT") { Some(self.number()?) } else { None };
        let offset = if self.eat("OFFSET") { Some(self.number()?) } else { None };
        if self.eat("ALL") {
            // The scope decides; the words only have to be in the right place.
            self.expect("ROWS")?;
        }
        Ok(Select { items, from, alias, filter, order, limit, offset })
    }

    fn alias(&mut self) -> Option<String> {
        let clauses =
            ["WHERE", "ORDER", "LIMIT", "OFFSET", "GROUP", "HAVING", "WITH", "FOR", "USING", "ALL"];
        let token = self.peek();
        let plain = token.kind == Kind::Word && !clauses.iter().any(|word| token.word(word));
        plain.then(|| self.next().text)
    }

    fn item(&mut self) -> Result<Item, SoqlError> {
        let called = self.second().is("(");
        let function = Function::ALL.into_iter().find(|one| self.peek().word(one.name()));
        let Some(function) = function.filter(|_| called) else {
            return Ok(Item::Field(self.name()?));
        };
        self.at += 2;
        if function == Function::Count && self.eat_symbol(")") {
            return Ok(Item::CountAll);
        }
        let field = self.name()?;
        self.expect_symbol(")")?;
        let named = self.peek().kind == Kind::Word && !self.peek().word("FROM");
        let alias = if named { Some(self.name()?.text) } else { None };
        Ok(Item::Aggregate(function, field, alias))
    }

    fn order(&mut self) -> Result<Vec<Order>, SoqlError> {
        self.expect("BY")?;
        let mut order = Vec::new();
        loop {
            let field = self.name()?;
            let descending = self.eat("DESC");
            if !descending {
                self.eat("ASC");
            }
            let mut nulls_last = false;
            if self.eat("NULLS") {
                nulls_last = self.eat("LAST");
                if !nulls_last {
                    self.expect("FIRST")?;
                }
            }
            order.push(Order { field, descending, nulls_last });
            if !self.eat_symbol(",") {
                return Ok(order);
            }
        }
    }

    fn number(&mut self) -> Result<usize, SoqlError> {
        let number = self.peek().text.parse().map_err(|_| self.unexpected())?;
        self.at += 1;
        Ok(number)
    }

    /// A chain of one kind; `AND` and `OR` do not mix without parentheses.
    fn condition(&mut self) -> Result<Expr, SoqlError> {
        let first = self.term()?;
        let word = match self.peek() {
            token if token.word("AND") => "AND",
            token if token.word("OR") => "OR",
            _ => return Ok(first),
        };
        let mut parts = vec![first];
        while self.eat(word) {
            parts.push(self.term()?);
        }
        Ok(if word == "AND" { Expr::And(parts) } else { Expr::Or(parts) })
    }

    fn term(&mut self) -> Result<Expr, SoqlError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(malformed(self.soql, self.peek().at, "the query is nested too deep"));
        }
        let term = self.nested_term();
        self.depth -= 1;
        term
    }

    fn nested_term(&mut self) -> Result<Expr, SoqlError> {
        if self.eat("NOT") {
            return Ok(Expr::Not(Box::new(self.term()?)));
        }
        if self.eat_symbol("(") {
            let inner = self.condition()?;
            self.expect_symbol(")")?;
            return Ok(inner);
        }
        let field = self.name()?;
        if self.eat("NOT") {
            self.expect("IN")?;
            return self.members(field, true);
        }
        if self.eat("IN") {
            return self.members(field, false);
        }
        let op = self.operator()?;
        let literal = self.literal()?;
        Ok(Expr::Compare { field, op, literal })
    }

    fn operator(&mut self) -> Result<Op, SoqlError> {
        let token = self.peek();
        let op = match (token.kind, &*token.text) {
            (Kind::Symbol, "=") => Op::Equal,
            (Kind::Symbol, "!=" | "<>") => Op::NotEqual,
            (Kind::Symbol, "<") => Op::Less,
            (Kind::Symbol, "<=") => Op::LessEqual,
            (Kind::Symbol, ">") => Op::Greater,
            (Kind::Symbol, ">=") => Op::GreaterEqual,
            (Kind::Word, word) if word.eq_ignore_ascii_case("LIKE") => Op::Like,
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        Ok(op)
    }

    fn literal(&mut self) -> Result<Literal, SoqlError> {
        if !matches!(self.peek().kind, Kind::Word | Kind::Text | Kind::Literal) {
            return Err(self.unexpected());
        }
        let token = self.next();
        let mut count = None;
        if token.kind == Kind::Word && self.eat_symbol(":") {
            let number = self.number()?;
            count = Some(i32::try_from(number).map_err(|_| self.unexpected())?);
        }
        Ok(Literal { token, count })
    }

    fn members(&mut self, field: Token, negated: bool) -> Result<Expr, SoqlError> {
        self.expect_symbol("(")?;
        if self.peek().word("SELECT") {
            self.depth += 1;
            if self.depth > 2 + DEEPEST {
                return Err(self.unexpected());
            }
            let select = Box::new(self.select()?);
            self.depth -= 1;
            self.expect_symbol(")")?;
            return Ok(Expr::Semi { field, negated, select });
        }
        let mut literals = vec![self.literal()?];
        while self.eat_symbol(",") {
            literals.push(self.literal()?);
        }
        self.expect_symbol(")")?;
        Ok(Expr::In { field, negated, literals })
    }
}
