//! The names that containers bear while those whose place they take are still there.

use crate::name::ContainerId;

/// As many digits of the old container's id stand before the final name.
const DIGITS: usize = 12;

/// `0123456789ab_app-web-1`: the name of a container that takes the place of `old`.
pub fn temporary_name(old: &ContainerId, name: &str) -> String {
    format!("{}_{name}", old.get(..DIGITS).unwrap_or(old))
}

/// The final name, where this is a temporary one.
pub fn final_name(name: &str) -> Option<&str> {
    let (id, rest) = name.split_once('_')?;
    let is_id = id.len() == DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_id && !rest.is_empty()).then_some(rest)
}

/// A text with the temporary names in it told as the final ones: nobody finds a container under the
/// others for long.
pub fn with_final_names(text: &str) -> String {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_of_name) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c| !is_of_name(c)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        told.push_str(before);
        told.push_str(final_name(word).unwrap_or(word));
        rest = after;
    }
    told + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_names_are_told_as_the_final_ones() {
        for (text, told) in [
            (
                "rename cc6077044b9e_app_web-1 to app_web-1",
                "rename app_web-1 to app_web-1",
            ),
            (
                "the name \"/cc6077044b9e_app-web-1\" (4c9b28b7defc) is in use.",
                "the name \"/app-web-1\" (4c9b28b7defc) is in use.",
            ),
            ("create network my_default", "create network my_default"),
            ("cc6077044b9e_", "cc6077044b9e_"),
        ] {
            assert_eq!(with_final_names(text), told);
        }
    }
}
