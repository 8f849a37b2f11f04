//! Which of the known objects this operator serves. The index knows the others, too: their hosts and apps
//! count, whoever serves them.

use kube::core::{Selector, SelectorExt as _};

use crate::controller::{scope::Scope, tenancy::Labels};

/// The class of this operator and the namespaces that it serves.
#[derive(Debug, Default)]
pub struct Served {
    /// `None`: objects without a class are served.
    class: Option<String>,
    /// The labels of the namespaces; `None` if labels do not matter.
    selector: Option<Selector>,
}

// === impl Served ===

impl Served {
    /// What an operator of this scope serves.
    #[must_use]
    pub fn new(scope: &Scope) -> Self {
        Self {
            class: scope.class().map(ToOwned::to_owned),
            selector: scope.selector().cloned(),
        }
    }

    /// Whether objects of a class are served.
    #[must_use]
    pub fn has_class(&self, class: Option<&str>) -> bool {
        self.class.as_deref() == class
    }

    /// Whether a namespace with these labels is served. Unknown labels match nothing.
    #[must_use]
    pub fn includes(&self, labels: Option<&Labels>) -> bool {
        let Some(selector) = &self.selector else {
            return true;
        };
        labels.is_some_and(|labels| selector.matches(labels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_its_own_operator() {
        let blue = Scope {
            operator_class: "blue".into(),
            ..Scope::default()
        };
        let (plain, blue) = (Served::default(), Served::new(&blue));
        for (class, by_plain, by_blue) in [
            (None, true, false),
            (Some("blue"), false, true),
            (Some("green"), false, false),
        ] {
            assert_eq!(plain.has_class(class), by_plain, "{class:?}");
            assert_eq!(blue.has_class(class), by_blue, "{class:?}");
        }
    }

    #[test]
    fn a_namespace_is_served_while_its_labels_match() {
        let scope = Scope {
            watch_namespace_selector: r#"{"matchLabels":{"zoom":"yes"}}"#.parse().unwrap(),
            ..Scope::default()
        };
        let served = Served::new(&scope);
        let labels = |value: &str| Labels::from([("zoom".to_owned(), value.to_owned())]);
        assert!(served.includes(Some(&labels("yes"))));
        assert!(!served.includes(Some(&labels("no"))));
        assert!(!served.includes(None));
        assert!(Served::default().includes(None));
    }
}
