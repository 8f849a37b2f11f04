//! An object as people name it on the command line: `NAME`, `zint/NAME` or `zconn/NAME`.

use std::{fmt, str::FromStr};

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A `ZoomIntegration`.
    Integration(String),
    /// A `ZoomConnection`.
    Connection(String),
}

// === impl Target ===

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, name) = text.split_once('/').unwrap_or(("zint", text));
        if name.is_empty() || name.contains('/') {
            return Err("expected NAME, zint/NAME or zconn/NAME".into());
        }
        let kind = kind.to_ascii_lowercase();
        let name = name.to_owned();
        match kind.strip_suffix(".zoom-operator.io").unwrap_or(&kind) {
            "zint" | "zoomintegration" | "zoomintegrations" => Ok(Self::Integration(name)),
            "zconn" | "zoomconnection" | "zoomconnections" => Ok(Self::Connection(name)),
            other => Err(format!(
                "{other} is no kind of zoom-operator: use zint/{name} or zconn/{name}"
            )),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integration(name) => write!(f, "zint/{name}"),
            Self::Connection(name) => write!(f, "zconn/{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_named_as_kubectl_takes_it() {
        for (text, wanted) in [
            ("acme", "zint/acme"),
            ("ZoomIntegration/acme", "zint/acme"),
            ("zconn/ada", "zconn/ada"),
            ("zoomconnections.zoom-operator.io/ada", "zconn/ada"),
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), wanted);
        }
        for text in ["", "/", "zint/", "pod/a", "zint/a/b"] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
