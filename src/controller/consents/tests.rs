//! How consents are found.

use super::*;

/// Another tenant may have an integration of the same name.
#[test]
fn only_the_consents_of_this_very_integration_are_found() {
    let found = selectors(&Key::integration("platform", "app"));
    let of = "zoom-operator.io/integration=app";
    let kind = format!("{}={}", label::USE, label::CONSENT);
    let elsewhere = label::INTEGRATION_NAMESPACE;
    assert_eq!(
        found,
        [
            format!("{of},{elsewhere}=platform,{kind}"),
            format!("{of},!{elsewhere},{}=platform,{kind}", label::NAMESPACE),
        ]
    );
}
