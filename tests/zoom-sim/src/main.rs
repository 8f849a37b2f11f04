//! The offline Zoom.

fn main() {}
