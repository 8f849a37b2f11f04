//! A picture of the slope: memory against the number of integrations, with the chart's limit.

use std::fmt::Write as _;

use crate::results::Results;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 60.0;
const BOTTOM: f64 = 40.0;
/// The top of the axis, in MiB: the chart's limit and a little more.
const MOST: f64 = 140.0;

/// The picture as SVG.
pub fn svg(results: &Results) -> String {
    let most = f64::from(results.objects.max(1));
    let x = |count: f64| LEFT + (WIDTH - LEFT - 20.0) * count / most;
    let y = |mebibytes: f64| HEIGHT - BOTTOM - (HEIGHT - BOTTOM - 20.0) * mebibytes / MOST;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    for mebibytes in [0.0, 32.0, 64.0, 96.0, 128.0] {
        let (at, end) = (y(mebibytes), WIDTH - 20.0);
        let color = if mebibytes > 127.0 { "#c00" } else { "#ddd" };
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{end}\" y2=\"{at:.1}\" stroke=\"{color}\"/>\n<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{mebibytes} MiB</text>",
            LEFT - 6.0,
            at + 4.0
        );
    }
    // The last one is after a restart.
    let grown = results.memory.len().saturating_sub(1);
    let mut points = String::new();
    for (count, memory) in results.memory.iter().take(grown) {
        #[allow(clippy::cast_precision_loss, reason = "megabytes")]
        let mebibytes = memory.resident as f64 / f64::from(1 << 20);
        let (x, y) = (x(f64::from(*count)), y(mebibytes));
        let _ = write!(points, "{x:.1},{y:.1} ");
        let _ = writeln!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"#06c\"/>\n<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{mebibytes:.0}</text>",
            y - 8.0
        );
    }
    let _ = writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"#06c\"/>\n<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">resident memory of the controller, 0 to {} integrations; red: the chart's limit</text>\n</svg>",
        points.trim_end(),
        WIDTH / 2.0,
        HEIGHT - 12.0,
        results.objects
    );
    svg
}
