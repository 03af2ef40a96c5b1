//! What an interrupted export wrote after its checkpoint: it goes, or it would be in the bundle for no reason.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use super::{
    checkpoint::Checkpoint,
    file_names::{MANIFEST, MEDIA_REFS},
    files, fresh, media,
};
use crate::{Error, Result, model::media::MediaRef};

/// Removes every file in `dir` that the checkpoint doesn't know.
pub(super) fn remove(dir: &Path, checkpoint: &Checkpoint) -> Result<()> {
    fresh::remove_file(&dir.join(MANIFEST))?;
    let media = contents(dir, checkpoint).map_err(Error::file(dir.join(MEDIA_REFS)))?;
    for name in files::all(dir, dir)? {
        let known = checkpoint.lengths.of(&name).is_some()
            || checkpoint.shards.has(&name)
            || media.contains(&name);
        if !known {
            fresh::remove_file(&dir.join(&name))?;
        }
    }
    Ok(())
}

/// The contents of the media in the list, as far as it counts: one item a line.
fn contents(dir: &Path, checkpoint: &Checkpoint) -> std::io::Result<BTreeSet<String>> {
    let Some(length) = checkpoint.lengths.of(MEDIA_REFS) else {
        return Ok(BTreeSet::new());
    };
    let list = BufReader::new(File::open(dir.join(MEDIA_REFS))?.take(length));
    let mut found = BTreeSet::new();
    for line in list.lines().skip(1) {
        let item: MediaRef = serde_json::from_str(line?.trim_end_matches(','))?;
        let path = item.sha256.and_then(|_| media::path_of(&item.media_id));
        found.extend(path.map(|path| path.to_string_lossy().into_owned()));
    }
    Ok(found)
}
