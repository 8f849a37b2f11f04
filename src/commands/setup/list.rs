//! The list of what people have to do, with check marks and the exact texts to paste.

use std::fmt::Write as _;

use crate::{
    commands::handout::{Handout, texts::texts},
    commands::terminal::{plain, table::align},
    setup::{
        State, Step,
        words::{self, Words, words},
    },
};
use contract::Language;

/// The list. With `all`, it also shows what to enter in steps that are done.
///
/// # Errors
/// Never: it is written to memory.
pub fn render(handout: &Handout, language: Language, all: bool) -> anyhow::Result<String> {
    let (texts, words) = (texts(language), words(language));
    let steps = &handout.steps;
    let mut out = format!("{}\n", plain(&(texts.title)(&handout.app)));
    let _ = writeln!(
        out,
        "{} {}\n",
        (texts.progress)(handout.done(), steps.len()),
        plain(&words::line(steps, words))
    );
    for (number, step) in (1..).zip(steps) {
        out.push_str(&section(number, step, language, words, all)?);
    }
    if !handout.warnings.is_empty() {
        let _ = writeln!(out, "\n{}", texts.warnings);
        for warning in &handout.warnings {
            let _ = writeln!(out, "  - {}", plain(&(words.warning)(warning)));
        }
    }
    Ok(out)
}

fn section(
    number: usize,
    step: &Step,
    language: Language,
    words: &Words,
    all: bool,
) -> anyhow::Result<String> {
    let texts = texts(language);
    let mark = match step.state {
        State::Done => 'x',
        State::Open => ' ',
        State::Unknown => '?',
    };
    let title = (words.title)(step.id, step.kind);
    let mut out = format!("[{mark}] {number}. {title}\n");
    let mut line = |label: &str, text: &str| {
        let _ = writeln!(out, "      {label}: {}", plain(text));
    };
    for mistake in &step.mistakes {
        line(texts.mistake, &(words.mistake)(mistake));
    }
    let done = step.state == State::Done;
    if done && !all {
        return Ok(out);
    }
    line(texts.place, words::whereabouts(step, words));
    if !done {
        for caution in &step.cautions {
            line(texts.caution, (words.caution)(*caution));
        }
    }
    line(texts.proof, &(words.evidence)(&step.evidence));
    let mut entries = String::new();
    for entry in &step.entries {
        let act = (words.act)(entry.act);
        let value = words::target(entry, words).unwrap_or_else(|| {
            let hint = entry.hint.map(|hint| format!(" ({hint})"));
            format!("{}{}", entry.value, hint.unwrap_or_default())
        });
        let (field, value) = (plain(&entry.field), plain(&value));
        let _ = writeln!(entries, "        {act}\t{field}\t{value}");
    }
    out.push_str(&align(&entries)?);
    Ok(out)
}
