//! Synapse in a virtual environment of its own, outside the repository and installed once for all tests.

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{LabError, Result, process::last_lines};

/// The Synapse that the lab runs.
pub const SYNAPSE_VERSION: &str = "1.163.2";

/// Synapse's way to PostgreSQL: the build that brings its own library.
const DRIVER: &str = "psycopg2-binary>=2.9,<3";

/// Written last: without it the environment is half a one.
const MARKER: &str = "ferryman-ready-2";
/// The marker of an environment that lacks the driver.
const OLD_MARKER: &str = "ferryman-ready";

/// Where the lab keeps what it downloads: `$FERRYMAN_LAB_CACHE`, or `~/.cache/ferryman-lab`.
pub fn cache() -> Result<PathBuf> {
    cache_of(env::var_os("FERRYMAN_LAB_CACHE"), env::var_os("HOME"))
}

fn cache_of(set: Option<OsString>, home: Option<OsString>) -> Result<PathBuf> {
    let given = |value: Option<OsString>| value.filter(|value| !value.is_empty());
    given(set)
        .map(PathBuf::from)
        .or_else(|| given(home).map(|home| PathBuf::from(home).join(".cache/ferryman-lab")))
        .ok_or(LabError::NoCache)
}

/// The Python that has Synapse; installs it if it isn't there, which takes a minute and needs a package index.
pub async fn synapse_python() -> Result<PathBuf> {
    let cache = cache()?;
    let folder = cache.clone();
    tokio::task::spawn_blocking(move || prepared(&cache))
        .await
        .unwrap_or_else(|error| {
            Err(LabError::File {
                path: folder,
                source: io::Error::other(error),
            })
        })
}

fn prepared(cache: &Path) -> Result<PathBuf> {
    let folder = cache.join(format!("synapse-{SYNAPSE_VERSION}"));
    let python = folder.join("bin/python");
    if folder.join(MARKER).exists() {
        return Ok(python);
    }
    fs::create_dir_all(cache).map_err(LabError::file(cache))?;
    // Held until the end of this function; the others then find the marker.
    let lock_path = cache.join(format!("synapse-{SYNAPSE_VERSION}.lock"));
    let lock = File::create(&lock_path).map_err(LabError::file(&lock_path))?;
    lock.lock().map_err(LabError::file(&lock_path))?;
    if folder.join(MARKER).exists() {
        return Ok(python);
    }
    if folder.join(OLD_MARKER).exists() {
        // Somebody may be running from it, so that it isn't made anew.
        pip(&folder, &python, &[DRIVER])?;
    } else {
        install(&folder, &python)?;
    }
    let marker = folder.join(MARKER);
    fs::write(&marker, SYNAPSE_VERSION).map_err(LabError::file(&marker))?;
    Ok(python)
}

fn install(folder: &Path, python: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(LabError::File {
                path: folder.to_owned(),
                source: error,
            });
        }
        _ => {}
    }
    // Debian's python3 has a venv that fails for the lack of ensurepip.
    let venv = Command::new("python3")
        .args(["-c", "import venv, ensurepip"])
        .stderr(Stdio::null())
        .status()
        .map_err(LabError::NoPython)?;
    if !venv.success() {
        return Err(LabError::NoVenv);
    }
    run(
        Command::new("python3").args(["-m", "venv"]).arg(folder),
        folder,
    )?;
    let synapse = format!("matrix-synapse=={SYNAPSE_VERSION}");
    pip(folder, python, &[&synapse, DRIVER])
}

fn pip(folder: &Path, python: &Path, packages: &[&str]) -> Result<()> {
    run(
        Command::new(python)
            .args(["-m", "pip", "install", "--quiet", "--no-input"])
            .arg("--disable-pip-version-check")
            .args(packages),
        folder,
    )
}

fn run(command: &mut Command, folder: &Path) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(LabError::file(folder))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(LabError::Install {
        folder: folder.to_owned(),
        reason: last_lines(String::from_utf8_lossy(&said).trim(), 5),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_cache_is_where_it_is_set_or_at_home() {
        let of = |set: &str, home: &str| cache_of(Some(set.into()), Some(home.into()));
        assert_eq!(of("/x", "/h").unwrap(), Path::new("/x"));
        assert_eq!(of("", "/h").unwrap(), Path::new("/h/.cache/ferryman-lab"));
        assert!(cache_of(None, None).is_err());
    }

    #[test]
    fn a_ready_environment_is_taken_as_it_is() {
        let cache = tempfile::tempdir().unwrap();
        let folder = cache.path().join(format!("synapse-{SYNAPSE_VERSION}"));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(MARKER), "").unwrap();
        assert_eq!(prepared(cache.path()).unwrap(), folder.join("bin/python"));
    }

    #[test]
    fn an_old_environment_is_completed_and_not_made_anew() {
        let cache = tempfile::tempdir().unwrap();
        let folder = cache.path().join(format!("synapse-{SYNAPSE_VERSION}"));
        fs::create_dir_all(folder.join("bin")).unwrap();
        fs::write(folder.join(OLD_MARKER), "").unwrap();
        let python = folder.join("bin/python");
        let script = "#!/bin/sh\necho \"$@\" > \"$(dirname \"$0\")/asked\"\n";
        fs::write(&python, script).unwrap();
        fs::set_permissions(&python, fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(prepared(cache.path()).unwrap(), python);
        let asked = fs::read_to_string(folder.join("bin/asked")).unwrap();
        assert!(
            asked.contains(DRIVER) && !asked.contains("matrix-synapse"),
            "{asked}"
        );
        assert!(folder.join(MARKER).exists());
    }

    #[test]
    fn a_failed_installation_says_what_the_installer_said() {
        let error = run(
            Command::new("sh").args(["-c", "echo no such version >&2; exit 1"]),
            Path::new("/f"),
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "Synapse can't be installed into /f: no such version"
        );
    }
}
