//! Grouped bars as SVG: what `cargo xtask bench` measured, to be seen at a glance.
//!
//! Each line of the standard input is `group`, `series` and `value` with tabs between.

use std::error::Error;
use std::io::stdin;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::args::Args;

/// Values further apart than this are drawn on a logarithmic scale.
const WIDE: f64 = 20.0;

/// Pixels.
const BAR: u32 = 36;
const GAP: u32 = 24;
/// Of the names of groups, on average.
const LETTER: u32 = 7;
const PANEL: u32 = 260;
const TITLE: u32 = 40;
const LEGEND: u32 = 34;
/// Left of the bars, and on both sides together.
const AXIS: u32 = 60;
const SIDES: u32 = 80;
/// Groups that take more room than this are put below the others.
const WIDTH: u32 = 960;

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

    /// Pixels that a group takes, with its name.
    fn group_width(&self, group: usize) -> u32 {
        let bars = self.of_group(group).count() as u32 * BAR;
        bars.max(self.groups[group].len() as u32 * LETTER) + GAP
    }

    /// Pixels that some groups take.
    fn width(&self, groups: &Range<usize>) -> u32 {
        let groups: u32 = groups.clone().map(|group| self.group_width(group)).sum();
        groups.max(WIDTH / 2)
    }

    /// The groups that stand beside each other.
    fn panels(&self) -> Vec<Range<usize>> {
        let mut panels = Vec::new();
        let mut begin = 0;
        for group in 0..self.groups.len() {
            if group > begin && self.width(&(begin..group + 1)) > WIDTH {
                panels.push(begin..group);
                begin = group;
            }
        }
        panels.push(begin..self.groups.len());
        panels
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
    let panels = data.panels();
    let widest = panels.iter().map(|panel| data.width(panel)).max().unwrap_or_default();
    let height = TITLE + panels.len() as u32 * PANEL + LEGEND;
    let area = SVGBackend::new(file, (widest + SIDES, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let (low, high) = data.range();
    let is_wide = high / low > WIDE;
    let scale = if is_wide { " (logarithmic)" } else { "" };
    let style = label(18, VPos::Top);
    area.draw_text(&format!("{title}{scale}"), &style, ((widest + SIDES) as i32 / 2, 10))?;
    let (above, _) = area.split_vertically(height - LEGEND);
    let (_, above) = above.split_vertically(TITLE);
    for (groups, panel) in panels.into_iter().zip(above.split_evenly((data.panels().len(), 1))) {
        if is_wide {
            let floor = 10_f64.powf(low.log10().floor());
            bars(data, groups, widest, &panel, (floor..high * 3.0).log_scale(), floor)?;
        } else {
            bars(data, groups, widest, &panel, 0.0..high * 1.2, 0.0)?;
        }
    }
    legend(data, &area, height as i32 - LEGEND as i32 + 8)?;
    Ok(area.present()?)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws the bars of some groups; `width` is how many pixels there are for them.
fn bars<Y>(
    data: &Data,
    groups: Range<usize>,
    width: u32,
    area: &Area<'_>,
    y: Y,
    floor: f64,
) -> Result<(), Box<dyn Error>>
where
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: ValueFormatter<f64>,
{
    let mut chart = ChartBuilder::on(area)
        .margin_right(SIDES - AXIS)
        .margin_bottom(26)
        .y_label_area_size(AXIS)
        .build_cartesian_2d(0.0..f64::from(width), y)?;
    let mut mesh = chart.configure_mesh();
    mesh.disable_x_mesh().disable_x_axis().light_line_style(TRANSPARENT);
    mesh.y_label_formatter(&|value| short(*value)).draw()?;
    let mut left = 0.0;
    for group in groups {
        let width = f64::from(data.group_width(group));
        let middle = left + width / 2.0;
        let next = left + width;
        left = middle - f64::from(data.of_group(group).count() as u32 * BAR) / 2.0;
        for bar in data.of_group(group) {
            let right = left + f64::from(BAR);
            let top = bar.value.max(floor);
            let colour = data.colour(bar.series).filled();
            chart
                .draw_series([Rectangle::new([(left + 1.0, floor), (right - 1.0, top)], colour)])?;
            let value = EmptyElement::at((f64::midpoint(left, right), top))
                + Text::new(short(bar.value), (0, -4), label(10, VPos::Bottom));
            chart.draw_series([value])?;
            left = right;
        }
        let name = EmptyElement::at((middle, floor))
            + Text::new(data.groups[group].clone(), (0, 8), label(13, VPos::Top));
        chart.plotting_area().draw(&name)?;
        left = next;
    }
    Ok(())
}

/// Text in the middle of where it is put, above or below.
fn label(size: i32, vertically: VPos) -> TextStyle<'static> {
    TextStyle::from(("sans-serif", size).into_font()).pos(Pos::new(HPos::Center, vertically))
}

/// In one line at the bottom.
fn legend(data: &Data, area: &Area<'_>, y: i32) -> Result<(), Box<dyn Error>> {
    let mut x = AXIS as i32;
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
        size if size >= 1e6 => format!("{:.2} M", value / 1e6),
        size if size >= 1e3 => format!("{:.1} k", value / 1e3),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}
