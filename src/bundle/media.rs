//! `media_refs.json` and the contents below `media/`.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{file_names::MEDIA_REFS, fresh, json_stream::JsonFile};
use crate::{Error, Result, hex::hex, model::media::MediaRef};

/// The folder of the contents.
const FOLDER: &str = "media";

/// The list of local media, and what was read of it.
pub(super) struct Media {
    dir: PathBuf,
    refs: JsonFile,
    bytes: u64,
}

impl Media {
    /// A new list, or one of `bytes` of contents that an earlier run left, up to its mark.
    pub(super) fn create(dir: &Path, mark: Option<u64>, bytes: u64) -> Result<Self> {
        Ok(Self {
            dir: dir.to_owned(),
            refs: JsonFile::list(dir.join(MEDIA_REFS), mark)?,
            bytes,
        })
    }

    /// The bytes of the list from which a later run can go on, and those of all contents.
    pub(super) fn mark(&mut self) -> Result<(u64, u64)> {
        Ok((self.refs.mark()?, self.bytes))
    }

    /// Adds an item; a content that can't be read whole is left out, and the inner error says why.
    pub(super) fn add(
        &mut self,
        mut item: MediaRef,
        content: Option<&mut dyn Read>,
    ) -> Result<Result<(), io::Error>> {
        let copied = match content {
            Some(content) => self.copy(&item.media_id, content)?.map(Some),
            None => Ok(None),
        };
        let outcome = copied.map(|copied| {
            if let Some((bytes, sha256)) = copied {
                self.bytes += bytes;
                item.sha256 = Some(sha256);
            }
        });
        self.refs.item(&item)?;
        Ok(outcome)
    }

    /// Bytes and SHA-256 of the copy.
    fn copy(
        &self,
        media_id: &str,
        content: &mut dyn Read,
    ) -> Result<Result<(u64, String), io::Error>> {
        let Some(name) = path_of(media_id) else {
            return Ok(Err(io::Error::other("its media ID is none of Synapse's")));
        };
        let path = self.dir.join(name);
        fresh::dirs(path.parent().unwrap_or(&self.dir))?;
        let mut file = fresh::file_or_rest(&path, None)?;
        let (mut hasher, mut bytes) = (Sha256::new(), 0);
        let mut buffer = vec![0; 128 * 1024];
        loop {
            let count = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    fs::remove_file(&path).map_err(Error::file(&path))?;
                    return Ok(Err(error));
                }
            };
            hasher.update(&buffer[..count]);
            file.write_all(&buffer[..count])
                .map_err(Error::file(&path))?;
            bytes += count as u64;
        }
        file.sync_data().map_err(Error::file(&path))?;
        Ok(Ok((bytes, hex(&hasher.finalize()))))
    }

    /// Bytes of all contents.
    pub(super) fn finish(self) -> Result<u64> {
        self.refs.finish()?;
        Ok(self.bytes)
    }
}

/// Where a content is, relative to the bundle: `media/AA/BB/REST` for the media ID `AABBREST`, as Synapse does it.
///
/// None for an ID that would not be a plain file name there.
pub(super) fn path_of(media_id: &str) -> Option<PathBuf> {
    let plain = media_id
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    (plain && (5..=255).contains(&media_id.len())).then(|| {
        Path::new(FOLDER)
            .join(&media_id[..2])
            .join(&media_id[2..4])
            .join(&media_id[4..])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_ids_have_a_place() {
        assert_eq!(path_of("AbcdeFGH").unwrap(), Path::new("media/Ab/cd/eFGH"));
        for id in [
            "",
            "abcd",
            "../../etc/passwd",
            "ab/cdefg",
            "äöüab",
            "abcde.f",
        ] {
            assert_eq!(path_of(id), None, "{id}");
        }
    }
}
