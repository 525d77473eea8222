//! What a list or a stream of events is narrowed to.

use std::collections::{BTreeMap, HashMap};

/// Filters of a list or of events: `label` → `["com.docker.compose.project=app"]`.
pub type Filters = BTreeMap<String, Vec<String>>;

/// The filter that holds for whatever carries this label.
pub fn labelled(label: impl Into<String>) -> Filters {
    Filters::from([("label".to_owned(), vec![label.into()])])
}

/// The same as the query takes them.
pub(super) fn filters(filters: &Filters) -> HashMap<String, Vec<String>> {
    filters.clone().into_iter().collect()
}
