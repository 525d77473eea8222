//! The functions of Go's templates and of Docker's tools.

use std::cmp::Ordering;

use serde_json::Value;

use crate::report::go;

const NAMES: &[&str] = &[
    "json", "split", "join", "title", "lower", "upper", "pad", "truncate", "println", "print",
    "printf", "len", "index", "slice", "html", "eq", "ne", "lt", "le", "gt", "ge", "and", "or",
    "not",
];

/// Whether there is a function of that name.
pub fn exists(name: &str) -> bool {
    NAMES.contains(&name)
}

/// An argument: a value, or the whole row.
pub enum Piece {
    Value(Value),
    Whole(Value),
}

impl Piece {
    pub fn into_value(self) -> Value {
        match self {
            Self::Value(value) | Self::Whole(value) => value,
        }
    }

    fn value(&self) -> &Value {
        match self {
            Self::Value(value) | Self::Whole(value) => value,
        }
    }
}

/// Calls a function; in a row of headers, those that change a text leave it as it is.
pub fn call(name: &str, arguments: &[Piece], header: bool) -> Result<Value, String> {
    let values: Vec<&Value> = arguments.iter().map(Piece::value).collect();
    let first = *values.first().unwrap_or(&&Value::Null);
    if header
        && matches!(
            name,
            "json" | "split" | "join" | "title" | "lower" | "upper" | "truncate"
        )
    {
        return Ok(first.clone());
    }
    let wrong = |wanted: usize| {
        format!(
            "wrong number of args for {name}: want {wanted} got {}",
            values.len()
        )
    };
    let text = |at: usize| {
        values
            .get(at)
            .and_then(|value| value.as_str())
            .unwrap_or_default()
    };
    let whole = |at: usize| values.get(at).and_then(|value| value.as_u64()).unwrap_or(0) as usize;
    Ok(match (name, values.as_slice()) {
        ("json", [value]) => match &arguments[0] {
            Piece::Whole(_) => go::json_escaped(value).into(),
            Piece::Value(_) => go::json(value).into(),
        },
        ("split", [_, _]) => {
            let (text, separator) = (text(0), text(1));
            match separator.is_empty() {
                true => text.chars().map(|c| Value::from(c.to_string())).collect(),
                false => text.split(separator).map(Value::from).collect(),
            }
        }
        ("join", [Value::Array(parts), _]) => parts
            .iter()
            .map(print)
            .collect::<Vec<_>>()
            .join(text(1))
            .into(),
        ("title", [_]) => title(text(0)).into(),
        ("lower", [_]) => text(0).to_lowercase().into(),
        ("upper", [_]) => text(0).to_uppercase().into(),
        ("pad", [source, _, _]) => match text(0) {
            "" => (*source).clone(),
            text => format!("{}{text}{}", " ".repeat(whole(1)), " ".repeat(whole(2))).into(),
        },
        ("truncate", [_, _]) => text(0).chars().take(whole(1)).collect::<String>().into(),
        ("println", values) => {
            let texts: Vec<String> = values.iter().map(|value| print(value)).collect();
            format!("{}\n", texts.join(" ")).into()
        }
        ("print", values) => joined(values).into(),
        ("printf", [_, rest @ ..]) => go::sprintf(text(0), rest).into(),
        ("len", [value]) => length(value)?.into(),
        ("index", [value, keys @ ..]) => keys
            .iter()
            .try_fold((*value).clone(), |value, key| index(&value, key))?,
        ("slice", [Value::String(text), ..]) => {
            let end = values.get(2).map_or(text.len(), |_| whole(2));
            let part = text.get(whole(1)..end);
            part.ok_or_else(|| format!("index out of range: {end}"))?
                .into()
        }
        ("html", values) => html(&joined(values)).into(),
        ("eq", [one, others @ ..]) if !others.is_empty() => others
            .iter()
            .any(|other| compare(one, other) == Some(Ordering::Equal))
            .into(),
        ("ne", [a, b]) => (compare(a, b) != Some(Ordering::Equal)).into(),
        ("lt", [a, b]) => (compare(a, b) == Some(Ordering::Less)).into(),
        ("le", [a, b]) => matches!(compare(a, b), Some(Ordering::Less | Ordering::Equal)).into(),
        ("gt", [a, b]) => (compare(a, b) == Some(Ordering::Greater)).into(),
        ("ge", [a, b]) => matches!(compare(a, b), Some(Ordering::Greater | Ordering::Equal)).into(),
        ("not", [value]) => (!truth(value)).into(),
        ("split" | "join" | "truncate" | "ne" | "lt" | "le" | "gt" | "ge", _) => {
            return Err(wrong(2));
        }
        ("pad", _) => return Err(wrong(3)),
        _ => return Err(wrong(1)),
    })
}

/// Go's `fmt.Sprint`: a blank between two operands of which neither is a text.
fn joined(values: &[&Value]) -> String {
    let mut out = String::new();
    for (at, value) in values.iter().enumerate() {
        if at > 0 && !value.is_string() && !values[at - 1].is_string() {
            out.push(' ');
        }
        out.push_str(&print(value));
    }
    out
}

/// A value as an action prints it.
pub fn print(value: &Value) -> String {
    match value {
        Value::Null => "<no value>".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(print).collect();
            format!("[{}]", items.join(" "))
        }
        // Structs: the rows' own fields are no maps.
        Value::Object(fields) => {
            let fields: Vec<String> = fields.values().map(print).collect();
            format!("{{{}}}", fields.join(" "))
        }
    }
}

/// Whether Go takes it for true: not the zero value, not empty.
pub fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

/// What Go calls a value's type.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "interface {}",
        Value::Bool(_) => "bool",
        Value::Number(_) => "int",
        Value::String(_) => "string",
        Value::Array(_) => "[]string",
        Value::Object(_) => "map[string]interface {}",
    }
}

fn length(value: &Value) -> Result<usize, String> {
    match value {
        Value::String(text) => Ok(text.len()),
        Value::Array(items) => Ok(items.len()),
        Value::Object(fields) => Ok(fields.len()),
        other => Err(format!(
            "error calling len: len of type {}",
            type_name(other)
        )),
    }
}

fn index(value: &Value, key: &Value) -> Result<Value, String> {
    match (value, key) {
        (Value::Array(items), Value::Number(at)) => {
            let found = at.as_u64().and_then(|at| items.get(at as usize));
            let range = || format!("error calling index: reflect: slice index out of range: {at}");
            found.cloned().ok_or_else(range)
        }
        (Value::Object(fields), Value::String(key)) => {
            Ok(fields.get(key).cloned().unwrap_or_else(|| "".into()))
        }
        (Value::String(text), Value::Number(at)) => {
            let byte = at.as_u64().and_then(|at| text.as_bytes().get(at as usize));
            let range = || format!("error calling index: index out of range: {at}");
            byte.map(|byte| Value::from(*byte)).ok_or_else(range)
        }
        (other, _) => Err(format!(
            "error calling index: can't index item of type {}",
            type_name(other)
        )),
    }
}

fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (a, b) if a == b => Some(Ordering::Equal),
        _ => None,
    }
}

/// The first letter of every word in upper case.
fn title(text: &str) -> String {
    let mut before = ' ';
    let raise = |c: char| {
        let starts = !before.is_alphanumeric() && before != '_' && before != '\'';
        before = c;
        if starts {
            c.to_uppercase().collect::<String>()
        } else {
            c.to_string()
        }
    };
    text.chars().map(raise).collect()
}

fn html(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}
