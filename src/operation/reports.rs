//! `<data_dir>/reports/<UTC time>-<command>.md` and `.json`.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    job::Problem,
    report::text::file_time,
    secret::{private_dir, write_private, write_private_with},
};

/// Writes both forms of a report.
pub fn write(
    data_dir: &Path,
    now_ms: u64,
    command: &str,
    markdown: &str,
    data: &impl Serialize,
) -> Result<Vec<PathBuf>> {
    let dir = data_dir.join("reports");
    private_dir(&dir).map_err(Error::file(&dir))?;
    let stem = format!("{}-{command}", file_time(now_ms));
    let text = dir.join(format!("{stem}.md"));
    write_private(&text, markdown.as_bytes()).map_err(Error::file(&text))?;
    let path = dir.join(format!("{stem}.json"));
    stream(&path, data).map_err(Error::file(&path))?;
    Ok(vec![text, path])
}

/// Ten thousand failures are not held in memory once more as text.
fn stream(path: &Path, data: &impl Serialize) -> std::io::Result<()> {
    write_private_with(path, |file| {
        let mut out = BufWriter::new(file);
        serde_json::to_writer_pretty(&mut out, data)?;
        out.flush()
    })
}

/// The newest report of each command, in both forms.
pub fn newest(data_dir: &Path) -> Result<Vec<PathBuf>> {
    let dir = data_dir.join("reports");
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::file(dir)(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(Error::file(&dir))?.path());
    }
    // Names begin with the time: the last of each kind wins.
    paths.sort();
    let newest: BTreeMap<String, PathBuf> = paths
        .into_iter()
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?;
            let (_, kind) = name.split_once("Z-")?;
            matches!(path.extension()?.to_str()?, "md" | "json")
                .then(|| (kind.to_owned(), path.clone()))
        })
        .collect();
    Ok(newest.into_values().collect())
}

/// What the newest export could not do, by its report. A report that can't be read has none.
pub fn of_export(data_dir: &Path) -> Result<Vec<Problem>> {
    #[derive(Deserialize)]
    struct Report {
        problems: Vec<Problem>,
    }
    let mut problems = Vec::new();
    for path in newest(data_dir)? {
        if path.to_string_lossy().ends_with("Z-export.json") {
            let text = fs::read(&path).map_err(Error::file(&path))?;
            let report: Option<Report> = serde_json::from_slice(&text).ok();
            problems.extend(report.into_iter().flat_map(|report| report.problems));
        }
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use serde_json::json;

    use super::*;

    #[test]
    fn the_newest_of_each_is_found() {
        let dir = tempfile::tempdir().unwrap();
        assert!(newest(dir.path()).unwrap().is_empty());
        for (time, command) in [(0, "import"), (5_000, "import"), (3_000, "verify")] {
            write(dir.path(), time, command, "text", &json!({})).unwrap();
        }
        let found = newest(dir.path()).unwrap();
        let names: Vec<&str> = found
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "1970-01-01T00-00-05Z-import.json",
                "1970-01-01T00-00-05Z-import.md",
                "1970-01-01T00-00-03Z-verify.json",
                "1970-01-01T00-00-03Z-verify.md",
            ]
        );
        assert_eq!(of_export(dir.path()).unwrap(), []);
        let problem = json!({"step": "room", "subject": "!a:x", "reason": "why"});
        for (time, problem) in [(1_000, json!({})), (2_000, problem)] {
            let data = json!({"rooms": 7, "problems": [problem]});
            write(dir.path(), time, "export", "text", &data).unwrap();
        }
        let problems = of_export(dir.path()).unwrap();
        assert_eq!((problems.len(), problems[0].step.as_str()), (1, "room"));
        let mode = fs::metadata(&found[0]).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
