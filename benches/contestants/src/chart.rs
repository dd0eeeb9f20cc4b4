//! Grouped bars as SVG: what `cargo xtask bench` measured, to be seen at a glance.
//!
//! Each line of the standard input is `group`, `series` and `value` with tabs between.

use std::error::Error;
use std::io::stdin;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::args::Args;

/// Values further apart than this are drawn on a logarithmic scale.
const WIDE: f64 = 20.0;
const HEIGHT: u32 = 420;
const BAR: u32 = 34;
const GAP: u32 = 30;

const COLOURS: [RGBColor; 7] = [
    RGBColor(0x4c, 0x78, 0xa8),
    RGBColor(0xf5, 0x85, 0x18),
    RGBColor(0x54, 0xa2, 0x4b),
    RGBColor(0xb2, 0x79, 0xa2),
    RGBColor(0x9d, 0x75, 0x5d),
    RGBColor(0x72, 0xb7, 0xb2),
    RGBColor(0x88, 0x88, 0x88),
];
/// polywire's own: the same in every chart.
const OURS: RGBColor = RGBColor(0xd6, 0x27, 0x28);

struct Bar {
    group: usize,
    series: usize,
    value: f64,
}

/// The names in the order of their first occurrence, and the bars.
#[derive(Default)]
struct Data {
    groups: Vec<String>,
    series: Vec<String>,
    bars: Vec<Bar>,
}

pub(crate) fn run(args: &Args) {
    let data = Data::read();
    if !data.bars.is_empty() {
        draw(&data, args.text("file"), args.text("title")).expect("draws");
    }
}

impl Data {
    fn read() -> Self {
        let mut data = Self::default();
        for line in stdin().lines().map_while(Result::ok) {
            let words: Vec<_> = line.split('\t').collect();
            let [group, series, value] = words[..] else { panic!("three words: {line}") };
            let value = value.parse().expect("a number");
            let group = position(&mut data.groups, group);
            let series = position(&mut data.series, series);
            data.bars.push(Bar { group, series, value });
        }
        data
    }

    fn of_group(&self, group: usize) -> impl Iterator<Item = &Bar> {
        self.bars.iter().filter(move |bar| bar.group == group)
    }

    fn colour(&self, series: usize) -> RGBColor {
        match self.series[series].as_str() {
            "polywire" => OURS,
            _ => COLOURS[series % COLOURS.len()],
        }
    }

    /// The lowest value above nothing, and the highest.
    fn range(&self) -> (f64, f64) {
        let values = self.bars.iter().map(|bar| bar.value).filter(|value| *value > 0.0);
        let (low, high) = values.fold((f64::MAX, 0.0), |(low, high), value| {
            (f64::min(low, value), f64::max(high, value))
        });
        if high > 0.0 { (low, high) } else { (1.0, 1.0) }
    }
}

fn position(names: &mut Vec<String>, name: &str) -> usize {
    names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    })
}

fn draw(data: &Data, file: &str, title: &str) -> Result<(), Box<dyn Error>> {
    let width = (data.bars.len() as u32 * BAR + data.groups.len() as u32 * GAP + 110).max(640);
    let area = SVGBackend::new(file, (width, HEIGHT)).into_drawing_area();
    area.fill(&WHITE)?;
    let (low, high) = data.range();
    if high / low > WIDE {
        let title = format!("{title} (logarithmic)");
        let floor = 10_f64.powf(low.log10().floor());
        bars(data, &area, &title, (floor..high * 3.0).log_scale(), floor)?;
    } else {
        bars(data, &area, title, 0.0..high * 1.2, 0.0)?;
    }
    Ok(area.present()?)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn bars<Y>(
    data: &Data,
    area: &Area<'_>,
    title: &str,
    y: Y,
    floor: f64,
) -> Result<(), Box<dyn Error>>
where
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: ValueFormatter<f64>,
{
    // In pixels from the left: groups have different numbers of bars.
    let total = data.bars.len() as u32 * BAR + data.groups.len() as u32 * GAP;
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .margin_bottom(56)
        .y_label_area_size(62)
        .build_cartesian_2d(0.0..f64::from(total), y)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .light_line_style(TRANSPARENT)
        .y_label_formatter(&|value| short(*value))
        .draw()?;
    let scale = f64::from(chart.plotting_area().dim_in_pixel().0) / f64::from(total);
    let label = |size: i32, v_pos| {
        let style = TextStyle::from(("sans-serif", size).into_font());
        style.pos(Pos::new(HPos::Center, v_pos))
    };
    let mut left = 0.0;
    for (group, name) in data.groups.iter().enumerate() {
        let begin = left + f64::from(GAP) / 2.0;
        left = begin;
        for bar in data.of_group(group) {
            let right = left + f64::from(BAR);
            let colour = data.colour(bar.series).filled();
            let corners = [(left + 1.0, floor), (right - 1.0, bar.value.max(floor))];
            chart.draw_series([Rectangle::new(corners, colour)])?;
            let at = (f64::midpoint(left, right), bar.value.max(floor));
            let above = EmptyElement::at(at)
                + Text::new(short(bar.value), (0, -4), label(11, VPos::Bottom));
            chart.draw_series([above])?;
            left = right;
        }
        let middle = EmptyElement::at((f64::midpoint(begin, left), floor))
            + Text::new(name.clone(), (0, 8), label(13, VPos::Top));
        chart.plotting_area().draw(&middle)?;
        left += f64::from(GAP) / 2.0;
    }
    debug_assert!(scale > 0.0);
    legend(data, area)
}

/// In one line at the bottom.
fn legend(data: &Data, area: &Area<'_>) -> Result<(), Box<dyn Error>> {
    let (mut x, y) = (74, HEIGHT as i32 - 26);
    for (series, name) in data.series.iter().enumerate() {
        let square = [(x, y), (x + 12, y + 12)];
        area.draw(&Rectangle::new(square, data.colour(series).filled()))?;
        area.draw(&Text::new(name.clone(), (x + 17, y), ("sans-serif", 13).into_font()))?;
        x += 32 + 8 * name.len() as i32;
    }
    Ok(())
}

/// Three digits and a letter.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 1e6 => format!("{:.3} M", value / 1e6),
        size if size >= 1e3 => format!("{:.1} k", value / 1e3),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}
