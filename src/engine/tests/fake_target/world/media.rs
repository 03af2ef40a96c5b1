//! Media: what the target has fetched.

use super::{super::super::sample::MEDIA, World};

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super::super::super) struct Medium {
    pub(in super::super::super::super) media_type: String,
    pub(in super::super::super::super) name: Option<String>,
    pub(in super::super::super::super) content: Vec<u8>,
    /// How often it was fetched.
    pub(in super::super::super::super) fetched: u32,
}

/// What goes wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super::super) enum Broken {
    /// It is refused.
    Refused,
    /// The disk is full before its end.
    Cut,
}

impl World {
    /// As Tuwunel does it; the resident's name is not resolved here, so the bytes are those of the sample.
    pub(super) fn fetch_file(&mut self, words: &str) -> String {
        let [uri, "--server", _] = words.split(' ').collect::<Vec<_>>()[..] else {
            return "error: unexpected argument".to_owned();
        };
        let id = uri.strip_prefix("mxc://ferry.test/").unwrap();
        let (_, media_type, name, content) =
            MEDIA.into_iter().find(|medium| medium.0 == id).unwrap();
        let broken = self.broken_media.get(id).copied();
        if broken == Some(Broken::Refused) {
            return "Command failed with error:\n```\nMedia not found.\n```".to_owned();
        }
        let content = match broken {
            Some(_) => &content[..content.len() - 1],
            None => content,
        };
        let reply = format!(
            "```\nreceived {} bytes for file content.\n```",
            content.len()
        );
        let before = self.media.get_mut(id);
        let fetched = before.as_ref().map_or(0, |before| before.fetched);
        // One of another type or name stays beside the new one, and may be the one that is given out.
        if let Some(before) = before
            && (&*before.media_type, before.name.as_deref()) != (media_type, Some(name))
        {
            before.fetched += 1;
            return reply;
        }
        let medium = Medium {
            media_type: media_type.to_owned(),
            name: Some(name.to_owned()),
            content: content.to_vec(),
            fetched: fetched + 1,
        };
        self.media.insert(id.to_owned(), medium);
        reply
    }

    /// As Tuwunel 1.4.6 does it, which calls its success an error.
    pub(super) fn delete_file(&mut self, uri: &str) -> String {
        let id = uri.strip_prefix("mxc://ferry.test/").unwrap();
        let told = match self.media.remove(id) {
            Some(_) => "Deleted the MXC from our database and on our filesystem.",
            None => "Failed to find any media keys.",
        };
        self.deleted_media.push(id.to_owned());
        self.deleted_media.sort();
        format!("Command failed with error:\n```\n{told}\n```")
    }
}
