//! A bundle of one user and many files, the same in every run.

use std::{io::Read, path::Path};

use anyhow::Result;
use ferryman::{
    bundle::{BundleWriter, Origin, SourceKind, UserRecord},
    model::wanted::{Media, Wanted},
};
use rand::{Rng as _, RngCore as _, SeedableRng as _, rngs::SmallRng, seq::SliceRandom as _};
use ruma::ServerName;
use serde_json::{json, value::to_raw_value};

const SMALLEST: f64 = 1024.0;
/// Of the largest to the smallest.
const SPAN: f64 = 20_480.0;

/// Writes it, and gives the bytes of all files: as many as are wanted, or nearly.
pub(crate) fn write(out: &Path, server: &ServerName, count: usize, total: u64) -> Result<u64> {
    let origin = Origin {
        source: SourceKind::Database,
        synapse_version: None,
        server_name: server.to_owned(),
        exported_ts: 1_700_000_000_000,
        stream_position: None,
        wanted: Wanted {
            media: Media::All,
            ..Wanted::default()
        },
    };
    let mut writer = BundleWriter::create(out, origin)?;
    let user = json!({ "user_id": format!("@anna:{server}") });
    writer.user(&UserRecord::new(serde_json::from_value(user)?))?;
    let mut random = SmallRng::seed_from_u64(1);
    let mut sizes = sizes(count, total);
    sizes.shuffle(&mut random);
    for (number, size) in sizes.iter().enumerate() {
        let item = json!({
            "media_id": format!("media{number:06}"), "user_id": format!("@anna:{server}"), "length": size,
            "media_type": "application/octet-stream", "upload_name": format!("file {number}.bin"),
            "created_ts": 1_600_000_000_000_u64,
        });
        let seed = random.random();
        let mut content = Noise(SmallRng::seed_from_u64(seed)).take(*size);
        writer.media(serde_json::from_value(item)?, Some(&mut content))??;
    }
    let keys = json!({ "server_name": server, "verify_keys": {} });
    writer.server_keys(server.to_owned(), to_raw_value(&keys)?);
    writer.finish(&|_, _| String::new(), &mut |_, _| {})?;
    Ok(sizes.iter().sum())
}

/// From the smallest to the largest, most of them small: as many as are wanted in all.
fn sizes(count: usize, total: u64) -> Vec<u64> {
    let (mut low, mut high) = (0.01, 100.0);
    let mut sizes = Vec::new();
    for _ in 0..60 {
        let bend = f64::midpoint(low, high);
        sizes = (0..count).map(|number| size(number, count, bend)).collect();
        if sizes.iter().sum::<u64>() > total {
            low = bend;
        } else {
            high = bend;
        }
    }
    sizes
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes up to 20 MiB"
)]
fn size(number: usize, count: usize, bend: f64) -> u64 {
    let place = number as f64 / (count.max(2) - 1) as f64;
    (SMALLEST * SPAN.powf(place.powf(bend))) as u64
}

/// Bytes that no compressor gets far with.
struct Noise(SmallRng);

impl Read for Noise {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.fill_bytes(buffer);
        Ok(buffer.len())
    }
}
