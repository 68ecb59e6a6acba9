use std::{collections::BTreeSet, ops::Range};

use cel::{
    IdedExpr,
    common::ast::{EntryExpr, Expr, LiteralValue, operators},
    parser::{PrattParser, pratt_parser::Token},
};

use super::{
    Expression, ParseError, Part,
    tokens::{chains, slice, split_and, tokens},
};

/// The longest expression in bytes: nobody reads more, and cost grows with it.
const LONGEST: usize = 4_096;

/// How deep lists may be walked inside each other: `cel` has no cost limit, and each level multiplies the cost by a list.
const DEEPEST_LOOP: usize = 2;

/// How deep parentheses may nest: far below what `cel` takes (96), far above what anybody reads.
const DEEPEST: u16 = 64;

/// The functions that exist, without operators and macros.
pub(super) const FUNCTIONS: &[&str] = &[
    "bool",
    "bytes",
    "contains",
    "double",
    "dyn",
    "endsWith",
    "int",
    "matches",
    "size",
    "startsWith",
    "string",
    "type",
    "uint",
    "within_pct",
];

/// Parses a text, and refuses what could not be judged.
pub(super) fn parse(text: &str) -> Result<Expression, ParseError> {
    if text.len() > LONGEST {
        return Err(ParseError {
            what: format!("the expression has {} bytes, more than {LONGEST}", text.len()),
            at: 0..text.len(),
        });
    }
    if text.trim().is_empty() {
        return Err(ParseError {
            what: "the expression is empty".to_owned(),
            at: 0..text.len(),
        });
    }
    let tokens = tokens(text);
    let tree = tree(text, &tokens)?;
    let mut walk = Walk::default();
    walk.visit(&tree, 0);
    walk.refuse(text, &tokens)?;
    let names = chains(text, &tokens, &walk.bound);
    let mut parts = Vec::new();
    for range in split_and(text, &tokens) {
        parts.push(part(text, &range, &names)?);
    }
    Ok(Expression {
        text: text.to_owned(),
        parts,
        names,
    })
}

fn part(text: &str, range: &Range<usize>, names: &[(Vec<String>, Range<usize>)]) -> Result<Part, ParseError> {
    let whole = text.get(range.clone()).unwrap_or(text);
    let inside = |at: &Range<usize>| at.start >= range.start && at.end <= range.end;
    let mut seen = BTreeSet::new();
    let start = range.start + whole.len() - whole.trim_start().len();
    Ok(Part {
        at: start..start + whole.trim().len(),
        text: whole.trim().to_owned(),
        tree: tree(whole, &tokens(whole))?,
        names: names
            .iter()
            .filter(|(path, at)| inside(at) && seen.insert(path.clone()))
            .map(|(path, _)| path.clone())
            .collect(),
    })
}

/// What a tree surely is, when that is neither true nor false.
pub(super) fn no_truth(tree: &IdedExpr) -> Option<&'static str> {
    match &tree.expr {
        Expr::Literal(LiteralValue::Boolean(_)) => None,
        Expr::Literal(LiteralValue::String(_) | LiteralValue::Bytes(_)) => Some("text"),
        Expr::Literal(LiteralValue::Null) => Some("nothing"),
        Expr::Literal(LiteralValue::Int(_) | LiteralValue::UInt(_) | LiteralValue::Double(_)) => Some("a number"),
        Expr::List(_) => Some("a list"),
        Expr::Map(_) => Some("a mapping"),
        Expr::Call(call) => match call.func_name.as_str() {
            // `+` also joins texts and lists.
            operators::ADD => call.args.iter().find_map(no_truth).or(Some("a number or text")),
            operators::SUBSTRACT
            | operators::MULTIPLY
            | operators::DIVIDE
            | operators::MODULO
            | operators::NEGATE
            | "size"
            | "int"
            | "uint"
            | "double" => Some("a number"),
            "string" => Some("text"),
            _ => None,
        },
        Expr::Comprehension(_) | Expr::Select(_) | Expr::Struct(_) | Expr::Ident(_) | Expr::Unspecified => None,
    }
}

fn tree(text: &str, tokens: &[Token]) -> Result<IdedExpr, ParseError> {
    let parser = PrattParser::new().max_recursion_depth(DEEPEST).error_reporting_limit(1);
    parser.parse(text).map_err(|errors| {
        let first = errors.errors.into_iter().next();
        let (position, message) = first.map_or(((0, 0), String::new()), |error| (error.pos, error.msg));
        let start = offset(text, position);
        let end = tokens
            .iter()
            .find(|token| (token.start..token.end).contains(&start))
            .map_or(text.len(), |token| token.end);
        ParseError {
            what: readable(&message),
            at: start..end,
        }
    })
}

/// The byte of a line and column that count from 1; the end of the text for anything else.
fn offset(text: &str, (line, column): (isize, isize)) -> usize {
    let (Ok(line), Ok(column)) = (usize::try_from(line), usize::try_from(column)) else {
        return text.len();
    };
    if line == 0 {
        return 0;
    }
    let before: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let mut at = (before + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn readable(message: &str) -> String {
    let message = message.strip_prefix("Syntax error: ").unwrap_or(message);
    let message = message.lines().next().unwrap_or_default();
    if message.is_empty() {
        return "the expression does not parse".to_owned();
    }
    if message.contains("input '<EOF>'") {
        return "the expression ends too early".to_owned();
    }
    let unexpected = message
        .strip_prefix("mismatched input '")
        .and_then(|rest| rest.split_once('\''));
    match unexpected {
        Some((token, _)) => format!("`{token}` is not expected here"),
        None => message.to_owned(),
    }
}

/// What a tree holds that the text alone does not tell.
#[derive(Default)]
struct Walk {
    /// Variables of macros.
    bound: BTreeSet<String>,
    /// Functions that do not exist.
    unknown: Option<String>,
    deepest_loop: usize,
}

impl Walk {
    fn visit(&mut self, tree: &IdedExpr, loops: usize) {
        match &tree.expr {
            Expr::Call(call) => {
                let name = &call.func_name;
                let word = name.starts_with(|c: char| c.is_ascii_alphabetic());
                if word && !FUNCTIONS.contains(&name.as_str()) {
                    self.unknown.get_or_insert_with(|| name.clone());
                }
                for inner in call.target.iter().map(AsRef::as_ref).chain(&call.args) {
                    self.visit(inner, loops);
                }
            }
            Expr::Comprehension(inner) => {
                self.bound.insert(inner.iter_var.clone());
                self.bound.extend(inner.iter_var2.clone());
                self.deepest_loop = self.deepest_loop.max(loops + 1);
                self.visit(&inner.iter_range, loops);
                for part in [&inner.accu_init, &inner.loop_cond, &inner.loop_step, &inner.result] {
                    self.visit(part, loops + 1);
                }
            }
            Expr::Select(select) => self.visit(&select.operand, loops),
            Expr::List(list) => list.elements.iter().for_each(|inner| self.visit(inner, loops)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.entry(&entry.expr, loops)),
            Expr::Struct(inner) => inner.entries.iter().for_each(|entry| self.entry(&entry.expr, loops)),
            Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
        }
    }

    fn entry(&mut self, entry: &EntryExpr, loops: usize) {
        match entry {
            EntryExpr::MapEntry(entry) => {
                self.visit(&entry.key, loops);
                self.visit(&entry.value, loops);
            }
            EntryExpr::StructField(field) => self.visit(&field.value, loops),
        }
    }

    fn refuse(&self, text: &str, tokens: &[Token]) -> Result<(), ParseError> {
        if let Some(name) = &self.unknown {
            let at = tokens.iter().find(|token| slice(text, token) == name);
            return Err(ParseError {
                what: format!("there is no function `{name}`; there are {}", FUNCTIONS.join(", ")),
                at: at.map_or(0..text.len(), |token| token.start..token.end),
            });
        }
        if self.deepest_loop > DEEPEST_LOOP {
            return Err(ParseError {
                what: format!("lists are walked inside each other more than {DEEPEST_LOOP} deep"),
                at: 0..text.len(),
            });
        }
        Ok(())
    }
}
