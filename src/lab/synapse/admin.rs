//! Accounts through Synapse's Admin API.

use std::{
    io::Write,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use super::Synapse;
use crate::{
    lab::{
        LabError, Result,
        client::{Client, field},
        path::path,
    },
    secret::ExposeSecret,
};

/// How long Synapse may take to let a closed account leave its rooms.
const PARTED: Duration = Duration::from_mins(1);

/// HMAC-SHA1 of the second argument's fields: Synapse alone wants it, so Python does it rather than one more crate.
const MAC: &str = "import hmac, sys
key, *fields = sys.stdin.buffer.read().split(b'\\0')
print(hmac.new(key, b'\\0'.join(fields), 'sha1').hexdigest())";

impl Synapse {
    /// Registers by the shared secret: `POST /_synapse/admin/v1/register`. The only way to a first admin.
    pub async fn register(&self, localpart: &str, password: &str, admin: bool) -> Result<Client> {
        let request = "/_synapse/admin/v1/register";
        let nonce = field(&self.anonymous.get(request).await?, request, "nonce")?;
        let role = if admin { "admin" } else { "notadmin" };
        let mac = self.mac(&[&nonce, localpart, password, role])?;
        let body = json!({
            "nonce": nonce,
            "username": localpart,
            "password": password,
            "admin": admin,
            "mac": mac,
        });
        let answer = self.anonymous.post(request, &body).await?;
        self.anonymous.session(&answer)
    }

    /// Makes an account as an admin, and logs it in: `PUT /_synapse/admin/v2/users/{id}`.
    pub async fn create_user(
        &self,
        admin: &Client,
        localpart: &str,
        password: &str,
    ) -> Result<Client> {
        let user_id = self.user_id(localpart);
        let body = json!({ "password": password, "admin": false });
        admin.put(&user(&user_id), &body).await?;
        self.anonymous.login(&user_id, password).await
    }

    /// Makes somebody a server admin; the account comes into being if there is none.
    pub async fn make_admin(&self, admin: &Client, user_id: &str) -> Result<()> {
        admin.put(&user(user_id), &json!({ "admin": true })).await?;
        Ok(())
    }

    /// Closes an account and waits until it has left its rooms, which Synapse does afterwards. `erase` hides its
    /// messages from newcomers, too.
    pub async fn deactivate(&self, admin: &Client, user_id: &str, erase: bool) -> Result<()> {
        let close = path("/_synapse/admin/v1/deactivate", &[user_id]);
        admin.post(&close, &json!({ "erase": erase })).await?;
        let rooms = path("/_synapse/admin/v1/users", &[user_id, "joined_rooms"]);
        for _ in 0..PARTED.as_millis() / 50 {
            if admin.get(&rooms).await?["joined_rooms"] == json!([]) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(LabError::Late {
            what: format!("{user_id}'s leaving of all rooms"),
            seconds: PARTED.as_secs(),
        })
    }

    /// All accounts, closed ones included.
    pub async fn users(&self, admin: &Client) -> Result<Vec<Value>> {
        let answer = admin
            .get("/_synapse/admin/v3/users?limit=1000&locked=true")
            .await?;
        Ok(answer["users"].as_array().cloned().unwrap_or_default())
    }

    /// All rooms.
    pub async fn rooms(&self, admin: &Client) -> Result<Vec<Value>> {
        let answer = admin.get("/_synapse/admin/v1/rooms?limit=1000").await?;
        Ok(answer["rooms"].as_array().cloned().unwrap_or_default())
    }

    /// A room's timeline of at most 1000 events, whoever may see it, oldest first.
    pub async fn timeline(&self, admin: &Client, room: &str) -> Result<Vec<Value>> {
        let messages = path("/_synapse/admin/v1/rooms", &[room, "messages"]);
        let answer = admin.get(&format!("{messages}?dir=f&limit=1000")).await?;
        Ok(answer["chunk"].as_array().cloned().unwrap_or_default())
    }

    fn mac(&self, fields: &[&str]) -> Result<String> {
        let failed = || LabError::file(&self.python);
        let mut python = Command::new(&self.python)
            .args(["-I", "-c", MAC])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed())?;
        if let Some(mut stdin) = python.stdin.take() {
            let input = [&[self.secret.expose_secret()], fields].concat().join("\0");
            stdin.write_all(input.as_bytes()).map_err(failed())?;
        }
        let output = python.wait_with_output().map_err(failed())?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

fn user(user_id: &str) -> String {
    path("/_synapse/admin/v2/users", &[user_id])
}
