//! A hand-out for the customer's administrator: the steps in Zoom's portal, with the exact texts, as
//! Markdown or as one HTML file that loads nothing. Pure, and without a secret: steps hold none. The
//! personal links of connections are counted and not shown unless somebody asks for them, because people send
//! the file around. The command that writes it is [`command`]; it reads `ZoomIntegration`s and
//! `ZoomConnection`s, and nothing else.

pub mod command;
mod html;
mod markdown;
mod model;
pub mod texts;

pub use self::{html::html, markdown::markdown, model::Handout};

#[cfg(test)]
mod tests;
