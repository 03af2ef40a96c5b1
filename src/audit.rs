//! Who ordered what, when, and how it ended: one JSON line for each beginning and each end, never rewritten.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    secret::{private_dir, random_name},
};

const FILE: &str = "audit.jsonl";

/// The most of an order's words that is kept, in characters.
const LONGEST: usize = 300;

/// One order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When it came, in milliseconds since the Unix epoch.
    pub ts: u64,
    /// Whose.
    pub by: String,
    /// Its words.
    pub order: String,
    /// How it ended and after how many milliseconds; nothing if it runs, or was cut off.
    pub end: Option<(String, u64)>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Begin {
        id: String,
        ts: u64,
        by: String,
        order: String,
    },
    End {
        id: String,
        ts: u64,
        outcome: String,
    },
}

/// An order that has been noted.
#[derive(Debug)]
pub struct Noted {
    id: String,
}

/// Notes an order before it is carried out.
pub fn begin(data_dir: &Path, ts: u64, by: &str, order: &str) -> Result<Noted> {
    let id = random_name();
    let order = order.chars().take(LONGEST).collect();
    append(
        data_dir,
        &Line::Begin {
            id: id.clone(),
            ts,
            by: by.to_owned(),
            order,
        },
    )?;
    Ok(Noted { id })
}

/// Notes how it ended.
pub fn end(data_dir: &Path, noted: Noted, ts: u64, outcome: &str) -> Result<()> {
    append(
        data_dir,
        &Line::End {
            id: noted.id,
            ts,
            outcome: outcome.to_owned(),
        },
    )
}

/// The newest orders, the oldest of them first. A line that can't be read, as the last of a machine that lost its power,
/// is passed over.
pub fn newest(data_dir: &Path, count: usize) -> Result<Vec<Entry>> {
    let path = data_dir.join(FILE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(Error::file(path)(error)),
    };
    let (mut entries, mut places) = (Vec::new(), HashMap::new());
    // What a torn line begins needn't be text.
    for line in bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
    {
        match line {
            Line::Begin { id, ts, by, order } => {
                places.insert(id, entries.len());
                entries.push(Entry {
                    ts,
                    by,
                    order,
                    end: None,
                });
            }
            Line::End { id, ts, outcome } => {
                if let Some(place) = places.remove(&id) {
                    let entry: &mut Entry = &mut entries[place];
                    entry.end = Some((outcome, ts.saturating_sub(entry.ts)));
                }
            }
        }
    }
    Ok(entries.split_off(entries.len().saturating_sub(count)))
}

fn append(data_dir: &Path, line: &Line) -> Result<()> {
    private_dir(data_dir).map_err(Error::file(data_dir))?;
    let path = data_dir.join(FILE);
    let mut text = serde_json::to_string(line).unwrap_or_default();
    text.push('\n');
    let mut write = || {
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)?;
        if is_torn(&mut file)? {
            text.insert(0, '\n');
        }
        // One write, so that two processes' lines don't mix.
        file.write_all(text.as_bytes())?;
        // Who ordered what is to be known also after the machine has lost its power.
        file.sync_data()
    };
    write().map_err(Error::file(&path))
}

/// Whether its last line has no end.
fn is_torn(file: &mut File) -> std::io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != [b'\n'])
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn orders_and_their_ends_find_each_other() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(newest(dir.path(), 5).unwrap(), []);
        let first = begin(dir.path(), 1_000, "@anna:x", "import --admins").unwrap();
        let second = begin(dir.path(), 2_000, "the shell", &"x\n".repeat(1_000)).unwrap();
        end(dir.path(), second, 2_500, "done").unwrap();
        let path = dir.path().join(FILE);
        let mut text = fs::read(&path).unwrap();
        // In the middle of an ö, and without an end.
        text.extend(b"{\"torn\n{\"torn \xc3");
        fs::write(&path, text).unwrap();
        let _cut_off = begin(dir.path(), 3_000, "@anna:x", "verify").unwrap();
        end(dir.path(), first, 4_000, "stopped").unwrap();
        let all = newest(dir.path(), 5).unwrap();
        let ends: Vec<_> = all.iter().map(|entry| entry.end.clone()).collect();
        let told = |text: &str, after| Some((text.to_owned(), after));
        assert_eq!(ends, [told("stopped", 3_000), told("done", 500), None]);
        assert_eq!(all[1].order.chars().count(), LONGEST);
        assert_eq!(newest(dir.path(), 1).unwrap(), all[2..]);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
