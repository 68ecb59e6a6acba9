//! What the text of an expression names, and where: `cel`'s tree has no places, its tokens have.

use std::{collections::BTreeSet, ops::Range};

use cel::parser::pratt_parser::{Lexer, Token, TokenKind};

/// The tokens of a text, without blanks and comments.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer::new(text);
    let mut tokens = Vec::new();
    loop {
        let token = lexer.lex();
        if token.kind == TokenKind::TokEnd {
            return tokens;
        }
        if !matches!(token.kind, TokenKind::TokWhitespace | TokenKind::TokComment) {
            tokens.push(token);
        }
        // A lexer that does not move would never end.
        if token.end <= token.start {
            return tokens;
        }
    }
}

/// The text of a token.
pub(super) fn slice<'a>(text: &'a str, token: &Token) -> &'a str {
    text.get(token.start..token.end).unwrap_or_default()
}

/// Where the outermost `&&` splits a text; the whole text when something that binds weaker is outermost.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "all other tokens of `cel` are plain text here"
)]
pub(super) fn split_and(text: &str, tokens: &[Token]) -> Vec<Range<usize>> {
    let mut depth = 0_i32;
    let mut parts = Vec::new();
    let mut start = 0;
    for token in tokens {
        match token.kind {
            TokenKind::TokLeftParen | TokenKind::TokLeftBracket | TokenKind::TokLeftBrace => depth += 1,
            TokenKind::TokRightParen | TokenKind::TokRightBracket | TokenKind::TokRightBrace => depth -= 1,
            TokenKind::TokLogicalOr | TokenKind::TokQuestion if depth == 0 => {
                parts.clear();
                parts.push(0..text.len());
                return parts;
            }
            TokenKind::TokLogicalAnd if depth == 0 => {
                parts.push(start..token.start);
                start = token.end;
            }
            _ => {}
        }
    }
    parts.push(start..text.len());
    parts
}

/// Every chain `a.b["c"].d` whose first name is no variable of a macro, without the method called on it.
pub(super) fn chains(text: &str, tokens: &[Token], bound: &BTreeSet<String>) -> Vec<(Vec<String>, Range<usize>)> {
    let kind = |at: usize| tokens.get(at).map(|token| token.kind);
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let first = token.kind == TokenKind::TokIdent
            && (at == 0 || kind(at - 1) != Some(TokenKind::TokDot))
            && kind(at + 1) != Some(TokenKind::TokLeftParen);
        if !first {
            at += 1;
            continue;
        }
        let (path, range, next) = chain(text, tokens, at);
        if !path.first().is_some_and(|root| bound.contains(root)) {
            found.push((path, range));
        }
        at = next;
    }
    found
}

/// The chain that begins at token `at`, and the token after it.
fn chain(text: &str, tokens: &[Token], at: usize) -> (Vec<String>, Range<usize>, usize) {
    let kind = |at: usize| tokens.get(at).map(|token| token.kind);
    let mut path = vec![slice(text, &tokens[at]).to_owned()];
    let mut range = tokens[at].start..tokens[at].end;
    let mut next = at + 1;
    loop {
        if kind(next) == Some(TokenKind::TokDot) && kind(next + 1) == Some(TokenKind::TokIdent) {
            if kind(next + 2) == Some(TokenKind::TokLeftParen) {
                return (path, range, next + 2);
            }
            path.push(slice(text, &tokens[next + 1]).to_owned());
            range.end = tokens[next + 1].end;
            next += 2;
        } else if kind(next) == Some(TokenKind::TokLeftBracket)
            && kind(next + 1) == Some(TokenKind::TokString)
            && kind(next + 2) == Some(TokenKind::TokRightBracket)
        {
            let quoted = slice(text, &tokens[next + 1]);
            path.push(quoted.trim_matches(['"', '\'']).to_owned());
            range.end = tokens[next + 2].end;
            next += 3;
        } else {
            return (path, range, next);
        }
    }
}
