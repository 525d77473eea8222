//! Columns of text: Go's tabwriter, and lists in the `--format` of Docker's tools. Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::template::{Data, Template, TemplateError};

/// How a column is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns {
    /// The least width of a cell, its padding included.
    pub least: usize,
    /// The blanks after the widest cell.
    pub padding: usize,
}

impl Columns {
    /// Those of `ps`, `volumes` and `stats`: the docker CLI's formatter.
    pub const LIST: Self = Self {
        least: 10,
        padding: 3,
    };
    /// As narrow as they can be.
    pub const TIGHT: Self = Self {
        least: 0,
        padding: 3,
    };
    /// Those of `ls` and `images`.
    pub const SECTION: Self = Self {
        least: 20,
        padding: 3,
    };
}

/// Aligns the cells, which end with a tab; what follows the last tab of a line is no cell.
///
/// As in Go's text/tabwriter a column is a run of lines that have it: a line without it ends it.
pub fn align(text: &str, columns: Columns) -> String {
    let lines: Vec<Vec<&str>> = text
        .split('\n')
        .map(|line| line.split('\t').collect())
        .collect();
    let mut out = String::with_capacity(text.len() * 2);
    write_lines(&lines, &mut Vec::new(), columns, &mut out);
    // The split leaves an empty line behind the last newline.
    out.truncate(out.len().saturating_sub(1));
    out
}

fn write_lines(lines: &[Vec<&str>], widths: &mut Vec<usize>, columns: Columns, out: &mut String) {
    let column = widths.len();
    let has_cell = |line: &Vec<&str>| line.len() > column + 1;
    let mut at = 0;
    while at < lines.len() {
        let run = lines[at..].iter().take_while(|line| has_cell(line)).count();
        if run == 0 {
            write_line(&lines[at], widths, out);
            at += 1;
            continue;
        }
        let block = &lines[at..at + run];
        let widest = block
            .iter()
            .map(|line| line[column].chars().count())
            .max()
            .unwrap_or(0);
        widths.push(columns.least.max(widest + columns.padding));
        write_lines(block, widths, columns, out);
        widths.pop();
        at += run;
    }
}

fn write_line(cells: &[&str], widths: &[usize], out: &mut String) {
    for (at, cell) in cells.iter().enumerate() {
        out.push_str(cell);
        if at + 1 < cells.len() {
            let fill = widths
                .get(at)
                .copied()
                .unwrap_or(0)
                .saturating_sub(cell.chars().count());
            out.extend(std::iter::repeat_n(' ', fill));
        }
    }
    out.push('\n');
}

/// Headers and rows, as `ls` and `images` print them.
pub fn section(headers: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    rows_in(Columns::SECTION, headers, rows)
}

/// Headers and rows, in columns of a kind.
pub fn rows_in(
    columns: Columns,
    headers: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> String {
    let mut text = format!("{}\n", headers.join("\t"));
    for row in rows {
        text.push_str(&row.join("\t"));
        text.push('\n');
    }
    align(&text, columns)
}

/// One row of a list: what its fields and its labels are.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// By Go's names, such as `Name`; printed by `json` in this order.
    pub fields: Map<String, Value>,
    /// For `.Label "name"`.
    pub labels: BTreeMap<String, String>,
}

/// A kind of list.
pub struct List<'a> {
    /// The columns of the plain table, as a template after the word `table`.
    pub columns: &'a str,
    /// The headers of the fields that have one.
    pub headers: &'a [(&'a str, &'a str)],
    /// What Go calls the type of a row.
    pub type_name: &'a str,
}

impl List<'_> {
    /// Prints rows in a format: empty or `table`, `json`, `table TEMPLATE`, or a template.
    pub fn print(&self, format: &str, rows: &[Row]) -> Result<String, TemplateError> {
        let (is_table, template) = match format.trim_start() {
            "" | "table" => (true, self.columns),
            "json" => (false, "{{json .}}"),
            other => match other.strip_prefix("table") {
                Some(rest) => (true, rest.trim_start()),
                None => (false, format),
            },
        };
        let template = template.replace("\\t", "\t").replace("\\n", "\n");
        let template = Template::parse(&template)?;
        let mut text = String::new();
        for row in rows {
            let data = RowData {
                row,
                type_name: self.type_name,
            };
            text.push_str(&template.execute(&data)?);
            text.push('\n');
        }
        if !is_table {
            return Ok(text);
        }
        let head = template.execute(&Headers(self.headers))?;
        Ok(align(&format!("{head}\n{text}"), Columns::LIST))
    }
}

struct RowData<'a> {
    row: &'a Row,
    type_name: &'a str,
}

impl Data for RowData<'_> {
    fn field(&self, name: &str) -> Option<Value> {
        self.row.fields.get(name).cloned()
    }

    fn method(&self, name: &str, arguments: &[Value]) -> Option<Value> {
        let label = arguments.first()?.as_str()?;
        let value = self.row.labels.get(label).cloned().unwrap_or_default();
        (name == "Label").then(|| value.into())
    }

    fn whole(&self) -> Value {
        Value::Object(self.row.fields.clone())
    }

    fn type_name(&self) -> &str {
        self.type_name
    }
}

struct Headers<'a>(&'a [(&'a str, &'a str)]);

impl Data for Headers<'_> {
    fn field(&self, name: &str) -> Option<Value> {
        let (_, header) = self.0.iter().find(|(field, _)| *field == name)?;
        Some((*header).into())
    }

    /// A label's header is its last word.
    fn method(&self, name: &str, arguments: &[Value]) -> Option<Value> {
        let label = arguments.first()?.as_str()?;
        let word = label.rsplit('.').next().unwrap_or_default();
        (name == "Label").then(|| word.replace(['-', '_'], " ").into())
    }

    fn whole(&self) -> Value {
        Value::Null
    }

    fn type_name(&self) -> &str {
        "formatter.SubHeaderContext"
    }

    fn is_header(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cells_are_padded_and_what_follows_the_last_tab_is_not() {
        assert_eq!(
            align("NAME\tIMAGE\tPORTS\nclit-web-1\tb\t\n", Columns::LIST),
            "NAME         IMAGE     PORTS\nclit-web-1   b         \n"
        );
        assert_eq!(
            align(
                "a\tb\nno cells\nlonger text\tb\n",
                Columns {
                    least: 0,
                    padding: 1
                }
            ),
            "a b\nno cells\nlonger text b\n"
        );
        assert_eq!(
            section(
                &["NAME", "STATUS", "CONFIG FILES"],
                [vec!["clit".into(), "running(3)".into(), "/a".into()]]
            ),
            "NAME                STATUS              CONFIG FILES\nclit                running(3)          /a\n"
        );
    }

    fn row(name: &str) -> Row {
        let Value::Object(fields) = json!({"Name": name, "Names": name, "Service": "db"}) else {
            unreachable!()
        };
        let labels = [("com.docker.compose.service".to_owned(), "db".to_owned())];
        Row {
            fields,
            labels: labels.into(),
        }
    }

    #[test]
    fn lists_are_those_of_the_docker_clis_formatter() {
        let list = List {
            columns: "{{.Name}}\t{{.Service}}",
            headers: &[("Name", "NAME"), ("Service", "SERVICE")],
            type_name: "*formatter.ContainerContext",
        };
        let rows = [row("clit-db-1")];
        let print = |format| list.print(format, &rows).unwrap();
        assert_eq!(print(""), "NAME        SERVICE\nclit-db-1   db\n");
        assert_eq!(print("table"), print(""));
        assert_eq!(
            print("table {{.Name}}\\t{{.Names}}\\t{{.Label \"com.docker.compose.service\"}}"),
            "NAME        <no value>   service\nclit-db-1   clit-db-1    db\n"
        );
        assert_eq!(
            print("table {{upper .Name}}\\t{{json .Service}}"),
            "NAME        SERVICE\nCLIT-DB-1   \"db\"\n"
        );
        assert_eq!(print("{{.Name}}"), "clit-db-1\n");
        assert_eq!(
            print("json"),
            "{\"Name\":\"clit-db-1\",\"Names\":\"clit-db-1\",\"Service\":\"db\"}\n"
        );
        assert_eq!(list.print("table {{.Foo}}", &[]).unwrap(), "<no value>\n");
    }
}
