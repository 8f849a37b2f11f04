//! What each accepted and refused.

use super::table;
use crate::{
    fairness::{Round, millis},
    request::Kind,
    results::Results,
    tally::Tally,
    vectors::Must,
};

/// A tick for what is right, and the status otherwise.
pub fn judgements(results: &Results) -> String {
    let Some((_, vectors)) = results.judgements.first() else {
        return "Not measured.\n".into();
    };
    let mut head = vec!["", "should be"];
    head.extend(results.judgements.iter().map(|(name, _)| name.as_str()));
    let rows = vectors.iter().enumerate().map(|(index, vector)| {
        let must = match vector.must {
            Must::Accept => "accepted",
            Must::Refuse => "refused",
        };
        let answers = results.judgements.iter().map(|(_, judgements)| {
            let judgement = &judgements[index];
            let status = judgement.status.map_or("none".into(), |s| s.to_string());
            if judgement.is_right() {
                status
            } else {
                format!("**{status}**")
            }
        });
        [vector.vector.clone(), must.into()]
            .into_iter()
            .chain(answers)
            .collect()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let wrong = results.judgements.iter().map(|(_, judgements)| {
        let wrong = judgements.iter().filter(|judgement| !judgement.is_right());
        wrong.count().to_string()
    });
    let last = ["wrong".to_owned(), String::new()]
        .into_iter()
        .chain(wrong)
        .collect();
    let legend = "Statuses; wrong ones are **bold**. A URL validation counts as accepted if the \
                  answer contains the right token.\n\n";
    legend.to_owned() + &table(&head, rows.into_iter().chain([last]))
}

/// Healthy tenants without and with troublesome ones.
pub fn fairness(results: &Results) -> String {
    if results.fairness.is_empty() {
        return "Not measured.\n".into();
    }
    let head = [
        "round",
        "events",
        "p50 ms alone",
        "p99 ms alone",
        "p50 ms beside the three",
        "p99 ms beside the three",
        "times",
        "events of the flood",
        "missing",
        "at another's sink",
    ];
    let rows = results.fairness.iter().enumerate().map(|(number, round)| {
        let Round { alone, beside } = round;
        let ms = |micros| format!("{:.2}", millis(micros));
        vec![
            (number + 1).to_string(),
            (alone.events + beside.events).to_string(),
            ms(alone.p50_us),
            ms(alone.p99_us),
            ms(beside.p50_us),
            ms(beside.p99_us),
            format!("{:.2}", round.ratio()),
            beside.flood.to_string(),
            (alone.missing + beside.missing).to_string(),
            (alone.astray + beside.astray).to_string(),
        ]
    });
    let legend = "200 accounts, each with a sink of its own; 197 of them get 400 events of 2 KB a second \
                  together. The time is from sending to the tenant's sink. Beside them: a sink that answers \
                  503, one that takes a second, and an account that sends over four connections without a \
                  pause.\n\n";
    legend.to_owned() + &table(&head, rows)
}

/// What was answered wrongly in the mixed loads and elsewhere, summed over all rounds.
pub fn faults(results: &Results) -> String {
    let mut rows = Vec::new();
    let receivers = results.judgements.iter().map(|(name, _)| name);
    for name in receivers {
        let mut sum = Tally::new();
        let (mut lost, mut odd) = (0, 0);
        for cell in results.rounds(name, |_| true) {
            for (kind, count) in &cell.tally {
                let total = sum.entry(*kind).or_default();
                total.accepted += count.accepted;
                total.refused += count.refused;
                total.failed += count.failed;
            }
            odd += usize::from(!cell.faults.is_empty());
            let valid = cell.tally.get(&Kind::Valid);
            let valid = valid.map_or(0, |count| count.accepted);
            lost += cell
                .arrived
                .map_or(0, |arrived| valid.saturating_sub(arrived));
        }
        let mut row = vec![name.clone()];
        for kind in [
            Kind::Valid,
            Kind::Repeated,
            Kind::Forged,
            Kind::Stale,
            Kind::Validation,
        ] {
            let count = sum.remove(&kind).unwrap_or_default();
            let sent = count.accepted + count.refused + count.failed;
            row.push(format!("{} of {sent}", count.accepted));
        }
        row.push(lost.to_string());
        row.push(odd.to_string());
        rows.push(row);
    }
    let head = [
        "accepted",
        "valid",
        "repeated",
        "forged",
        "stale",
        "URL validations",
        "acknowledged, not arrived",
        "measurements with a wrong answer",
    ];
    table(&head, rows.into_iter())
}
