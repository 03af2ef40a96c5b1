//! The admin room: the commands that an import uses, and their replies.

use serde_json::{Value, json};

use super::{Door, Lie, World};

/// More events than this don't fit into a reply.
const FITTING: usize = 20;

pub(super) const ID: &str = "!admins:ferry.test";

impl World {
    /// Runs a command and replies at once.
    pub(in super::super) fn command(&mut self, body: &Value) -> Value {
        let command = format!("$command{}", self.admin_room.len());
        let said = body["body"].as_str().unwrap().to_owned();
        self.admin_room
            .push(json!({ "event_id": command, "content": body }));
        if said.contains("get-remote-pdu-list") && self.forgotten_commands > 0 {
            self.forgotten_commands -= 1;
            return json!({ "event_id": command });
        }
        let file = said.strip_prefix("!admin media get-remote-file ");
        if file.is_some() && self.forgotten_files > 0 {
            self.forgotten_files -= 1;
            return json!({ "event_id": command });
        }
        let mend = said.strip_prefix("!admin debug force-set-room-state-from-server ");
        let ping = said.starts_with("!admin debug ping ");
        if let Some(words) = mend {
            self.mend(words.split(' ').next().unwrap());
        }
        let about_a_user = said
            .strip_prefix("!admin users ")
            .map(|command| self.about_a_user(command));
        let reply = match said.strip_prefix("!admin debug get-remote-pdu-list ") {
            _ if let Some(reply) = about_a_user => reply,
            _ if let Some(words) = file => self.fetch_file(words),
            _ if let Some(uri) = said.strip_prefix("!admin media delete --mxc ") => {
                self.delete_file(uri)
            }
            _ if mend.is_some() => {
                "Successfully forced the room state from the requested remote server.".to_owned()
            }
            _ if ping => self.ping.unwrap_or("Got response: Ferryman").to_owned(),
            _ if said == "!admin server uptime" => "1 s.".to_owned(),
            Some(list) => match self.fetch(list) {
                Some(reply) => reply,
                None => return json!({ "event_id": command }),
            },
            None => "Command failed with error:\n```\nunknown command\n```".to_owned(),
        };
        let relation = json!({ "m.in_reply_to": { "event_id": command } });
        self.admin_room.push(json!({
            "event_id": format!("$reply{}", self.admin_room.len()),
            "content": { "msgtype": "m.notice", "body": reply, "m.relates_to": relation },
        }));
        json!({ "event_id": command })
    }

    /// Rights, addresses and the end of an account. Who is an admin already is not made one again.
    fn about_a_user(&mut self, command: &str) -> String {
        let words: Vec<_> = command.split(' ').map(str::to_owned).collect();
        match &words[..] {
            [what, user] if what == "make-user-admin" && self.lies.contains(&Lie::NoAdmins) => {
                format!("{user} has been granted admin privileges.")
            }
            [what, user] if what == "make-user-admin" && self.admins.insert(user.clone()) => {
                format!("{user} has been granted admin privileges.")
            }
            [what, _, user] if what == "deactivate" => {
                if !self.lies.contains(&Lie::StaysOpen)
                    && let Some(account) = self.accounts.get_mut(user)
                {
                    account.door = Door::Closed;
                }
                format!("User {user} has been deactivated")
            }
            [what, _, address] if what == "add-email" && self.taken_addresses.contains(address) => {
                format!(
                    "Command failed with error:\n```\nEmail {address} is already bound to another user.\n```"
                )
            }
            [what, user, address] if what == "add-email" => {
                self.addresses.insert((user.clone(), address.clone()));
                format!("Bound email {address} to user {user}.")
            }
            _ => "Command failed with error:\n```\nnot so\n```".to_owned(),
        }
    }

    /// As Tuwunel does it: the first event that can't be had ends the command, unless it is forced to go on. A reply that
    /// would be too big never comes.
    fn fetch(&mut self, list: &str) -> Option<String> {
        let forced = list.lines().next().unwrap().ends_with(" --force");
        let events: Vec<_> = list.lines().filter(|line| line.starts_with('$')).collect();
        for event in &events {
            if !self.backfill(event) && !forced {
                return Some("Command failed with error:\n```\nnot this one\n```".to_owned());
            }
        }
        let done = format!(
            "Fetched {} remote PDUs successfully with 0 failures",
            events.len()
        );
        (events.len() <= FITTING).then_some(done)
    }

    /// The newest messages first.
    pub(super) fn admin_messages(&self) -> Value {
        json!({ "chunk": self.admin_room.iter().rev().take(50).collect::<Vec<_>>() })
    }
}
