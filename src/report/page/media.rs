//! Media by type and by size.

use maud::{Markup, html};

use super::{
    bars::{self, Bar},
    rooms::rows,
    table,
};
use crate::{
    model::figures::{MEDIA_SIZES, Media, MediaClass},
    report::text::{count, number_of, size},
};

/// The whole section; nothing without media.
pub(super) fn section(media: &Media) -> Markup {
    if media.files == 0 {
        return html! {};
    }
    let (types, sizes) = (types(media), sizes(media));
    html! {
        section aria-labelledby="media" {
            h2 #media { "Media" }
            div.pair {
                figure {
                    figcaption { "Bytes by type" }
                    (bars::chart("Media by type", &types, whole))
                    (table(&["Type", "Bytes and files"], rows(&types)))
                }
                figure {
                    figcaption { "Files by size" }
                    (bars::chart("Media by size", &sizes, number_of))
                    (table(&["Size", "Files"], rows(&sizes)))
                }
            }
        }
    }
}

fn types(media: &Media) -> Vec<Bar> {
    let mut bars: Vec<Bar> = media
        .by_type
        .iter()
        .map(|(class, (files, bytes))| Bar {
            label: words(*class).into(),
            value: *bytes,
            text: format!("{} in {}", size(*bytes), count(*files, "file", "files")),
        })
        .collect();
    bars.sort_by_key(|bar| std::cmp::Reverse(bar.value));
    bars
}

fn words(class: MediaClass) -> &'static str {
    match class {
        MediaClass::Image => "images",
        MediaClass::Video => "videos",
        MediaClass::Audio => "audio",
        MediaClass::Document => "documents",
        MediaClass::Opaque => "encrypted",
        MediaClass::Other => "other",
    }
}

fn sizes(media: &Media) -> Vec<Bar> {
    let mut from = None;
    let mut bars = Vec::new();
    for (class, files) in media.by_size.iter().enumerate() {
        let end = MEDIA_SIZES.get(class).copied();
        let label = match (from, end) {
            (None, Some(end)) => format!("below {}", whole(end)),
            (Some(from), Some(end)) => format!("{} to {}", whole(from), whole(end)),
            (Some(from), None) => format!("{} and more", whole(from)),
            (None, None) => String::new(),
        };
        bars.push(Bar {
            label,
            value: *files,
            text: number_of(*files),
        });
        from = end;
    }
    bars
}

/// A round number of bytes: `20 MB`.
fn whole(bytes: u64) -> String {
    size(bytes).replace(".0 ", " ")
}
