//! The handout as one HTML file: it loads nothing, runs nothing, and everything in it is escaped. Also made
//! for printing.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{
    model::{Handout, PORTAL, minute},
    texts::{Texts, texts},
};
use crate::setup::{
    Entry, State, Step,
    step::Act,
    words::{self, Words, words},
};
use contract::Language;

const STYLE: &str = include_str!("style.css");

/// The handout as HTML.
#[must_use]
pub fn html(handout: &Handout, language: Language) -> String {
    let (texts, words) = (texts(language), words(language));
    let title = (texts.title)(&handout.app);
    let steps = &handout.steps;
    let page = html! {
        (DOCTYPE)
        html lang=(language.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (title) }
                    p { (texts.intro) }
                    p { (texts.portal) " " a href=(PORTAL) rel="noreferrer" { (PORTAL) } }
                    p { (texts.secrets) }
                    p.soft { ((texts.written)(&handout.integration, &minute(handout.written))) }
                    p.next {
                        strong { ((texts.progress)(handout.done(), steps.len())) }
                        " " (words::line(steps, words))
                    }
                    ol.steps {
                        @for step in steps { (section(handout, step, texts, words)) }
                    }
                    @if !handout.warnings.is_empty() {
                        h2 { (texts.warnings) }
                        ul {
                            @for warning in &handout.warnings { li { ((words.warning)(warning)) } }
                        }
                    }
                }
            }
        }
    };
    page.into_string()
}

fn section(handout: &Handout, step: &Step, texts: &Texts, words: &Words) -> Markup {
    let done = step.state == State::Done;
    html! {
        li.step.(step.state.as_str()) {
            h2 { ((words.title)(step.id, step.kind)) }
            p.state {
                span.mark { ((words.state)(step.state)) }
                @if let (true, Some(since)) = (done, step.since) {
                    " (" ((texts.since)(&minute(since))) ")"
                }
            }
            @for mistake in &step.mistakes {
                p.mistake { strong { (texts.mistake) } " " ((words.mistake)(mistake)) }
            }
            @if !done {
                @for caution in &step.cautions {
                    p.caution { strong { (texts.caution) } " " ((words.caution)(*caution)) }
                }
            }
            @if done {
                details {
                    summary { (texts.details) }
                    (body(handout, step, texts, words))
                }
            } @else {
                (body(handout, step, texts, words))
            }
        }
    }
}

/// The place of a step, its proof and its values.
fn body(handout: &Handout, step: &Step, texts: &Texts, words: &Words) -> Markup {
    let printed = handout.entries(step);
    html! {
        dl {
            dt { (texts.place) }
            dd { (words::whereabouts(step, words)) }
            dt { (texts.proof) }
            dd { ((words.evidence)(&step.evidence)) }
        }
        @if !printed.is_empty() { (entries(&printed, texts, words)) }
        @if let Some(text) = handout.about_links(step, texts) { p.soft { (text) } }
    }
}

fn entries(entries: &[&Entry], texts: &Texts, words: &Words) -> Markup {
    html! {
        table {
            thead { tr { @for column in texts.columns { th scope="col" { (column) } } } }
            tbody {
                @for entry in entries {
                    tr {
                        td { ((words.act)(entry.act)) }
                        td { (entry.field) }
                        td {
                            @if let Some(target) = words::target(entry, words) {
                                (target)
                            } @else {
                                @if entry.act == Act::Open && entry.value.starts_with("https://") {
                                    a href=(entry.value) rel="noreferrer" { (entry.value) }
                                } @else {
                                    code { (entry.value) }
                                }
                                @if let Some(hint) = entry.hint { " " span.soft { (hint) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
