use super::list;
use crate::{
    commands::handout::Handout,
    setup::{
        Facts,
        tests::fixtures::{done, example, half_way, now},
    },
};
use contract::Language;

#[test]
fn the_list_has_marks_and_the_exact_texts() {
    let spec = example("nectar-dxp");
    let list = |facts: Facts, language, all| {
        let handout = Handout::new("tenants", "nectar-dxp", &spec, &facts, now());
        list::render(&handout, language, all).unwrap()
    };
    insta::assert_snapshot!(list(half_way(&spec), Language::English, false));
    insta::assert_snapshot!(list(half_way(&spec), Language::Japanese, false));
    let (some, all) = (
        list(done(&spec), Language::English, false),
        list(done(&spec), Language::English, true),
    );
    let secret = &spec.credentials.secret_ref.name;
    let place = format!("to Secret {secret}, key client-id");
    assert!(!some.contains(&place), "{some}");
    assert!(all.contains(&place), "{all}");
}
