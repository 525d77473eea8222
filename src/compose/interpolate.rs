//! Variables in texts: `$$`, `$NAME`, `${NAME}` and `${NAME<operator>operand}`.
//!
//! The grammar is that of the Compose specification ("Interpolation") as compose-go reads it: of
//! several operators the first decides, operands are templates themselves and are evaluated only
//! when they are used, braces are balanced, and an expression ends on the line it began on.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

/// How deep operands may stand inside operands; no written file comes near it.
const MAX_DEPTH: usize = 100;

/// A text after interpolation, and what it took from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpolated<'t> {
    /// The new text; borrowed where nothing changed.
    pub text: Cow<'t, str>,
    /// Every variable that was asked for, in the order of the text.
    pub uses: Vec<Use>,
}

/// One variable that a text asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The variable.
    pub name: String,
    /// The bytes of the template that the whole expression takes.
    pub at: Range<usize>,
    /// What the expression became.
    pub taken: Taken,
}

/// What an expression became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The variable's value.
    Value,
    /// The operand of `-` or `:-`.
    Default,
    /// The operand of `+` or `:+`.
    Alternate,
    /// Nothing, as `+` and `:+` mean it where the variable is not set.
    Nothing,
    /// Nothing, because the variable is not set and nothing was said for that case.
    Unset,
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The bytes of the template it is about.
    pub at: Range<usize>,
    /// What it is.
    pub kind: ErrorKind,
}

/// The ways in which a template can fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// `${` that no expression follows.
    Malformed,
    /// A variable that `?` or `:?` demands.
    Required {
        /// The variable.
        name: String,
        /// What the file says about it; may be empty.
        reason: String,
    },
    /// Operands nested past any sense.
    TooDeep,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("invalid interpolation format"),
            Self::Required { name, reason } if reason.is_empty() => {
                write!(f, "required variable `{name}` is missing a value")
            }
            Self::Required { name, reason } => {
                write!(f, "required variable `{name}` is missing a value: {reason}")
            }
            Self::TooDeep => write!(f, "more than {MAX_DEPTH} expressions inside each other"),
        }
    }
}

/// Where values come from; `None` for a variable that is not set.
pub type Lookup<'l, 'e> = &'l dyn Fn(&str) -> Option<&'e str>;

/// How much values may take, all of them together.
///
/// Variables of variables double with every line, and a template can name one of them any number of
/// times: what is taken is counted while it is taken.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    taken: std::cell::Cell<usize>,
    limit: usize,
}

impl Budget {
    /// Room for so many bytes.
    pub fn new(limit: usize) -> Self {
        let taken = std::cell::Cell::new(0);
        Self { taken, limit }
    }

    /// A value, as long as there is room for it; nothing instead afterwards.
    pub fn take<'e>(&self, value: &'e str) -> &'e str {
        self.taken.set(self.taken.get().saturating_add(value.len()));
        if self.is_spent() { "" } else { value }
    }

    /// Whether more was asked for than there is room.
    pub fn is_spent(&self) -> bool {
        self.taken.get() > self.limit
    }
}

/// Replaces every variable of a template.
///
/// # Errors
/// Every malformed expression and every missing required variable, in the order of the text.
pub fn interpolate<'t>(
    template: &'t str,
    lookup: Lookup<'_, '_>,
) -> Result<Interpolated<'t>, Vec<Error>> {
    if !template.contains('$') {
        return Ok(Interpolated {
            text: Cow::Borrowed(template),
            uses: Vec::new(),
        });
    }
    let mut run = Run {
        lookup,
        uses: Vec::new(),
        errors: Vec::new(),
    };
    let mut text = String::with_capacity(template.len());
    run.expand(template, 0, 0, &mut text);
    if !run.errors.is_empty() {
        return Err(run.errors);
    }
    Ok(Interpolated {
        text: match text == template {
            true => Cow::Borrowed(template),
            false => Cow::Owned(text),
        },
        uses: run.uses,
    })
}

struct Run<'l, 'e> {
    lookup: Lookup<'l, 'e>,
    uses: Vec<Use>,
    errors: Vec<Error>,
}

impl Run<'_, '_> {
    /// Expands a template that begins at byte `base` of the outermost one.
    fn expand(&mut self, template: &str, base: usize, depth: usize, out: &mut String) {
        if depth > MAX_DEPTH {
            let at = base..base + template.len();
            let kind = ErrorKind::TooDeep;
            return self.errors.push(Error { at, kind });
        }
        let mut done = 0;
        for Found { range, token } in Tokens::of(template) {
            out.push_str(&template[done..range.start]);
            done = range.end;
            let at = base + range.start..base + range.end;
            match token {
                Token::Dollar => out.push('$'),
                Token::Malformed { end } => self.errors.push(Error {
                    at: at.start..base + end,
                    kind: ErrorKind::Malformed,
                }),
                Token::Variable { name, operation } => match operation {
                    None => self.plain(name, at, out),
                    Some(operation) => self.operate(name, operation, (at, depth), out),
                },
            }
        }
        out.push_str(&template[done..]);
    }

    fn plain(&mut self, name: &str, at: Range<usize>, out: &mut String) {
        let value = (self.lookup)(name);
        out.push_str(value.unwrap_or_default());
        let taken = match value {
            Some(_) => Taken::Value,
            None => Taken::Unset,
        };
        self.used(name, at, taken);
    }

    fn operate(
        &mut self,
        name: &str,
        operation: Operation<'_>,
        (at, depth): (Range<usize>, usize),
        out: &mut String,
    ) {
        let Operation {
            operator,
            unless_empty,
            operand,
            start,
        } = operation;
        let value = (self.lookup)(name);
        let start = at.start + start;
        let present = match value {
            Some(value) => !(unless_empty && value.is_empty()),
            None => false,
        };
        match (operator, present) {
            (Operator::Default, false) => {
                self.used(name, at, Taken::Default);
                self.expand(operand, start, depth + 1, out);
            }
            (Operator::Alternate, true) => {
                self.used(name, at, Taken::Alternate);
                self.expand(operand, start, depth + 1, out);
            }
            (Operator::Required, false) => {
                let mut reason = String::new();
                self.expand(operand, start, depth + 1, &mut reason);
                let name = name.to_owned();
                let kind = ErrorKind::Required { name, reason };
                self.errors.push(Error { at, kind });
            }
            _ => {
                out.push_str(value.unwrap_or_default());
                let taken = match value {
                    Some(_) => Taken::Value,
                    None => Taken::Nothing,
                };
                self.used(name, at, taken);
            }
        }
    }

    fn used(&mut self, name: &str, at: Range<usize>, taken: Taken) {
        let name = name.to_owned();
        self.uses.push(Use { name, at, taken });
    }
}

/// A variable as a file mentions it, for `config --variables`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variable {
    /// Whether an expression fails without it.
    pub required: bool,
    /// The operand of `-` or `:-`, as it is written.
    pub default: String,
    /// The operand of `+` or `:+`, as it is written.
    pub alternate: String,
}

/// Adds the variables of a template; of several mentions of one the last stands.
pub fn variables(template: &str, into: &mut BTreeMap<String, Variable>) {
    collect(template, 0, into);
}

fn collect(template: &str, depth: usize, into: &mut BTreeMap<String, Variable>) {
    if depth > MAX_DEPTH || !template.contains('$') {
        return;
    }
    for Found { token, .. } in Tokens::of(template) {
        let Token::Variable { name, operation } = token else {
            continue;
        };
        let mut variable = Variable::default();
        let mut nested = "";
        if let Some(Operation {
            operator, operand, ..
        }) = operation
        {
            match operator {
                Operator::Default => variable.default = operand.to_owned(),
                Operator::Alternate => variable.alternate = operand.to_owned(),
                Operator::Required => variable.required = true,
            }
            if operator != Operator::Required {
                nested = operand;
            }
        }
        into.insert(name.to_owned(), variable);
        collect(nested, depth + 1, into);
    }
}

/// One expression with its bytes in the template it was found in.
struct Found<'t> {
    range: Range<usize>,
    token: Token<'t>,
}

enum Token<'t> {
    /// `$$`.
    Dollar,
    /// `$NAME`, `${NAME}` or `${NAME<operator>operand}`.
    Variable {
        name: &'t str,
        operation: Option<Operation<'t>>,
    },
    /// `${` without an expression; `end` is where it is shown to end.
    Malformed { end: usize },
}

struct Operation<'t> {
    operator: Operator,
    /// Whether a `:` stands before the operator: an empty value counts as none.
    unless_empty: bool,
    operand: &'t str,
    /// Where the operand begins, counted from the expression's `$`.
    start: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    Default,
    Alternate,
    Required,
}

/// The expressions of a template from left to right.
struct Tokens<'t> {
    template: &'t str,
    next: usize,
    /// The end of the line that `next` stood on last, and that line's last closing brace.
    line: (usize, Option<usize>),
}

impl<'t> Tokens<'t> {
    fn of(template: &'t str) -> Self {
        Self {
            template,
            next: 0,
            line: (0, None),
        }
    }

    /// The last closing brace between `from` and the end of its line.
    fn last_brace(&mut self, from: usize) -> Option<usize> {
        if from >= self.line.0 {
            let end = self.template[from..]
                .find('\n')
                .map_or(self.template.len(), |at| from + at + 1);
            let brace = self.template[from..end].rfind('}').map(|at| from + at);
            self.line = (end, brace);
        }
        self.line.1.filter(|&brace| brace >= from)
    }

    /// Reads what follows `${`, whose `$` is at `start`.
    fn braced(&mut self, start: usize) -> (usize, Token<'t>) {
        let bytes = self.template.as_bytes();
        let named = start + 2;
        let name = &self.template[named..name_end(bytes, named)];
        let after = named + name.len();
        if name.is_empty() {
            return self.malformed(start);
        }
        if bytes.get(after) == Some(&b'}') {
            let operation = None;
            return (after + 1, Token::Variable { name, operation });
        }
        let unless_empty = bytes.get(after) == Some(&b':');
        let symbol = after + usize::from(unless_empty);
        let operator = match bytes.get(symbol) {
            Some(b'-') => Operator::Default,
            Some(b'+') => Operator::Alternate,
            Some(b'?') => Operator::Required,
            _ => return self.malformed(start),
        };
        let Some(last) = self.last_brace(symbol + 1) else {
            return self.malformed(start);
        };
        let close = closing_brace(bytes, start, last).unwrap_or(last);
        let operation = Some(Operation {
            operator,
            unless_empty,
            operand: &self.template[symbol + 1..close],
            start: symbol + 1 - start,
        });
        (close + 1, Token::Variable { name, operation })
    }

    /// A malformed expression is shown up to its brace, or to the end of its line.
    fn malformed(&self, start: usize) -> (usize, Token<'t>) {
        let rest = &self.template[start..];
        let line = rest.find('\n').map_or(rest, |end| &rest[..end]);
        let end = start + line.find('}').map_or(line.trim_end().len(), |at| at + 1);
        (start + 2, Token::Malformed { end })
    }
}

impl<'t> Iterator for Tokens<'t> {
    type Item = Found<'t>;

    fn next(&mut self) -> Option<Found<'t>> {
        let bytes = self.template.as_bytes();
        loop {
            let start = self.next + self.template[self.next..].find('$')?;
            let (end, token) = match bytes.get(start + 1) {
                Some(b'$') => (start + 2, Token::Dollar),
                Some(b'{') => self.braced(start),
                Some(&first) if first == b'_' || first.is_ascii_alphabetic() => {
                    let end = name_end(bytes, start + 1);
                    let name = &self.template[start + 1..end];
                    let operation = None;
                    (end, Token::Variable { name, operation })
                }
                _ => {
                    self.next = start + 1;
                    continue;
                }
            };
            self.next = end;
            let range = start..end;
            return Some(Found { range, token });
        }
    }
}

/// The end of the name that begins at `from`; `from` itself where none does.
fn name_end(bytes: &[u8], from: usize) -> usize {
    if bytes.get(from).is_none_or(u8::is_ascii_digit) {
        return from;
    }
    let length = bytes[from..]
        .iter()
        .take_while(|&&b| b == b'_' || b.is_ascii_alphanumeric())
        .count();
    from + length
}

/// The brace that closes the expression at `start`, looked for up to `last`.
///
/// The byte after an opening brace never closes, so `${A:-{}}` finds none: then `last` does.
fn closing_brace(bytes: &[u8], start: usize, last: usize) -> Option<usize> {
    let mut open = 0_usize;
    let mut at = start;
    while at <= last {
        match bytes[at] {
            b'{' => {
                open += 1;
                at += 1;
            }
            b'}' => {
                open = open.saturating_sub(1);
                if open == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<&'static str> {
        match name {
            "FOO" => Some("first"),
            "BAR" => Some(""),
            "JSON" => Some("{\"json\":2}"),
            "DOLLAR" => Some("$FOO ${FOO}"),
            _ => None,
        }
    }

    fn messages(template: &str) -> Vec<(String, String)> {
        interpolate(template, &environment)
            .unwrap_err()
            .into_iter()
            .map(|error| (template[error.at].to_owned(), error.kind.to_string()))
            .collect()
    }

    /// The right side is what Docker Compose 2.40.3 printed.
    #[test]
    fn every_template_becomes_what_compose_makes_of_it() {
        for (template, text) in [
            ("$$${foo}", "$"),
            ("$${foo}", "${foo}"),
            ("foo", "foo"),
            ("a $ string", "a $ string"),
            ("^REGEX$", "^REGEX$"),
            ("$}", "$}"),
            ("$", "$"),
            ("$FOO-bar", "first-bar"),
            ("This ${missing} var", "This  var"),
            ("This ${BAR} var", "This  var"),
            ("This $FOO var", "This first var"),
            ("ok ${missing:-def}", "ok def"),
            ("ok ${missing-def}", "ok def"),
            ("ok ${BAR:-def}", "ok def"),
            ("ok ${FOO:-def}", "ok first"),
            ("ok ${BAR-def}", "ok "),
            ("ok ${UNSET:+p}", "ok "),
            ("ok ${UNSET+p}", "ok "),
            ("ok ${FOO:+p}", "ok p"),
            ("ok ${BAR+p}", "ok p"),
            ("ok ${BAR:+p}", "ok "),
            ("ok ${BAR:-/non:-alphanumeric}", "ok /non:-alphanumeric"),
            ("-ok ${BAR:-d}", "-ok d"),
            ("+ok ${UNSET:-${BAR-d}}", "+ok "),
            (":?ok ${BAR:-d}", ":?ok d"),
            ("ok ${UNSET-${FOO} ${FOO}}", "ok first first"),
            ("ok ${BAR+$FOO ${FOO:+second}}", "ok first second"),
            ("ok ${FOO:?err}", "ok first"),
            ("ok ${BAR?err}", "ok "),
            ("ok ${SUBDOMAIN:-redis}.${FOO:?}", "ok redis.first"),
            ("${UNSET:-{}}", "{}"),
            ("${UNSET:-{}} and }", "{}} and "),
            ("{\"x\": ${UNSET:-{}}, \"y\": {}}", "{\"x\": {}}, \"y\": {}"),
            ("${UNSET:-{} tail", "{ tail"),
            ("${UNSET:-a}}", "a}"),
            ("${UNSET:-${JSON:-{\"a\":1}}}", "{\"json\":2}"),
            (
                "${UNSET:-{\"a\":{\"b\":1}}} and ${FOO}",
                "{\"a\":{\"b\":1}} and first",
            ),
            ("${UNSET:-a?b}", "a?b"),
            ("${UNSET-a:?b}", "a:?b"),
            ("${UNSET:-$$FOO}", "$FOO"),
            ("${UNSET:-$${FOO}}", "${FOO}"),
            ("$FOO$BAR$FOO", "firstfirst"),
            ("${FOO}${FOO}", "firstfirst"),
            ("$1 $9a $- $_x", "$1 $9a $- "),
            ("${_x:-under}", "under"),
            ("$éa ${UNSET:-é}", "$éa é"),
            ("line1 ${UNSET:-x}\nline2 ${FOO}", "line1 x\nline2 first"),
            ("${UNSET:-a}\n}", "a\n}"),
            ("${UNSET:- spaced }", " spaced "),
            ("${UNSET:--}", "-"),
            ("${UNSET:-:-}", ":-"),
            ("${UNSET-}", ""),
            ("${UNSET:-${UNSET2:-${UNSET3:-deep}}} ${FOO}", "deep first"),
            ("${JSON}", "{\"json\":2}"),
            ("${DOLLAR}", "$FOO ${FOO}"),
            ("x${FOO:+}y", "xy"),
            ("${UNSET:-'q'}", "'q'"),
            ("$FOO.$BAR", "first."),
            ("$$$$", "$$"),
            ("$$$FOO", "$first"),
            ("${foo}", ""),
            ("${UNSET:-a}b}", "ab}"),
            ("${FOO:-${BROKEN:-}}z", "firstz"),
            ("${FOO-{}x}", "first"),
            ("${UNSET-{}x}", "{}x"),
        ] {
            let new = interpolate(template, &environment).unwrap();
            assert_eq!(new.text, text, "{template}");
        }
    }

    #[test]
    fn an_operand_that_is_not_used_is_not_evaluated() {
        for template in [
            "${FOO:-${UNSET:?no}}",
            "${FOO:?${ broken}}",
            "${UNSET:+${ broken}}x",
        ] {
            let new = interpolate(template, &environment).unwrap();
            let name = &template[2..template.find(':').unwrap()];
            assert_eq!(new.uses.len(), 1, "{template}");
            assert_eq!(new.uses[0].name, name);
        }
    }

    #[test]
    fn each_use_says_where_it_stands_and_what_was_taken() {
        let template = "a ${UNSET:-${FOO}/$GONE} ${BAR+set} ${NOPE+x}$$$FOO";
        let new = interpolate(template, &environment).unwrap();
        assert_eq!(new.text, "a first/ set $first");
        let uses: Vec<_> = new
            .uses
            .iter()
            .map(|one| (one.name.as_str(), &template[one.at.clone()], one.taken))
            .collect();
        assert_eq!(
            uses,
            [
                ("UNSET", "${UNSET:-${FOO}/$GONE}", Taken::Default),
                ("FOO", "${FOO}", Taken::Value),
                ("GONE", "$GONE", Taken::Unset),
                ("BAR", "${BAR+set}", Taken::Alternate),
                ("NOPE", "${NOPE+x}", Taken::Nothing),
                ("FOO", "$FOO", Taken::Value),
            ]
        );
    }

    #[test]
    fn every_malformed_expression_is_shown() {
        for (template, shown) in [
            ("${", vec!["${"]),
            ("${}", vec!["${}"]),
            ("${ }", vec!["${ }"]),
            ("x ${foo } y", vec!["${foo }"]),
            ("${foo!}", vec!["${foo!}"]),
            ("${A:-x\n}", vec!["${A:-x"]),
            ("${1A} ${a.b}", vec!["${1A}", "${a.b}"]),
            ("${FOO:x}", vec!["${FOO:x}"]),
            ("${UNSET:-a ${ x} b}", vec!["${ x}"]),
            ("${FOO", vec!["${FOO"]),
            ("x ${FOO:-", vec!["${FOO:-"]),
        ] {
            let expected: Vec<_> = shown
                .into_iter()
                .map(|part| (part.to_owned(), "invalid interpolation format".to_owned()))
                .collect();
            assert_eq!(messages(template), expected, "{template}");
        }
    }

    #[test]
    fn a_missing_variable_says_why_it_is_needed() {
        for (template, message) in [
            (
                "${UNSET:?Mandatory ${FOO}}",
                "required variable `UNSET` is missing a value: Mandatory first",
            ),
            ("${UNSET?}", "required variable `UNSET` is missing a value"),
            ("${BAR:?}", "required variable `BAR` is missing a value"),
        ] {
            assert_eq!(
                messages(template),
                [(template.to_owned(), message.to_owned())]
            );
        }
    }

    #[test]
    fn hostile_nesting_ends_in_an_error_and_not_in_an_overflow() {
        let deep = format!("{}x{}", "${A:-".repeat(50_000), "}".repeat(50_000));
        assert_eq!(
            messages(&deep)[0].1,
            "more than 100 expressions inside each other"
        );
        let wide = "${A:-x}".repeat(100_000);
        assert_eq!(
            interpolate(&wide, &environment).unwrap().text.len(),
            100_000
        );
    }

    /// The facts are `docker compose config --variables`'s of 2.40.3.
    #[test]
    fn variables_are_listed_with_what_the_file_says_of_them() {
        let mut found = BTreeMap::new();
        variables(
            "x:${TAG:-1.0} ${B:?need ${C}} $D ${E:+alt} ${F-} ${ ${G:-${H:-5}} $$I",
            &mut found,
        );
        variables("${J:-{}} ${K:-x}", &mut found);
        variables("${TAG}", &mut found);
        let listed: Vec<String> = found
            .iter()
            .map(|(name, v)| format!("{name} {} {:?} {:?}", v.required, v.default, v.alternate))
            .collect();
        assert_eq!(
            listed.join("\n"),
            r#"B true "" ""
D false "" ""
E false "" "alt"
F false "" ""
G false "${H:-5}" ""
H false "5" ""
J false "{}} ${K:-x" ""
TAG false "" """#
        );
    }

    proptest::proptest! {
        #[test]
        fn a_text_without_a_dollar_stays_as_it_is(text in "[^$]*") {
            let new = interpolate(&text, &environment).unwrap();
            proptest::prop_assert!(matches!(new.text, Cow::Borrowed(same) if same == text));
            proptest::prop_assert!(new.uses.is_empty());
        }

        #[test]
        fn doubled_dollars_keep_any_text(text in "\\PC*") {
            let template = text.replace('$', "$$");
            let new = interpolate(&template, &environment).unwrap();
            proptest::prop_assert_eq!(new.text, text);
        }

        #[test]
        fn values_are_taken_as_they_are(before in "[^$]*", value in "\\PC*", after in "[^$]*") {
            let template = format!("{before}${{VALUE}}{after}");
            let lookup = |name: &str| (name == "VALUE").then_some(value.as_str());
            let new = interpolate(&template, &lookup).unwrap();
            proptest::prop_assert_eq!(new.text, format!("{before}{value}{after}"));
        }
    }
}
