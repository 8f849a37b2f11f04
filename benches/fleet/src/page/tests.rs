use super::*;
use crate::{
    audit::Requests,
    picture,
    results::{
        Connections, Cost, Fairness, Floor, Leader, Memory, Receivers, Refresh, Results, Start,
        Tens,
    },
};

const MIB: u64 = 1 << 20;

fn cost(objects: u32, cpu: f64, requests: u64, resident: u64) -> Cost {
    Cost {
        objects,
        seconds: f64::from(objects) / 100.0,
        cpu,
        requests: Requests::from([("get secrets".to_owned(), requests)]),
        memory: Memory {
            resident: resident * MIB,
            anonymous: 0,
            peak: resident * MIB,
        },
    }
}

fn quiet() -> Cost {
    Cost {
        seconds: 60.0,
        ..Cost::default()
    }
}

fn tens(seconds: f64) -> Tens {
    Tens {
        ours: vec![seconds, 9.0, 0.1],
        bare: vec![seconds],
    }
}

/// A run in which every aim was met.
fn good() -> Results {
    let start = Start {
        list: 1.0,
        new_object: 1.5,
        ..Start::default()
    };
    Results {
        objects: 1000,
        limit: 128 * MIB,
        floor: Floor {
            served: 8.0,
            deleted: 4.0,
        },
        start: Memory {
            resident: 10 * MIB,
            ..Memory::default()
        },
        steps: vec![
            cost(100, 0.2, 200, 12),
            cost(400, 0.8, 800, 20),
            cost(500, 1.0, 1000, 30),
        ],
        idle: quiet(),
        restart: start.clone(),
        leader: Leader {
            lease: 45.0,
            without: 44.0,
            start,
            ..Leader::default()
        },
        refresh: Refresh {
            cost: cost(1000, 1.5, 2000, 30),
            writes_each: 2.0,
            new_object: 0.3,
            still_due: 900,
            new_object_beside_ten: 0.2,
        },
        fairness: Fairness {
            failing: 500,
            alone: tens(0.4),
            while_created: tens(0.7),
            while_retried: tens(0.5),
            retried: 300.0,
            late: 0.0,
        },
        connections: Connections {
            count: 250,
            consents: [Cost::default(), Cost::default()],
            busiest_second: 11,
            ..Connections::default()
        },
        receivers: Receivers {
            count: 100,
            rest: quiet(),
            at_a_time: 5,
            allowed_at_a_time: 5,
            ..Receivers::default()
        },
        deleted: 7.0,
        ..Results::default()
    }
}

#[test]
fn a_run_that_met_everything_says_so() {
    let text = markdown(&good(), "fleet");
    assert!(text.contains("All 25 aims were met."), "{text}");
    assert!(!text.contains("missed"), "{text}");
    assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
}

#[test]
fn what_was_missed_is_named_and_nothing_else() {
    let mut results = good();
    results.steps[2].seconds = 60.0;
    results.leader.twice = 1;
    results.receivers.at_a_time = 6;
    let text = markdown(&results, "fleet");
    let summary = text
        .lines()
        .find(|line| line.starts_with("**Missed"))
        .unwrap_or_default();
    assert_eq!(
        summary,
        "**Missed 3 of 25 aims:** from created to connected, relative to the bare client; leader killed while integrations refresh: refreshed again though the token was published; receivers: replaced at a time."
    );
    assert_eq!(text.matches("| missed |").count(), 3);
}

#[test]
fn what_was_not_measured_is_left_out() {
    let results = Results {
        receivers: Receivers::default(),
        fairness: Fairness::default(),
        ..good()
    };
    let text = markdown(&results, "fleet");
    assert!(text.contains("All 18 aims were met."), "{text}");
    assert!(!text.contains("| receivers:"), "{text}");
    assert!(!text.contains("| ten new integrations"), "{text}");
}

#[test]
fn the_slope_of_each_step_is_its_own() {
    let text = markdown(&good(), "fleet");
    assert!(
        text.contains("| 100 | 10.00 ms | 2.00 ms | 2.00 | 12.0 MiB | 20.5 KiB |"),
        "{text}"
    );
    assert!(
        text.contains("| 1000 | 10.00 ms | 2.00 ms | 2.00 | 30.0 MiB | 20.5 KiB |"),
        "{text}"
    );
    // 20 MiB for 1,000; (96 - 10) / 0.02 = 4,300; an hour's refreshes cost 2 ms each.
    assert!(
        text.contains("(10 MiB + *n* × 20.5 KiB) / 0.75 and *n* × 2.0 ms"),
        "{text}"
    );
    assert!(
        text.contains("128 MiB is enough for 4300 integrations, and half a processor for 900000"),
        "{text}"
    );
}

#[test]
fn more_than_ten_times_the_cost_for_ten_times_the_objects_is_missed() {
    let mut results = good();
    results.steps[2].cpu = 1.5;
    let text = markdown(&results, "fleet");
    assert!(
        text.contains(
            "| ten times the objects: CPU time | 0.20 s and 2.50 s | 12.50 | 10 | missed |"
        ),
        "{text}"
    );
}

#[test]
fn only_what_is_between_the_markers_of_the_part_is_replaced() -> anyhow::Result<()> {
    let other = "<!-- large-fleet: begin -->\nkept as it was\n<!-- large-fleet: end -->\n";
    let page = format!("before\n<!-- fleet: begin -->\nold\n<!-- fleet: end -->\nafter\n{other}");
    let page = replaced(&page, &good(), "fleet")?;
    assert!(page.starts_with("before\n<!-- fleet: begin -->\n\nMeasured "));
    assert!(
        page.ends_with(&format!("\n<!-- fleet: end -->\nafter\n{other}")),
        "{page}"
    );
    assert!(!page.contains("old"));
    assert!(page.contains("(images/fleet.svg)"), "{page}");
    assert_eq!(replaced(&page, &good(), "fleet")?, page);
    let page = replaced(&page, &good(), "large-fleet")?;
    assert!(!page.contains("kept as it was"), "{page}");
    assert!(page.contains("(images/large-fleet.svg)"), "{page}");
    Ok(())
}

#[test]
fn a_page_that_lacks_a_marker_is_refused_with_the_marker() {
    for (page, lacks) in [
        ("no markers", "<!-- fleet: begin -->"),
        ("<!-- fleet: begin -->", "<!-- fleet: end -->"),
        (
            "<!-- fleet: end --><!-- fleet: begin -->",
            "<!-- fleet: end -->",
        ),
    ] {
        let refused = replaced(page, &good(), "fleet").expect_err(page);
        assert_eq!(refused.to_string(), format!("the page lacks {lacks}"));
    }
}

#[test]
fn the_page_of_the_documentation_has_the_markers_of_both_parts() -> anyhow::Result<()> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/benchmarks.md");
    let page = fs::read_to_string(page)?;
    for part in ["fleet", "large-fleet"] {
        replaced(&page, &good(), part)?;
    }
    Ok(())
}

#[test]
fn the_picture_has_a_panel_for_each_slope() {
    let svg = picture::svg(&good());
    assert_eq!(svg.matches("<g ").count(), svg.matches("</g>").count());
    assert_eq!(svg.matches("<polyline ").count(), 3);
    // Memory without integrations, and three steps in each panel.
    assert_eq!(svg.matches("<circle ").count(), 10);
    assert_eq!(svg.matches("stroke=\"#c00\"").count(), 1);
    assert_eq!(svg.matches("stroke-dasharray").count(), 2);
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    // Nothing was measured at all.
    let empty = picture::svg(&Results::default());
    assert!(!empty.contains("NaN") && !empty.contains("inf"), "{empty}");
}
