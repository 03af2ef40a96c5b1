//! Files of any size: a picture that programs can open, or bytes that don't compress.

use rand::{RngCore, SeedableRng, rngs::SmallRng};

use crate::lab::{Result, client::Client, fill::PIXEL};

/// A picture of one pixel with a long tail, which readers of PNG pass over.
pub(super) async fn picture(client: &Client, size: usize) -> Result<String> {
    let mut content = PIXEL.to_vec();
    content.extend(noise(size.saturating_sub(PIXEL.len())));
    client
        .upload(Some("picture.png"), "image/png", &content)
        .await
}

/// Bytes without a meaning.
pub(super) async fn document(client: &Client, name: &str, size: usize) -> Result<String> {
    client
        .upload(Some(name), "application/octet-stream", &noise(size))
        .await
}

fn noise(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    SmallRng::seed_from_u64(size as u64).fill_bytes(&mut bytes);
    bytes
}
