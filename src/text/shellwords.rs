//! Splits a command written as one text into words, as Compose does.
//!
//! It is no shell: nothing is expanded, and an operator (`; & | < >`) outside quotes ends the
//! command silently. The rules are those of go-shellwords 1.0.12.

use std::ops::Range;

/// The words of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// The words, unquoted.
    pub words: Vec<String>,
    /// The bytes that were left out because a shell operator stands before them.
    pub ignored: Option<Range<usize>>,
}

/// A command that cannot be split: a quote, an escape or a parenthesis is left open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unbalanced {
    /// The byte of what is not closed, or of the parenthesis that should not be there.
    pub at: usize,
    /// That character.
    pub opener: char,
}

/// What the reader is inside of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Nothing,
    Single,
    Double,
    Backticks,
    Parentheses,
}

/// Splits a command.
///
/// # Errors
/// A quote or `$(` that is never closed, a backslash at the end, a stray parenthesis.
pub fn split(text: &str) -> Result<Words, Unbalanced> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut started = false;
    let mut inside = Inside::Nothing;
    let mut opened = (0, ' ');
    let mut ignored = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && inside != Inside::Single {
            let (_, next) = chars.next().ok_or(Unbalanced { at, opener: c })?;
            word.push(next);
            started = true;
            continue;
        }
        if matches!(c, ' ' | '\t' | '\r' | '\n') {
            if inside != Inside::Nothing {
                word.push(c);
            } else if started {
                words.push(std::mem::take(&mut word));
                started = false;
            }
            continue;
        }
        if inside == Inside::Nothing {
            opened = (at, c);
        }
        let next = match (c, inside) {
            ('"', Inside::Nothing) => Some(Inside::Double),
            ('\'', Inside::Nothing) => Some(Inside::Single),
            ('"', Inside::Double) | ('\'', Inside::Single) => {
                started = true;
                Some(Inside::Nothing)
            }
            _ => None,
        };
        if let Some(next) = next {
            inside = next;
            continue;
        }
        inside = match (c, inside) {
            // A closing parenthesis opens, too: `a )b c)` is two words in Compose.
            ('`', Inside::Backticks) | (')', Inside::Parentheses) => Inside::Nothing,
            ('`', Inside::Nothing) => Inside::Backticks,
            (')', Inside::Nothing) => Inside::Parentheses,
            ('(', Inside::Nothing) if word.ends_with('$') => Inside::Parentheses,
            ('(', Inside::Nothing | Inside::Parentheses) => {
                return Err(Unbalanced { at, opener: c });
            }
            (';' | '&' | '|' | '<' | '>', Inside::Nothing) => {
                // `2>file`: the digits belong to the redirection.
                started &= !(c == '>' && word.starts_with(|c: char| c.is_ascii_digit()));
                ignored = Some(at..text.len());
                break;
            }
            (_, inside) => inside,
        };
        word.push(c);
        started = true;
    }
    if inside != Inside::Nothing {
        let (at, opener) = opened;
        return Err(Unbalanced { at, opener });
    }
    if started {
        words.push(word);
    }
    Ok(Words { words, ignored })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The right side is what Docker Compose 2.40.3 made of `command:`.
    #[test]
    fn every_command_is_split_as_compose_splits_it() {
        for (text, expected) in [
            ("var --bar=baz", &["var", "--bar=baz"][..]),
            ("var --bar=\"baz\"", &["var", "--bar=baz"][..]),
            ("var \"--bar='baz'\"", &["var", "--bar='baz'"][..]),
            ("var --bar=`baz`", &["var", "--bar=`baz`"][..]),
            ("var \"--bar=\\\"baz'\"", &["var", "--bar=\"baz'"][..]),
            ("var \"--bar=\\'baz\\'\"", &["var", "--bar='baz'"][..]),
            ("var --bar='\\'", &["var", "--bar=\\"][..]),
            ("var --\"bar baz\"", &["var", "--bar baz"][..]),
            ("a \"   \"", &["a", "   "][..]),
            ("a '   '", &["a", "   "][..]),
            ("foo bar\\  ", &["foo", "bar "][..]),
            ("foo \"\" bar ''", &["foo", "", "bar", ""][..]),
            ("echo a && echo b; c", &["echo", "a"][..]),
            ("ls -la 2>foo", &["ls", "-la"][..]),
            ("ls 2x>foo", &["ls"][..]),
            ("ls x > foo", &["ls", "x"][..]),
            ("a|b", &["a"][..]),
            ("a 'b|c' \"d;e\"", &["a", "b|c", "d;e"][..]),
            ("a \\; b", &["a", ";", "b"][..]),
            (
                "echo $(echo \"foo bar\") x",
                &["echo", "$(echo \"foo bar\")", "x"][..],
            ),
            ("echo $(`echo1) x", &["echo", "$(`echo1)", "x"][..]),
            ("echo `a b` c", &["echo", "`a b`", "c"][..]),
            ("sh -c 'echo $HOME'", &["sh", "-c", "echo $HOME"][..]),
            ("sh -c \"echo \\$X\"", &["sh", "-c", "echo $X"][..]),
            ("a\\tb\\nc\\d", &["atbncd"][..]),
            ("a\tb\nc\r d", &["a", "b", "c", "d"][..]),
            ("", &[][..]),
            ("   ", &[][..]),
            ("a ) b )", &["a", ") b )"][..]),
            ("a $(b \\\" c) d", &["a", "$(b \" c)", "d"][..]),
            ("a `b \\x` d", &["a", "`b x`", "d"][..]),
            ("a\"b\"'c'd", &["abcd"][..]),
            ("a ''", &["a", ""][..]),
            ("''", &[""][..]),
            ("é ü", &["é", "ü"][..]),
            ("a #b", &["a", "#b"][..]),
            ("a\\\\b", &["a\\b"][..]),
            ("a \"\\t\\n\\x\" ", &["a", "tnx"][..]),
            (
                "npm run dev -- --host 0.0.0.0 & ",
                &["npm", "run", "dev", "--", "--host", "0.0.0.0"][..],
            ),
            ("& a", &[][..]),
            ("5>x", &[][..]),
            ("> x", &[][..]),
            ("a $(b;c) d", &["a", "$(b;c)", "d"][..]),
            ("a 'it'\\''s'", &["a", "it's"][..]),
            ("a$(b)c", &["a$(b)c"][..]),
            ("a )b )c) )d", &["a", ")b )c) )d"][..]),
        ] {
            assert_eq!(split(text).unwrap().words, expected, "{text:?}");
        }
    }

    #[test]
    fn what_a_shell_would_have_run_is_reported_as_ignored() {
        for (text, ignored) in [
            ("echo a && echo b; c", Some("&& echo b; c")),
            ("ls -la 2>foo", Some(">foo")),
            ("a 'b|c' \"d;e\" \\; $(x;y)", None),
        ] {
            let split = split(text).unwrap();
            assert_eq!(split.ignored.map(|range| &text[range]), ignored);
        }
    }

    #[test]
    fn what_stays_open_is_an_error_at_its_place() {
        for (text, at, opener) in [
            ("foo '", 4, '\''),
            ("foo \"a b", 4, '"'),
            ("foo `", 4, '`'),
            ("foo \\", 4, '\\'),
            ("a (b)", 2, '('),
            ("a $ (b", 4, '('),
            ("a )", 2, ')'),
            ("echo $(a", 6, '('),
            ("a )b )c)", 7, ')'),
            ("a $((1+2))", 4, '('),
            ("x$(a (b))", 5, '('),
        ] {
            assert_eq!(split(text), Err(Unbalanced { at, opener }), "{text:?}");
        }
    }
}
