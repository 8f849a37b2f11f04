//! What a long list of people does to the status.

use super::*;

#[test]
fn the_links_of_a_thousand_people_have_no_room() {
    let mut pass = Pass::over(general());
    pass.connections = (0..1000)
        .map(|number| {
            serde_json::from_value(json!({
                "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
                "metadata": {"name": format!("person-{number:04}"), "namespace": "clinics"},
                "spec": {"integrationRef": {"name": "acme"}},
                "status": {
                    "phase": "Reauthorization required",
                    "installUrl": format!("https://connect.example.com/{number}"),
                    "grant": {"lost": "GrantLost"},
                },
            }))
            .unwrap()
        })
        .collect();
    let published = pass.at(10);
    let install = step(&published, "Install");
    assert_eq!(install.entries.len(), MOST_LINKS);
    assert_eq!(install.entries[0].field, "person-0000");
    let message = install.message.as_deref().unwrap();
    assert_eq!(message.chars().count(), MOST_TEXT);
    assert!(message.ends_with('…'));
    let size = serde_json::to_string(&published).unwrap().len();
    assert!(size < 20_000, "{size} bytes");
}

#[test]
fn a_text_is_cut_where_a_letter_ends() {
    assert_eq!(bounded("日本語", 3), "日本語");
    assert_eq!(bounded("日本語です", 3), "日本…");
}
