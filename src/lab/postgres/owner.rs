//! Whose process PostgreSQL is: it refuses to run as root.

use std::{
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::Path,
    process::Command,
};

use super::super::{LabError, Result, process::last_lines};

/// Users that may stand in for root, the better one first.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// Somebody other than us, or nobody in particular.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner(Option<(u32, u32)>);

impl Owner {
    /// Who may run a server in this folder of ours; if that is another user, the folder and all in it is handed over.
    pub(super) fn of(folder: &Path) -> Result<Self> {
        // A folder that this process has made tells who runs it.
        if folder.metadata().map_err(LabError::file(folder))?.uid() != 0 {
            return Ok(Self(None));
        }
        let mut reason = String::new();
        for user in USERS {
            match (id("-u", user), id("-g", user)) {
                (Ok(uid), Ok(gid)) => {
                    hand_over(folder, uid, gid)?;
                    return Ok(Self(Some((uid, gid))));
                }
                (Err(error), _) | (_, Err(error)) => reason = error,
            }
        }
        Err(LabError::Program {
            program: "id".to_owned(),
            reason,
        })
    }

    /// Lets a program run as that user.
    pub(super) fn runs(self, command: &mut Command) {
        if let Some((uid, gid)) = self.0 {
            command.uid(uid).gid(gid);
        }
    }
}

/// One of a user's numbers; `id` also knows the users that are in no file.
fn id(which: &str, user: &str) -> Result<u32, String> {
    let output = Command::new("id")
        .args([which, user])
        .output()
        .map_err(|error| error.to_string())?;
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .map_err(|_| last_lines(&String::from_utf8_lossy(&output.stderr), 1))
}

fn hand_over(folder: &Path, uid: u32, gid: u32) -> Result<()> {
    let done = Command::new("chown")
        .args(["-R", &format!("{uid}:{gid}")])
        .arg(folder)
        .output()
        .map_err(LabError::file(folder))?;
    if done.status.success() {
        return Ok(());
    }
    Err(LabError::Program {
        program: "chown".to_owned(),
        reason: last_lines(&String::from_utf8_lossy(&done.stderr), 2),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_numbers_and_a_stranger_a_reason() {
        assert_eq!(id("-u", "root").unwrap(), 0);
        assert!(
            id("-u", "no such user")
                .unwrap_err()
                .contains("no such user")
        );
    }

    #[test]
    fn root_hands_the_folder_over() {
        let folder = tempfile::tempdir().unwrap();
        let before = folder.path().metadata().unwrap().uid();
        let Owner(user) = Owner::of(folder.path()).unwrap();
        let after = folder.path().metadata().unwrap().uid();
        assert_eq!(user.is_some(), before == 0);
        assert_eq!(after, user.map_or(before, |(uid, _)| uid));
        assert_ne!(after, 0);
    }
}
