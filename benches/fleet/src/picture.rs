//! A picture of the slopes: memory, CPU time and requests against the number of integrations.

use std::fmt::Write as _;

use crate::{
    audit::all,
    results::{Cost, Results},
};

/// Of one panel.
const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 48.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = 40.0;

/// What one panel shows.
struct Panel {
    title: &'static str,
    /// Numbers of integrations, and what belongs to each.
    points: Vec<(f64, f64)>,
    /// A line that is not to be crossed.
    limit: Option<f64>,
    /// Whether the line from the origin through the first point is shown: the same cost for each.
    proportional: bool,
}

/// The picture as SVG.
pub fn svg(results: &Results) -> String {
    let panels = [memory(results), cpu(results), requests(results)];
    let width = WIDTH * 3.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"{width}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    let mut left = 0.0;
    for panel in &panels {
        let _ = writeln!(svg, "<g transform=\"translate({left} 0)\">");
        svg += &panel.svg(f64::from(results.objects.max(1)));
        svg += "</g>\n";
        left += WIDTH;
    }
    svg + "</svg>\n"
}

fn memory(results: &Results) -> Panel {
    let mut points = vec![(0.0, mebibytes(results.start.resident))];
    points.extend(along(results, |cost| mebibytes(cost.memory.resident)));
    Panel {
        title: "resident memory, MiB (red: the chart's limit)",
        points,
        limit: Some(mebibytes(results.limit)),
        proportional: false,
    }
}

fn cpu(results: &Results) -> Panel {
    Panel {
        title: "CPU time, s (dashed: as the first tenth)",
        points: along(results, |cost| cost.cpu),
        limit: None,
        proportional: true,
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts")]
fn requests(results: &Results) -> Panel {
    Panel {
        title: "requests to the API server (dashed: as the first tenth)",
        points: along(results, |cost| all(&cost.requests) as f64),
        limit: None,
        proportional: true,
    }
}

fn along(results: &Results, value: impl Fn(&Cost) -> f64) -> Vec<(f64, f64)> {
    let sums = (1..=results.steps.len()).map(|steps| results.first(steps));
    sums.map(|cost| (f64::from(cost.objects), value(&cost)))
        .collect()
}

#[allow(clippy::cast_precision_loss, reason = "megabytes")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

// === impl Panel ===

impl Panel {
    fn svg(&self, objects: f64) -> String {
        let first = self.points.first().filter(|_| self.proportional);
        let guide = first.map(|(count, value)| value / count * objects);
        let highest = self.points.iter().map(|(_, value)| *value);
        let highest = highest
            .chain(self.limit)
            .chain(guide)
            .fold(f64::MIN_POSITIVE, f64::max)
            * 1.1;
        let x = |count: f64| LEFT + (WIDTH - LEFT - RIGHT) * count / objects;
        let y = |value: f64| HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / highest;
        let mut svg = format!("<text x=\"{LEFT}\" y=\"18\">{}</text>\n", self.title);
        let line = |svg: &mut String, from: (f64, f64), to: (f64, f64), style: &str| {
            let _ = writeln!(
                svg,
                "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" {style}/>",
                x(from.0),
                y(from.1),
                x(to.0),
                y(to.1)
            );
        };
        for part in [0.0, 0.25, 0.5, 0.75] {
            let value = highest * part;
            line(&mut svg, (0.0, value), (objects, value), "stroke=\"#ddd\"");
            let digits = usize::from(highest < 10.0);
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value:.digits$}</text>",
                LEFT - 6.0,
                y(value) + 4.0
            );
        }
        if let Some(limit) = self.limit {
            line(&mut svg, (0.0, limit), (objects, limit), "stroke=\"#c00\"");
        }
        if let Some(end) = guide {
            let style = "stroke=\"#888\" stroke-dasharray=\"4 3\"";
            line(&mut svg, (0.0, 0.0), (objects, end), style);
        }
        let mut points = String::new();
        for (count, value) in &self.points {
            let (x, y) = (x(*count), y(*value));
            let _ = write!(points, "{x:.1},{y:.1} ");
            let _ = writeln!(
                svg,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"#06c\"/>"
            );
        }
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"#06c\"/>\n<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">0 to {objects} integrations</text>",
            points.trim_end(),
            f64::midpoint(LEFT, WIDTH),
            HEIGHT - 14.0
        );
        svg
    }
}
