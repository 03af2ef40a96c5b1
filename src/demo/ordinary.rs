//! An ordinary user after the move: logs in with the new password and counts rooms.

use std::fs;

use super::stage::Stage;
use crate::{
    Error, Result,
    lab::{client::Client, target::TargetKind},
};

/// Logs a user in on the target and compares the number of joined rooms with Synapse's.
pub async fn look(stage: &Stage, localpart: &str) -> Result<(String, bool)> {
    let before = stage.filled.user(localpart).joined_rooms().await?.len();
    if matches!(stage.target.kind, TargetKind::StandIn(_)) {
        let line = format!(
            "SKIPPED: {localpart}'s log-in: a Synapse takes no password from an application service ({before} rooms on the source)"
        );
        return Ok((line, true));
    }
    let client = log_in(stage, localpart).await?;
    let user_id = client.user_id();
    let after = client.joined_rooms().await?.len();
    let line = format!(
        "{user_id} logs in with the new password: {before} rooms on Synapse, {after} on the new server"
    );
    Ok((line, before == after))
}

/// A user's session on the target, by the password that the operator would hand out.
pub async fn log_in(stage: &Stage, localpart: &str) -> Result<Client> {
    let user_id = format!("@{localpart}:{}", stage.names.server_name);
    let password = password(stage, &user_id)?;
    Ok(stage.target.anonymous().login(localpart, &password).await?)
}

/// A new account's password, from the file that the import leaves for the operator.
fn password(stage: &Stage, user_id: &str) -> Result<String> {
    let dir = stage.installation.config.data_dir.join("passwords");
    let missing = || {
        Error::Target(format!(
            "there is no password of {user_id} in {}",
            dir.display()
        ))
    };
    for entry in fs::read_dir(&dir).map_err(Error::file(&dir))? {
        let path = entry.map_err(Error::file(&dir))?.path();
        let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
        let found = text
            .lines()
            .filter_map(|line| line.rsplit_once(','))
            .find(|(user, _)| *user == user_id);
        if let Some((_, password)) = found {
            return Ok(password.to_owned());
        }
    }
    Err(missing())
}
