//! Go's text/template, as far as people use it in `--format`.
//!
//! Fields, variables, pipelines, `if`, `with`, `range` with `else`, `break` and `continue`,
//! trimming, comments, and the functions of Go and of Docker's tools: `json`, `join`, `split`,
//! `upper`, `lower`, `title`, `pad`, `truncate`, `println`, `print`, `printf`, `len`, `index`,
//! `slice`, `html`, `eq` and the other comparisons, `and`, `or`, `not`. What is not there:
//! `define`, `template`, `block` and `call`.

mod eval;
mod functions;
mod parse;

use std::fmt;

use serde_json::Value;

pub use functions::print;

/// A template, parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct Template(Vec<Node>);

/// Why a template is no good, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError(String);

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "template parsing error: template: :1{}", self.0)
    }
}

impl std::error::Error for TemplateError {}

impl TemplateError {
    /// One that is found before anything is executed.
    fn parsing(text: impl fmt::Display) -> Self {
        Self(format!(": {text}"))
    }

    /// One that is found at a column, in the course of execution.
    fn at(column: usize, what: &str, text: impl fmt::Display) -> Self {
        Self(format!(":{column}: executing \"\" at <{what}>: {text}"))
    }
}

/// What the dot stands for at the beginning.
pub trait Data {
    /// A field, or a method without arguments; none where there is no such thing.
    fn field(&self, name: &str) -> Option<Value>;

    /// A method with arguments, such as `.Label "name"`.
    fn method(&self, name: &str, arguments: &[Value]) -> Option<Value> {
        let _ = (name, arguments);
        None
    }

    /// Everything, for `{{json .}}`.
    fn whole(&self) -> Value;

    /// What Go calls its type, for errors.
    fn type_name(&self) -> &str;

    /// Whether this is the row of headers: functions leave it as it is, and what it does not know
    /// is `<no value>`.
    fn is_header(&self) -> bool {
        false
    }
}

impl Template {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        parse::parse(text).map(Self)
    }

    /// Writes it for one row of data.
    pub fn execute(&self, data: &dyn Data) -> Result<String, TemplateError> {
        eval::execute(&self.0, data)
    }
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    Text(String),
    Action(Pipeline),
    If(Branch),
    With(Branch),
    Range(Branch),
    Break,
    Continue,
}

/// `{{if …}} then {{else}} otherwise {{end}}`.
#[derive(Clone, Debug, PartialEq)]
struct Branch {
    pipeline: Pipeline,
    then: Vec<Node>,
    otherwise: Vec<Node>,
}

/// `$a, $b := x | f y`.
#[derive(Clone, Debug, PartialEq)]
struct Pipeline {
    variables: Vec<String>,
    declares: bool,
    commands: Vec<Command>,
}

/// A function or method with its arguments, or a single value.
#[derive(Clone, Debug, PartialEq)]
struct Command(Vec<Operand>);

/// One word of a command.
#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Literal(Value),
    Function(String),
    Dot,
    /// `.A.B`, with the column of each field.
    Fields(Vec<Field>),
    /// `$x.A`; `$` itself has an empty name.
    Variable(String, Vec<Field>),
    /// `(…).A`.
    Nested(Box<Pipeline>, Vec<Field>),
}

/// One field of a chain, with where it stands.
#[derive(Clone, Debug, PartialEq)]
struct Field {
    name: String,
    column: usize,
}

#[cfg(test)]
mod tests;
