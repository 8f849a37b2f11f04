//! A handout for the customer's administrator: the steps in Zoom's portal, with the exact texts, as Markdown
//! or as one HTML file that loads nothing. Pure and without secrets: steps contain none. People pass the file
//! on, so the personal links of connections are only counted unless somebody asks for them. The command that
//! writes it is [`command`]; it reads only `ZoomIntegration`s and `ZoomConnection`s.

pub mod command;
mod html;
mod markdown;
mod model;
pub mod texts;

pub use self::{html::html, markdown::markdown, model::Handout};

#[cfg(test)]
mod tests;
