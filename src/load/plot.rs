//! A run as a picture: p50, p99 and the longest latency of each second, and the rate below. Plain SVG that
//! any browser shows, on light and on dark grounds.

use crate::load::scale::{Linear, Log, shown};
use crate::load::seconds::Second;
use std::time::Duration;

/// Points of a line at most; of a longer run each point is the worst of several seconds.
const POINTS: usize = 1_000;
const SHORT: Duration = Duration::from_millis(500);
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 560.0;
/// Where the panels stand, and how wide and how high they are.
const LEFT: f64 = 76.0;
const PANEL: f64 = WIDTH - LEFT - 24.0;
const UPPER: (f64, f64) = (92.0, 272.0);
const LOWER: (f64, f64) = (400.0, 104.0);

/// Colours that people who see few of them can tell apart; the second of each is for dark grounds.
const STYLE: &str = "\
text{font:13px system-ui,DejaVu Sans,sans-serif;fill:#333}.title{font-size:16px;font-weight:600}.note{fill:#666}\
.ground{fill:#fff}.grid{stroke:#ddd}.axis{stroke:#888}path{fill:none;stroke-width:1.6;stroke-linejoin:round}\
.p50{stroke:#0072b2}.p99{stroke:#b8860b}.max{stroke:#c0392b}.due{stroke:#888;stroke-dasharray:4 3}\
.answered{stroke:#007a5a}\
@media(prefers-color-scheme:dark){text{fill:#ddd}.note{fill:#aaa}.ground{fill:#16181c}.grid{stroke:#333}\
.axis{stroke:#777}.p50{stroke:#56b4e9}.p99{stroke:#e69f00}.max{stroke:#ff7b6b}.due{stroke:#999}\
.answered{stroke:#2fc79a}}";

/// A point of the lines.
#[derive(Debug, Clone, Copy, Default)]
struct Point {
    at: f64,
    p50: f64,
    p99: f64,
    max: f64,
    due: f64,
    answered: f64,
}

/// What a line shows of a point.
type Read = fn(&Point) -> f64;

/// The picture of a run. `title` says what was run and `latency` what its latencies are.
#[must_use]
pub fn plot(seconds: &[Second], title: &str, latency: &str) -> String {
    let each = seconds.len().div_ceil(POINTS).max(1);
    let points: Vec<Point> = groups(seconds, each).into_iter().map(point).collect();
    let end = points.last().map_or(1.0, |point| point.at).max(1.0);
    let note = match each {
        1 => format!("{latency}, of each second"),
        each => format!("{latency}, the worst of each {each} seconds"),
    };
    let mut svg = Svg::open(title, &note);
    svg.latencies(&points, end);
    svg.rates(&points, end);
    svg.times(end);
    svg.close()
}

/// Seconds that make a point. What is left at the end is none of its own if it is short: its rate would
/// say nothing.
fn groups(seconds: &[Second], each: usize) -> Vec<&[Second]> {
    let mut groups: Vec<&[Second]> = seconds.chunks(each).collect();
    let length: Duration = groups.last().into_iter().copied().flatten().map(|second| second.length).sum();
    if length < SHORT
        && let [.., before, last] = groups.as_slice()
    {
        let both = seconds.get(seconds.len() - before.len() - last.len()..).unwrap_or_default();
        groups.truncate(groups.len() - 2);
        groups.push(both);
    }
    groups
}

fn point(seconds: &[Second]) -> Point {
    let ms =
        |of: fn(&Second) -> Duration| seconds.iter().map(of).max().unwrap_or_default().as_secs_f64() * 1e3;
    let length: f64 = seconds.iter().map(|second| second.length.as_secs_f64()).sum();
    let rate = |of: fn(&Second) -> u64| {
        let count: f64 =
            seconds.iter().map(|second| second.rate(of(second)) * second.length.as_secs_f64()).sum();
        if length > 0.0 { count / length } else { 0.0 }
    };
    Point {
        at: seconds.last().map_or(0.0, |second| second.end.as_secs_f64()),
        p50: ms(|second| second.p50),
        p99: ms(|second| second.p99),
        max: ms(|second| second.max),
        due: rate(|second| second.due),
        answered: rate(|second| second.answered),
    }
}

/// A picture being written.
struct Svg(String);

impl Svg {
    fn open(title: &str, note: &str) -> Self {
        let mut svg = Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\
             <title>{0}</title><style>{STYLE}</style>\n<rect class=\"ground\" width=\"100%\" height=\"100%\"/>\n",
            escaped(title)
        ));
        svg.text("title", LEFT, 30.0, "start", title);
        svg.text("note", LEFT, 50.0, "start", note);
        svg
    }

    fn latencies(&mut self, points: &[Point], end: f64) {
        let axis = Log::around(points.iter().flat_map(|point| [point.p50, point.p99, point.max]));
        self.panel(UPPER, "ms", axis.ticks().into_iter().map(|tick| (axis.place(tick), shown(tick))));
        let lines: [(&str, Read); 3] =
            [("max", |point| point.max), ("p99", |point| point.p99), ("p50", |point| point.p50)];
        for (name, of) in lines {
            // A second without answers has no latency: the line has a gap there.
            let places = points.iter().map(|point| (point.at / end, of(point)));
            let places = places.map(|(at, value)| (at, (value > 0.0).then(|| axis.place(value))));
            self.line(UPPER, name, places);
        }
        self.legend(UPPER, &[("p50", "p50"), ("p99", "p99"), ("max", "longest")]);
    }

    fn rates(&mut self, points: &[Point], end: f64) {
        let most = points.iter().flat_map(|point| [point.due, point.answered]).fold(0.0, f64::max);
        let axis = Linear::up_to(most, 3.0);
        let ticks = axis.ticks().into_iter().map(|tick| (axis.place(tick), shown(tick)));
        self.panel(LOWER, "requests a second", ticks);
        let place = |value| Some(axis.place(value));
        self.line(LOWER, "due", points.iter().map(|point| (point.at / end, place(point.due))));
        self.line(LOWER, "answered", points.iter().map(|point| (point.at / end, place(point.answered))));
        self.legend(LOWER, &[("due", "due"), ("answered", "answered")]);
    }

    /// Lines across a panel with what they stand for, and its unit above.
    fn panel(&mut self, (top, height): (f64, f64), unit: &str, ticks: impl Iterator<Item = (f64, String)>) {
        self.text("note", LEFT, top - 10.0, "start", unit);
        for (place, label) in ticks {
            let y = top + height * (1.0 - place);
            let class = if place <= 0.0 { "axis" } else { "grid" };
            self.add(format_args!(
                "<path class=\"{class}\" style=\"stroke-width:1\" d=\"M{LEFT} {y:.1}h{PANEL}\"/>\n"
            ));
            self.text("", LEFT - 8.0, y + 4.5, "end", &label);
        }
    }

    /// A line over a panel, broken where there is no value.
    fn line(
        &mut self,
        (top, height): (f64, f64),
        class: &str,
        places: impl Iterator<Item = (f64, Option<f64>)>,
    ) {
        let (mut path, mut open) = (String::new(), false);
        for (at, place) in places {
            let Some(place) = place else {
                open = false;
                continue;
            };
            let (x, y) = (LEFT + PANEL * at, top + height * (1.0 - place));
            // The zero-length stroke makes a point that stands alone one that is seen.
            let step = if open { format!("L{x:.1} {y:.1}") } else { format!("M{x:.1} {y:.1}h0.1") };
            path.push_str(&step);
            open = true;
        }
        self.add(format_args!("<path class=\"{class}\" stroke-linecap=\"round\" d=\"{path}\"/>\n"));
    }

    /// The names of a panel's lines, above it at the right.
    fn legend(&mut self, (top, _): (f64, f64), lines: &[(&str, &str)]) {
        let mut x = LEFT + PANEL;
        for (class, name) in lines.iter().rev() {
            self.text("", x, top - 10.0, "end", name);
            // About as wide as the name is in this size.
            x -= 8.0 * f64::from(u8::try_from(name.len()).unwrap_or(u8::MAX)) + 8.0;
            let (from, y) = (x - 22.0, top - 14.5);
            self.add(format_args!(
                "<path class=\"{class}\" style=\"stroke-width:3\" d=\"M{from:.1} {y:.1}h22\"/>\n"
            ));
            x = from - 20.0;
        }
    }

    /// The axis of time, below both panels.
    fn times(&mut self, end: f64) {
        let axis = Linear::up_to(end, 8.0);
        let bottom = LOWER.0 + LOWER.1;
        for tick in axis.ticks().into_iter().filter(|tick| *tick <= end * 1.001) {
            let x = LEFT + PANEL * tick / end;
            self.add(format_args!(
                "<path class=\"axis\" style=\"stroke-width:1\" d=\"M{x:.1} {bottom:.1}v5\"/>\n"
            ));
            self.text("", x, bottom + 20.0, "middle", &shown(tick));
        }
        self.text(
            "note",
            LEFT + PANEL / 2.0,
            bottom + 40.0,
            "middle",
            "seconds since the first request was due",
        );
    }

    fn text(&mut self, class: &str, x: f64, y: f64, anchor: &str, text: &str) {
        let text = escaped(text);
        self.add(format_args!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>\n"
        ));
    }

    fn add(&mut self, text: std::fmt::Arguments<'_>) {
        self.0.push_str(&text.to_string());
    }

    fn close(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(end: u64, answered: u64, ms: u64) -> Second {
        let ms = Duration::from_millis(ms);
        let end = Duration::from_secs(end);
        let length = Duration::from_secs(1);
        Second {
            end,
            length,
            due: 100,
            answered,
            errors: 0,
            in_flight: 0,
            p50: ms,
            p99: ms * 4,
            max: ms * 20,
        }
    }

    /// The points of a line, as its path names them.
    fn path<'a>(svg: &'a str, class: &str) -> &'a str {
        let begins = format!("<path class=\"{class}\" stroke-linecap=\"round\" d=\"");
        svg.split(&begins).nth(1).unwrap().split('"').next().unwrap()
    }

    #[test]
    fn a_plot_has_its_lines_axes_and_legend() {
        let seconds: Vec<Second> = (1..=20).map(|end| second(end, 100, 2)).collect();
        let svg = plot(&seconds, "load <50/s> & more", "latency from when due");
        for text in [
            "load &lt;50/s&gt; &amp; more",
            ">ms<",
            ">requests a second<",
            ">p99<",
            ">due<",
            "of each second",
        ] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        for class in ["p50", "p99", "max", "due", "answered"] {
            assert_eq!(path(&svg, class).matches('L').count(), 19, "{class}");
        }
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert!(svg.contains("prefers-color-scheme:dark"));
    }

    #[test]
    fn a_second_without_answers_is_a_gap_and_no_good_latency() {
        let mut seconds: Vec<Second> = (1..=9).map(|end| second(end, 100, 2)).collect();
        seconds[4] = second(5, 0, 0);
        let svg = plot(&seconds, "t", "l");
        assert_eq!(path(&svg, "p50").matches('M').count(), 2, "{svg}");
        assert_eq!(path(&svg, "answered").matches('M').count(), 1, "no answers are a rate");
    }

    #[test]
    fn a_long_run_shows_the_worst_of_each_point() {
        let mut seconds: Vec<Second> = (1..=5_000).map(|end| second(end, 100, 2)).collect();
        seconds[2_502] = second(2_503, 100, 900);
        let svg = plot(&seconds, "t", "l");
        assert!(svg.contains("the worst of each 5 seconds"));
        let top = path(&svg, "max").split(['M', 'L']).filter(|point| point.ends_with(" 92.0")).count();
        assert!(svg.len() < 200_000, "{} bytes", svg.len());
        assert_eq!(top, 0, "18 s lie below 100 s");
        let ys = path(&svg, "max")
            .split(['M', 'L'])
            .filter_map(|point| point.split(' ').nth(1)?.parse::<f64>().ok());
        assert!(ys.fold(f64::MAX, f64::min) < 150.0, "the one bad second is seen");
    }

    #[test]
    fn the_end_of_a_run_is_no_spike() {
        let mut seconds: Vec<Second> = (1..=9).map(|end| second(end, 100, 2)).collect();
        let rest = Duration::from_millis(20);
        seconds.push(Second { end: Duration::from_secs(9) + rest, length: rest, ..second(0, 40, 9) });
        let points: Vec<Point> = groups(&seconds, 1).into_iter().map(point).collect();
        assert_eq!(points.len(), 9);
        let last = points.last().unwrap();
        assert!(last.answered < 140.0, "{last:?}");
        assert!((last.p50 - 9.0).abs() < 0.1, "its latencies count: {last:?}");
        assert_eq!(groups(&seconds[9..], 1).len(), 1, "a run of its own has a point");
    }

    #[test]
    fn nothing_can_be_plotted() {
        let svg = plot(&[], "t", "l");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
