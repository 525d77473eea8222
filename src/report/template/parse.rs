//! Template text → nodes.

use std::iter::Peekable;
use std::vec::IntoIter;

use serde_json::Value;

use super::{Branch, Command, Field, Node, Operand, Pipeline, TemplateError, functions};

type Result<T> = std::result::Result<T, TemplateError>;

/// Text between actions, or the words of an action.
#[derive(Debug, PartialEq)]
enum Piece {
    Text(String),
    Action(Vec<Token>),
}

/// One word of an action.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Variable(String),
    /// `.Name` with its column.
    Field(String, usize),
    Dot,
    Literal(Value),
    Open,
    Close,
    Pipe,
    Comma,
    Declare,
    Assign,
    /// A blank between two words: `.A .B` is not `.A.B`.
    Space,
}

/// Reads a whole template.
pub fn parse(text: &str) -> Result<Vec<Node>> {
    let mut pieces = pieces(text)?.into_iter().peekable();
    let mut parser = Parser { loops: 0 };
    let (nodes, end) = parser.nodes(&mut pieces)?;
    match end {
        None => Ok(nodes),
        Some(word) => Err(TemplateError::parsing(format!("unexpected {{{{{word}}}}}"))),
    }
}

fn pieces(text: &str) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut trim_next = false;
    while let Some(at) = rest.find("{{") {
        let (before, after) = (&rest[..at], &rest[at + 2..]);
        let trims = after.starts_with('-') && after[1..].starts_with(char::is_whitespace);
        let before = if trim_next {
            before.trim_start()
        } else {
            before
        };
        let before = if trims { before.trim_end() } else { before };
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        let column = text.len() - after.len();
        let body = if trims {
            after[1..].trim_start()
        } else {
            after
        };
        if let Some(comment) = body.strip_prefix("/*") {
            let close = comment.find("*/");
            let close = close.ok_or_else(|| TemplateError::parsing("unclosed comment"))?;
            let tail = comment[close + 2..].trim_start();
            let (trim, tail) = match tail.strip_prefix('-') {
                Some(tail) => (true, tail),
                None => (false, tail),
            };
            let unclosed = || TemplateError::parsing("comment ends before closing delimiter");
            rest = tail.strip_prefix("}}").ok_or_else(unclosed)?;
            trim_next = trim;
            continue;
        }
        let skipped = after.len() - body.len();
        let (tokens, length, trim) = tokens(body, column + skipped)?;
        pieces.push(Piece::Action(tokens));
        rest = &body[length..];
        trim_next = trim;
    }
    let rest = if trim_next { rest.trim_start() } else { rest };
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

/// The words up to `}}`: with how long that was, and whether the text after it is trimmed.
fn tokens(body: &str, column: usize) -> Result<(Vec<Token>, usize, bool)> {
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        let rest = &body[at..];
        let Some(first) = rest.chars().next() else {
            return Err(TemplateError::parsing("unclosed action"));
        };
        if rest.starts_with("}}") {
            return Ok((tokens, at + 2, false));
        }
        if first.is_whitespace() {
            let blank = rest.len() - rest.trim_start().len();
            if rest[blank..].starts_with("-}}") {
                return Ok((tokens, at + blank + 3, true));
            }
            tokens.push(Token::Space);
            at += blank;
            continue;
        }
        let (token, length) = token(rest, column + at)?;
        tokens.push(token);
        at += length;
    }
}

fn token(rest: &str, column: usize) -> Result<(Token, usize)> {
    let word = |text: &str| {
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
        text[..end.unwrap_or(text.len())].to_owned()
    };
    let first = rest.chars().next().unwrap_or_default();
    Ok(match first {
        '(' => (Token::Open, 1),
        ')' => (Token::Close, 1),
        '|' => (Token::Pipe, 1),
        ',' => (Token::Comma, 1),
        ':' if rest.starts_with(":=") => (Token::Declare, 2),
        '=' => (Token::Assign, 1),
        '$' => {
            let name = word(&rest[1..]);
            let length = 1 + name.len();
            (Token::Variable(name), length)
        }
        '.' => match word(&rest[1..]) {
            name if name.is_empty() => (Token::Dot, 1),
            name => {
                let length = 1 + name.len();
                (Token::Field(name, column), length)
            }
        },
        '`' => {
            let close = rest[1..].find('`');
            let close =
                close.ok_or_else(|| TemplateError::parsing("unterminated raw quoted string"))?;
            (Token::Literal(rest[1..=close].into()), close + 2)
        }
        '"' => quoted(rest)?,
        '\'' => {
            let inner = rest[1..].chars().next().unwrap_or_default();
            let length = 2 + inner.len_utf8();
            (Token::Literal(u32::from(inner).into()), length)
        }
        '-' | '+' | '0'..='9' => number(rest)?,
        _ if first.is_alphabetic() || first == '_' => {
            let name = word(rest);
            let length = name.len();
            let token = match name.as_str() {
                "true" => Token::Literal(true.into()),
                "false" => Token::Literal(false.into()),
                "nil" => Token::Literal(Value::Null),
                _ => Token::Word(name),
            };
            (token, length)
        }
        other => {
            let text = format!("unexpected {other:?} in command");
            return Err(TemplateError::parsing(text.replace('\'', "\"")));
        }
    })
}

fn quoted(rest: &str) -> Result<(Token, usize)> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((Token::Literal(text.into()), at + 1)),
            '\\' => match chars.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                Some((_, 'r')) => text.push('\r'),
                Some((_, other)) => text.push(other),
                None => break,
            },
            _ => text.push(c),
        }
    }
    Err(TemplateError::parsing("unterminated quoted string"))
}

fn number(rest: &str) -> Result<(Token, usize)> {
    let end = rest[1..].find(|c: char| !c.is_alphanumeric() && c != '.' && c != '_');
    let text = &rest[..end.map_or(rest.len(), |end| end + 1)];
    let value = match text.parse::<i64>() {
        Ok(whole) => Value::from(whole),
        Err(_) => match text.parse::<f64>() {
            Ok(number) => Value::from(number),
            Err(_) => {
                return Err(TemplateError::parsing(format!(
                    "bad number syntax: {text:?}"
                )));
            }
        },
    };
    Ok((Token::Literal(value), text.len()))
}

struct Parser {
    loops: usize,
}

type Pieces = Peekable<IntoIter<Piece>>;
type Tokens = Peekable<IntoIter<Token>>;

impl Parser {
    /// Nodes up to `{{end}}` or `{{else …}}`, which is given back as its words.
    fn nodes(&mut self, pieces: &mut Pieces) -> Result<(Vec<Node>, Option<String>)> {
        let mut nodes = Vec::new();
        while let Some(piece) = pieces.next() {
            let tokens = match piece {
                Piece::Text(text) => {
                    nodes.push(Node::Text(text));
                    continue;
                }
                Piece::Action(tokens) => tokens,
            };
            let mut tokens = tokens.into_iter().peekable();
            skip(&mut tokens);
            let keyword = match tokens.peek() {
                Some(Token::Word(word)) => word.clone(),
                _ => String::new(),
            };
            match keyword.as_str() {
                "end" => return Ok((nodes, Some(keyword))),
                "else" => {
                    tokens.next();
                    skip(&mut tokens);
                    if tokens.peek().is_none() {
                        return Ok((nodes, Some(keyword)));
                    }
                    // `{{else if x}} … {{end}}` is `{{else}}{{if x}} … {{end}}{{end}}`.
                    let inner = self.keyword(tokens, pieces)?;
                    nodes.push(Node::Text(String::new()));
                    let chained = Node::If(Branch {
                        pipeline: Pipeline::nothing(),
                        then: vec![],
                        otherwise: vec![inner],
                    });
                    nodes.push(chained);
                    return Ok((nodes, Some("else if".to_owned())));
                }
                "if" | "with" | "range" => nodes.push(self.keyword(tokens, pieces)?),
                "break" | "continue" if self.loops == 0 => {
                    let text = format!("{{{{{keyword}}}}} outside {{{{range}}}}");
                    return Err(TemplateError::parsing(text));
                }
                "break" => nodes.push(Node::Break),
                "continue" => nodes.push(Node::Continue),
                _ => nodes.push(Node::Action(pipeline(&mut tokens)?)),
            }
        }
        Ok((nodes, None))
    }

    fn keyword(&mut self, mut tokens: Tokens, pieces: &mut Pieces) -> Result<Node> {
        let Some(Token::Word(keyword)) = tokens.next() else {
            return Err(TemplateError::parsing("unexpected words after {{else}}"));
        };
        let pipeline = pipeline(&mut tokens)?;
        self.loops += usize::from(keyword == "range");
        let (mut then, mut end) = self.nodes(pieces)?;
        self.loops -= usize::from(keyword == "range");
        let mut otherwise = Vec::new();
        match end.as_deref() {
            Some("else") => (otherwise, end) = self.nodes(pieces)?,
            Some("else if") => {
                // The chain was read to its own end; it hangs below the last node.
                if let Some(Node::If(chained)) = then.pop() {
                    otherwise = chained.otherwise;
                }
                then.pop();
                end = Some("end".to_owned());
            }
            _ => {}
        }
        if end.as_deref() != Some("end") {
            return Err(TemplateError::parsing("unexpected EOF"));
        }
        let branch = Branch {
            pipeline,
            then,
            otherwise,
        };
        match keyword.as_str() {
            "if" => Ok(Node::If(branch)),
            "with" => Ok(Node::With(branch)),
            "range" => Ok(Node::Range(branch)),
            other => Err(TemplateError::parsing(format!(
                "unexpected <{other}> in else"
            ))),
        }
    }
}

impl Pipeline {
    fn nothing() -> Self {
        Self {
            variables: vec![],
            declares: false,
            commands: vec![],
        }
    }
}

fn skip(tokens: &mut Tokens) {
    while tokens.next_if_eq(&Token::Space).is_some() {}
}

/// A pipeline up to a closing bracket or the end.
fn pipeline(tokens: &mut Tokens) -> Result<Pipeline> {
    let mut pipeline = Pipeline::nothing();
    let all: Vec<Token> = tokens.clone().collect();
    let declares = all
        .iter()
        .position(|token| matches!(token, Token::Declare | Token::Assign));
    let is_name = |token: &Token| matches!(token, Token::Variable(_) | Token::Comma | Token::Space);
    if let Some(at) = declares.filter(|&at| all[..at].iter().all(is_name)) {
        for token in tokens.by_ref().take(at + 1) {
            match token {
                Token::Variable(name) => pipeline.variables.push(name),
                Token::Declare => pipeline.declares = true,
                _ => {}
            }
        }
    }
    loop {
        let command = command(tokens)?;
        if command.0.is_empty() {
            return Err(TemplateError::parsing("missing value for command"));
        }
        pipeline.commands.push(command);
        if tokens.next_if_eq(&Token::Pipe).is_none() {
            return Ok(pipeline);
        }
    }
}

fn command(tokens: &mut Tokens) -> Result<Command> {
    let mut operands = Vec::new();
    loop {
        skip(tokens);
        let operand = match tokens.peek() {
            None | Some(Token::Pipe | Token::Close) => return Ok(Command(operands)),
            Some(_) => tokens.next(),
        };
        operands.push(match operand {
            Some(Token::Word(name)) if functions::exists(&name) => Operand::Function(name),
            Some(Token::Word(name)) => {
                let text = format!("function {name:?} not defined");
                return Err(TemplateError::parsing(text));
            }
            Some(Token::Literal(value)) => Operand::Literal(value),
            Some(Token::Dot) => Operand::Dot,
            Some(Token::Field(name, column)) => {
                let mut fields = vec![Field { name, column }];
                fields.extend(chain(tokens));
                Operand::Fields(fields)
            }
            Some(Token::Variable(name)) => Operand::Variable(name, chain(tokens)),
            Some(Token::Open) => {
                let inner = pipeline(tokens)?;
                if tokens.next() != Some(Token::Close) {
                    return Err(TemplateError::parsing("unclosed left paren"));
                }
                Operand::Nested(Box::new(inner), chain(tokens))
            }
            _ => return Err(TemplateError::parsing("unexpected operand in command")),
        });
    }
}

/// The fields that follow without a blank.
fn chain(tokens: &mut Tokens) -> Vec<Field> {
    let mut fields = Vec::new();
    while let Some(Token::Field(name, column)) =
        tokens.next_if(|token| matches!(token, Token::Field(..)))
    {
        fields.push(Field { name, column });
    }
    fields
}
