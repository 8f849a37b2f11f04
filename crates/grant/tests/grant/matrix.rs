//! The crash matrix: what Zoom does, where the process is killed, who goes on, and how the API server
//! behaves meanwhile.

use crate::zoom::Answer;
use crate::{
    cell::{Cell, Heir, Weather},
    judge::{Cause, Summary},
    world::Kind,
};

const HEIRS: [Heir; 5] = [
    Heir::SameProcess,
    Heir::NextProcess,
    Heir::OtherPod,
    Heir::CutOff,
    Heir::WhileSlow,
];
const WEATHERS: [Weather; 6] = [
    Weather::Fine,
    Weather::AwayFromTheKill,
    Weather::AwayDuringTheCommit,
    Weather::LosesAnswer(0),
    Weather::LosesAnswer(1),
    Weather::LosesAnswer(2),
];

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_that_can_be_kept() {
    let mut summary = Summary::default();
    for kind in Kind::ALL {
        for answer in Answer::ALL {
            for heir in HEIRS {
                for weather in WEATHERS {
                    sweep(&mut summary, kind, answer, heir, weather).await;
                }
            }
        }
    }
    println!(
        "crash matrix: {} cells; kept {} ({} of them given up and brought back), ended by Zoom {}, lost {:?}; skipped {:?}",
        summary.cells,
        summary.kept,
        summary.brought_back,
        summary.ended,
        summary.lost,
        summary.skipped,
    );
    let broken = &summary.broken;
    for what in broken.iter().take(20) {
        println!("{what}");
    }
    assert!(broken.is_empty(), "{} cells are broken", broken.len());
    for cause in [
        Cause::OnTheWire,
        Cause::KilledBeforeTheJournal,
        Cause::JournalGone,
    ] {
        assert!(summary.lost.contains_key(&cause), "no cell with {cause:?}");
    }
    assert!(summary.brought_back > 0 && summary.ended > 0);
}

/// Kills at one point after the other, until the process comes to its end by itself.
async fn sweep(summary: &mut Summary, kind: Kind, answer: Answer, heir: Heir, weather: Weather) {
    if heir == Heir::WhileSlow && weather == Weather::AwayFromTheKill {
        *summary.skipped.entry("nobody is killed").or_default() += 1;
        return;
    }
    for at in 0.. {
        let cell = Cell {
            kind,
            answer,
            heir,
            weather,
            at,
            event: None,
        };
        let fate = cell.run().await;
        if !fate.struck && weather == Weather::AwayFromTheKill {
            *summary.skipped.entry("not killed").or_default() += 1;
            return;
        }
        summary.judge(&cell, &fate);
        if !fate.struck {
            return;
        }
    }
}
