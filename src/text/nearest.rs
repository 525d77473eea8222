//! The known name that a misspelt one was probably meant to be.

/// The candidate nearest to a word, where one is near enough for `did you mean` to help.
///
/// Near enough is one slip (a letter wrong, missing, added, or two swapped) for every three
/// letters; case and the difference between `-` and `_` cost nothing. Of equals, the first wins.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word = folded(word);
    let limit = word.len().div_ceil(3);
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &folded(candidate)), candidate))
        .filter(|&(distance, candidate)| distance <= limit && distance < candidate.chars().count())
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// How many slips apart two words are, to the letter.
pub fn slips(a: &str, b: &str) -> usize {
    let letters = |word: &str| word.chars().collect::<Vec<char>>();
    distance(&letters(a), &letters(b))
}

fn folded(word: &str) -> Vec<char> {
    word.chars()
        .flat_map(char::to_lowercase)
        .map(|c| if c == '-' { '_' } else { c })
        .collect()
}

/// How many slips apart two words are: Damerau and Levenshtein's distance, restricted form.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, &from) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, &to) in b.iter().enumerate() {
            let mut best = (above[j + 1] + 1)
                .min(row[j] + 1)
                .min(above[j] + usize::from(from != to));
            if i > 0 && j > 0 && from == b[j - 1] && a[i - 1] == to {
                let swapped: &Vec<usize> = &before;
                best = best.min(swapped[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_what_was_meant_and_strangers_find_nothing() {
        let keys = [
            "image",
            "build",
            "environment",
            "env_file",
            "ports",
            "depends_on",
            "db",
        ];
        for (word, meant) in [
            ("imgae", Some("image")),
            ("Image", Some("image")),
            ("enviroment", Some("environment")),
            ("env-file", Some("env_file")),
            ("port", Some("ports")),
            ("dependson", Some("depends_on")),
            ("dbb", Some("db")),
            ("xyz", None),
            ("q", None),
            ("", None),
            ("volumes", None),
        ] {
            assert_eq!(nearest(word, keys), meant, "{word:?}");
        }
    }
}
