//! The day as a picture: one panel a figure, one below the other, over the same hours.

use crate::day::samples::Sample;
use std::fmt::Write;

const WIDTH: f64 = 900.0;
const LEFT: f64 = 90.0;
const PANEL: f64 = 120.0;
const GAP: f64 = 34.0;
const HOURS: f64 = 24.0;

/// One line of a panel.
struct Curve<'a> {
    name: &'a str,
    color: &'a str,
    value: &'a dyn Fn(usize) -> f64,
}

#[expect(clippy::cast_precision_loss, reason = "for the eye")]
pub(crate) fn svg(samples: &[Sample]) -> String {
    const MIB: f64 = 1_048_576.0;
    let at = |index: usize| &samples[index];
    let rate = |index: usize| {
        let before = if index == 0 { 0 } else { at(index - 1).payments };
        (at(index).payments - before) as f64 / 600.0
    };
    let log = |index: usize| at(index).log_bytes as f64 / MIB;
    let state = |index: usize| at(index).state_bytes as f64 / MIB;
    let rows = |index: usize| at(index).rows as f64 / 1e3;
    let memory = |index: usize| at(index).resident_bytes as f64 / MIB;
    let half = |index: usize| at(index).checkpoint.as_secs_f64() * 1e3;
    let on_cpu = |index: usize| at(index).on_cpu.as_secs_f64() * 1e3;
    let written = |index: usize| at(index).written as f64 / 1_024.0;
    let slowest = |index: usize| at(index).slowest.as_secs_f64() * 1e3;
    let curve = |name, color, value| Curve { name, color, value };
    let panels = [
        (
            "payments a second, mean of ten minutes",
            vec![curve("payments", "#555", &rate as &dyn Fn(usize) -> f64)],
        ),
        ("disk, MiB", vec![curve("log", "#1f6fb4", &log), curve("state", "#c2571a", &state)]),
        ("rows in memory, thousands", vec![curve("rows", "#3a8f3a", &rows)]),
        ("memory of the process, MiB", vec![curve("resident", "#7d4bb0", &memory)]),
        ("written by a checkpoint, KiB", vec![curve("mean", "#1f6fb4", &written)]),
        (
            "a checkpoint, ms, on a machine with other work",
            vec![
                curve("slowest", "#bbb", &slowest),
                curve("mean", "#1f6fb4", &half),
                curve("processor", "#c2571a", &on_cpu),
            ],
        ),
    ];
    let height = panels.len() as f64 * (PANEL + GAP) + 40.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (number, (title, curves)) in panels.iter().enumerate() {
        panel(&mut svg, 28.0 + number as f64 * (PANEL + GAP), title, curves, samples);
    }
    svg.push_str("</svg>\n");
    svg
}

fn panel(svg: &mut String, top: f64, title: &str, curves: &[Curve<'_>], samples: &[Sample]) {
    let most = curves.iter().flat_map(|curve| (0..samples.len()).map(|index| (curve.value)(index)));
    let most = most.fold(0.0, f64::max).max(1e-9);
    let (bottom, right) = (top + PANEL, WIDTH - 20.0);
    let x = |hours: f64| LEFT + hours / HOURS * (right - LEFT);
    let y = |value: f64| bottom - value / most * (PANEL - 6.0);
    writeln!(svg, "<text x=\"{LEFT}\" y=\"{:.1}\" font-weight=\"bold\">{title}</text>", top - 6.0).unwrap();
    writeln!(svg, "<path d=\"M{LEFT} {top}V{bottom}H{right}\" fill=\"none\" stroke=\"#999\"/>").unwrap();
    for value in [0.0, most / 2.0, most] {
        let at = y(value);
        let text = if most < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") };
        writeln!(svg, "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#eee\"/>").unwrap();
        writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
            LEFT - 6.0,
            at + 4.0
        )
        .unwrap();
    }
    for hours in [0.0, 4.0, 8.0, 12.0, 16.0, 20.0, 24.0] {
        let at = x(hours);
        writeln!(
            svg,
            "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#777\">{hours} h</text>",
            bottom + 14.0
        )
        .unwrap();
    }
    for (number, curve) in curves.iter().enumerate() {
        let mut path = String::new();
        for (index, sample) in samples.iter().enumerate() {
            let step = if index == 0 { 'M' } else { 'L' };
            write!(path, "{step}{:.1} {:.1}", x(sample.hours), y((curve.value)(index))).unwrap();
        }
        writeln!(svg, "<path d=\"{path}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\"/>", curve.color)
            .unwrap();
        let place = right - 70.0 * f64::from(u8::try_from(curves.len() - number).unwrap());
        writeln!(
            svg,
            "<text x=\"{place:.1}\" y=\"{:.1}\" fill=\"{}\">{}</text>",
            top - 6.0,
            curve.color,
            curve.name
        )
        .unwrap();
    }
}
