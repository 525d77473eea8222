//! Tables of path patterns, matched in one walk over a tree.
//!
//! A pattern is a dotted path whose parts are keys, or `*` for any key and any list item. A walk
//! carries a cursor, steps it with every key, and prunes where no rule lies below.

/// A table: at each node the rule of the path so far, and where the next key leads.
#[derive(Debug)]
pub struct Rules<T> {
    rule: Option<T>,
    keys: Vec<(&'static str, Rules<T>)>,
    any: Option<Box<Rules<T>>>,
}

impl<T: Copy> Rules<T> {
    /// A table of patterns and their rules; an exact key goes before `*`.
    pub fn new(patterns: &[(&'static str, T)]) -> Self {
        let mut root = Self::empty();
        for (pattern, rule) in patterns {
            let mut node = &mut root;
            for part in pattern.split('.') {
                node = node.child(part);
            }
            node.rule = Some(*rule);
        }
        root.settle();
        root
    }

    fn empty() -> Self {
        Self {
            rule: None,
            keys: Vec::new(),
            any: None,
        }
    }

    fn child(&mut self, part: &'static str) -> &mut Self {
        if part == "*" {
            return self.any.get_or_insert_with(|| Box::new(Self::empty()));
        }
        let at = match self.keys.iter().position(|(key, _)| *key == part) {
            Some(at) => at,
            None => {
                self.keys.push((part, Self::empty()));
                self.keys.len() - 1
            }
        };
        &mut self.keys[at].1
    }

    /// Lets every key know what `*` says beside it, so that a walk needs one cursor.
    fn settle(&mut self) {
        if let Some(any) = &self.any {
            for (_, node) in &mut self.keys {
                node.adopt(any);
            }
        }
        for (_, node) in &mut self.keys {
            node.settle();
        }
        if let Some(any) = &mut self.any {
            any.settle();
        }
    }

    fn adopt(&mut self, other: &Self) {
        self.rule = self.rule.or(other.rule);
        for (key, node) in &other.keys {
            self.child(key).adopt(node);
        }
        if let Some(any) = &other.any {
            self.child("*").adopt(any);
        }
    }

    /// Where a key leads; nowhere when no pattern goes on.
    pub fn step(&self, key: &str) -> Option<&Self> {
        let exact = self.keys.iter().find(|(name, _)| *name == key);
        exact.map(|(_, node)| node).or(self.any.as_deref())
    }

    /// Where a list item leads.
    pub fn item(&self) -> Option<&Self> {
        self.any.as_deref()
    }

    /// The rule of the path so far.
    pub fn rule(&self) -> Option<T> {
        self.rule
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_key_goes_before_any_and_inherits_what_lies_below_it() {
        let rules = Rules::new(&[("a.*.x", 1), ("a.b", 2), ("a.b.y", 3)]);
        let a = rules.step("a").unwrap();
        let b = a.step("b").unwrap();
        assert_eq!(b.rule(), Some(2));
        assert_eq!(b.step("x").unwrap().rule(), Some(1));
        assert_eq!(b.step("y").unwrap().rule(), Some(3));
        assert_eq!(a.step("c").unwrap().rule(), None);
        assert!(rules.step("z").is_none());
    }
}
