//! Nodes and data → text.

use serde_json::Value;

use super::functions::{self, Piece};
use super::{Branch, Command, Data, Field, Node, Operand, Pipeline, TemplateError};

type Result<T> = std::result::Result<T, TemplateError>;

/// What a value is: the row itself, which only knows its fields, or plain data.
#[derive(Clone, Debug)]
pub enum Thing {
    Row,
    Plain(Value),
}

/// How the nodes of a loop's body ended.
enum Flow {
    On,
    Break,
    Continue,
}

struct Scope<'a> {
    data: &'a dyn Data,
    dot: Thing,
    variables: Vec<(String, Thing)>,
    out: String,
}

/// Writes a template for one row.
pub fn execute(nodes: &[Node], data: &dyn Data) -> Result<String> {
    let mut scope = Scope {
        data,
        dot: Thing::Row,
        variables: vec![(String::new(), Thing::Row)],
        out: String::new(),
    };
    scope.nodes(nodes)?;
    Ok(scope.out)
}

impl Scope<'_> {
    fn nodes(&mut self, nodes: &[Node]) -> Result<Flow> {
        let depth = self.variables.len();
        for node in nodes {
            match node {
                Node::Text(text) => self.out.push_str(text),
                Node::Action(pipeline) => {
                    let value = self.pipeline(pipeline)?;
                    if pipeline.variables.is_empty() {
                        let value = self.plain(value);
                        self.out.push_str(&functions::print(&value));
                    }
                }
                Node::If(branch) => match self.branch(branch, None)? {
                    Flow::On => {}
                    other => return Ok(other),
                },
                Node::With(branch) => {
                    let before = self.dot.clone();
                    let flow = self.branch(branch, Some(before.clone()))?;
                    self.dot = before;
                    if !matches!(flow, Flow::On) {
                        return Ok(flow);
                    }
                }
                Node::Range(branch) => self.range(branch)?,
                Node::Break => return Ok(Flow::Break),
                Node::Continue => return Ok(Flow::Continue),
            }
        }
        self.variables.truncate(depth);
        Ok(Flow::On)
    }

    /// `if`, or `with`: then the dot before it is given.
    fn branch(&mut self, branch: &Branch, with: Option<Thing>) -> Result<Flow> {
        let depth = self.variables.len();
        let value = match branch.pipeline.commands.is_empty() {
            true => Thing::Plain(Value::Null),
            false => self.pipeline(&branch.pipeline)?,
        };
        let truth = matches!(value, Thing::Row) || functions::truth(&self.plain(value.clone()));
        let flow = match truth {
            true => {
                if with.is_some() {
                    self.dot = value;
                }
                self.nodes(&branch.then)?
            }
            false => self.nodes(&branch.otherwise)?,
        };
        self.variables.truncate(depth);
        Ok(flow)
    }

    fn range(&mut self, branch: &Branch) -> Result<()> {
        let depth = self.variables.len();
        let pipeline = Pipeline {
            variables: vec![],
            ..branch.pipeline.clone()
        };
        let value = self.pipeline(&pipeline)?;
        let items: Vec<(Value, Value)> = match self.plain(value) {
            Value::Array(items) => items
                .into_iter()
                .enumerate()
                .map(|(at, item)| (at.into(), item))
                .collect(),
            Value::Object(items) => items
                .into_iter()
                .map(|(key, item)| (key.into(), item))
                .collect(),
            Value::Number(count) => {
                let count = count.as_i64().unwrap_or_default();
                (0..count).map(|at| (at.into(), at.into())).collect()
            }
            Value::Null => vec![],
            other => {
                let text = format!("range can't iterate over {}", functions::print(&other));
                return Err(TemplateError::parsing(text));
            }
        };
        if items.is_empty() {
            self.nodes(&branch.otherwise)?;
        }
        let before = self.dot.clone();
        for (key, item) in items {
            match branch.pipeline.variables.as_slice() {
                [item_name] => {
                    self.variables
                        .push((item_name.clone(), Thing::Plain(item.clone())));
                }
                [key_name, item_name, ..] => {
                    self.variables.push((key_name.clone(), Thing::Plain(key)));
                    self.variables
                        .push((item_name.clone(), Thing::Plain(item.clone())));
                }
                [] => {}
            }
            self.dot = Thing::Plain(item);
            let flow = self.nodes(&branch.then)?;
            self.variables.truncate(depth);
            if matches!(flow, Flow::Break) {
                break;
            }
        }
        self.dot = before;
        Ok(())
    }

    fn pipeline(&mut self, pipeline: &Pipeline) -> Result<Thing> {
        let mut value = None;
        for command in &pipeline.commands {
            value = Some(self.command(command, value)?);
        }
        let value = value.unwrap_or(Thing::Plain(Value::Null));
        for name in &pipeline.variables {
            match self
                .variables
                .iter_mut()
                .rev()
                .find(|(known, _)| known == name)
            {
                Some((_, known)) if !pipeline.declares => *known = value.clone(),
                _ => self.variables.push((name.clone(), value.clone())),
            }
        }
        Ok(value)
    }

    fn command(&mut self, command: &Command, piped: Option<Thing>) -> Result<Thing> {
        let (first, rest) = command
            .0
            .split_first()
            .expect("the parser leaves no empty command");
        match first {
            Operand::Function(name) if matches!(name.as_str(), "and" | "or") => {
                self.shortcut(name == "and", rest, piped)
            }
            Operand::Function(name) => {
                let mut arguments = self.arguments(rest)?;
                arguments.extend(piped.map(|value| self.argument(value)));
                let header = self.data.is_header();
                functions::call(name, &arguments, header)
                    .map(Thing::Plain)
                    .map_err(|text| TemplateError::at(0, name, text))
            }
            Operand::Fields(fields) if fields.len() == 1 && matches!(self.dot, Thing::Row) => {
                let mut arguments = self.arguments(rest)?;
                arguments.extend(piped.map(|value| self.argument(value)));
                let arguments: Vec<Value> = arguments.into_iter().map(Piece::into_value).collect();
                self.row_field(&fields[0], &fields[0].name, &arguments)
                    .map(Thing::Plain)
            }
            single => self.operand(single),
        }
    }

    /// `and` and `or` look at no more arguments than they need.
    fn shortcut(&mut self, and: bool, rest: &[Operand], piped: Option<Thing>) -> Result<Thing> {
        let mut last = Thing::Plain(Value::Null);
        for operand in rest {
            last = self.operand(operand)?;
            if functions::truth(&self.plain(last.clone())) != and {
                return Ok(last);
            }
        }
        Ok(piped.unwrap_or(last))
    }

    fn arguments(&mut self, operands: &[Operand]) -> Result<Vec<Piece>> {
        let mut arguments = Vec::new();
        for operand in operands {
            let value = self.operand(operand)?;
            arguments.push(self.argument(value));
        }
        Ok(arguments)
    }

    /// The row as an argument is escaped by `json`, as Go does with what marshals itself.
    fn argument(&self, value: Thing) -> Piece {
        match value {
            Thing::Row => Piece::Whole(self.data.whole()),
            Thing::Plain(value) => Piece::Value(value),
        }
    }

    fn operand(&mut self, operand: &Operand) -> Result<Thing> {
        let (value, fields) = match operand {
            Operand::Literal(value) => return Ok(Thing::Plain(value.clone())),
            Operand::Function(_) => return self.command(&Command(vec![operand.clone()]), None),
            Operand::Dot => return Ok(self.dot.clone()),
            Operand::Fields(fields) => (self.dot.clone(), fields),
            Operand::Variable(name, fields) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                let undefined =
                    || TemplateError::parsing(format!("undefined variable \"${name}\""));
                (known.ok_or_else(undefined)?.1.clone(), fields)
            }
            Operand::Nested(pipeline, fields) => (self.pipeline(pipeline)?, fields),
        };
        self.fields(value, fields)
    }

    fn fields(&self, mut value: Thing, fields: &[Field]) -> Result<Thing> {
        let mut path = String::new();
        for field in fields {
            path.push_str(&format!(".{}", field.name));
            value = Thing::Plain(match value {
                Thing::Row => self.row_field(field, &field.name, &[])?,
                Thing::Plain(Value::Object(mut map)) => {
                    map.remove(&field.name).unwrap_or(Value::Null)
                }
                Thing::Plain(Value::Null) => {
                    let text = format!("nil data; no entry for key \"{}\"", field.name);
                    return Err(TemplateError::at(field.column, &path, text));
                }
                Thing::Plain(other) => {
                    let kind = functions::type_name(&other);
                    let text = format!("can't evaluate field {} in type {kind}", field.name);
                    return Err(TemplateError::at(field.column, &path, text));
                }
            });
        }
        Ok(value)
    }

    fn row_field(&self, field: &Field, path: &str, arguments: &[Value]) -> Result<Value> {
        let found = match arguments.is_empty() {
            true => self.data.field(&field.name),
            false => self.data.method(&field.name, arguments),
        };
        match found {
            Some(value) => Ok(value),
            None if self.data.is_header() => Ok(Value::Null),
            None => {
                let kind = self.data.type_name();
                let text = format!("can't evaluate field {} in type {kind}", field.name);
                Err(TemplateError::at(field.column, &format!(".{path}"), text))
            }
        }
    }

    fn plain(&self, value: Thing) -> Value {
        match value {
            Thing::Row => self.data.whole(),
            Thing::Plain(value) => value,
        }
    }
}
