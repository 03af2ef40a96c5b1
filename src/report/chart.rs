//! The picture at the end of a run: what each stage carried over time, and what failed.
//!
//! A row for each stage, all on one axis of time: a blue area that grows to the row's height, and failures as bars that hang
//! below it. Blue and vermilion are told apart by everybody; what hangs is no area, and both are also said in numbers.

mod axis;
mod row;
mod svg;

use resvg::{tiny_skia, usvg};

use super::{
    course::{Course, Leg},
    text::{count, duration, number_of},
};
use crate::{Error, Result};

/// Its fonts, by the names in the files.
const FONTS: [&[u8]; 2] = [
    include_bytes!("../../assets/DejaVuSans.ttf"),
    include_bytes!("../../assets/DejaVuSans-Bold.ttf"),
];

/// An image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// PNG.
    pub bytes: Vec<u8>,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// Draws a run that is over; nothing where it had no stage.
pub fn draw(course: &Course) -> Result<Option<Picture>> {
    if course.legs.is_empty() {
        return Ok(None);
    }
    let fault = |what: String| Error::Target(format!("the chart could not be drawn ({what})"));
    let mut options = usvg::Options {
        font_family: "DejaVu Sans".to_owned(),
        ..usvg::Options::default()
    };
    for font in FONTS {
        options.fontdb_mut().load_font_data(font.to_vec());
    }
    let tree = usvg::Tree::from_str(&svg::image(course), &options)
        .map_err(|error| fault(error.to_string()))?;
    let size = tree.size().to_int_size();
    let (width, height) = (size.width(), size.height());
    let mut pixels = tiny_skia::Pixmap::new(width, height)
        .ok_or_else(|| fault(format!("{width} × {height} pixels")))?;
    resvg::render(
        &tree,
        tiny_skia::Transform::identity(),
        &mut pixels.as_mut(),
    );
    let bytes = pixels
        .encode_png()
        .map_err(|error| fault(error.to_string()))?;
    Ok(Some(Picture {
        bytes,
        width,
        height,
    }))
}

/// The same in words, for whoever can't see it.
#[must_use]
pub fn words(course: &Course) -> String {
    let stages: Vec<_> = course
        .legs
        .iter()
        .map(|leg| {
            let failed = match leg.failed {
                0 => String::new(),
                failed => format!(", {}", count(failed, "failure", "failures")),
            };
            format!("{} {}{failed}", leg.name(), figures(leg, course.until_ms))
        })
        .collect();
    format!(
        "Chart of the {}, which took {}: {}.",
        course.job,
        duration(course.elapsed_ms()),
        stages.join("; ")
    )
}

/// `38 of 39 in 4 min 2 s`.
fn figures(leg: &Leg, until_ms: u64) -> String {
    let time = duration(leg.elapsed_ms(until_ms));
    match (leg.done, leg.total) {
        (0, 0) => format!("in {time}"),
        (done, total) if done >= total => format!("{} in {time}", number_of(done)),
        (done, total) => format!("{} of {} in {time}", number_of(done), number_of(total)),
    }
}

#[cfg(test)]
mod tests;
