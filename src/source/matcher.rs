//! Which users and rooms a partial export is of.

use ruma::{RoomId, ServerName, UserId};
use wildmatch::WildMatch;

use crate::{Error, Result, model::wanted::Wanted};

/// The patterns of an export, `*` for any characters and `?` for one.
#[derive(Debug, Clone)]
pub struct Matcher {
    users: Option<Vec<WildMatch>>,
    rooms: Option<Vec<WildMatch>>,
}

impl Matcher {
    /// [`Error::Usage`] names a pattern that can match nothing.
    pub fn new(wanted: &Wanted, server_name: &ServerName) -> Result<Self> {
        let users = wanted
            .users
            .iter()
            .map(|pattern| match pattern.as_bytes().first() {
                Some(b'@' | b'*') => Ok(WildMatch::new(pattern)),
                Some(_) if !pattern.contains(':') => {
                    Ok(WildMatch::new(&format!("@{pattern}:{server_name}")))
                }
                _ => Err(Error::Usage(format!(
                    "{pattern} names no user: give --users an ID like @anna:{server_name}, a name like anna, or a pattern with * and ?"
                ))),
            })
            .collect::<Result<Vec<_>>>()?;
        let rooms = wanted
            .rooms
            .iter()
            .map(|pattern| match pattern.as_bytes().first() {
                Some(b'!' | b'#' | b'*') => Ok(WildMatch::new(pattern)),
                _ => Err(Error::Usage(format!(
                    "{pattern} names no room: give --rooms an ID that begins with !, an alias that begins with #, or a pattern of one with * and ?"
                ))),
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            users: (!users.is_empty()).then_some(users),
            rooms: (!rooms.is_empty()).then_some(rooms),
        })
    }

    /// Whether all users are wanted.
    pub fn takes_all_users(&self) -> bool {
        self.users.is_none()
    }

    /// Whether all rooms are wanted: their aliases need not be known to decide.
    pub fn takes_all_rooms(&self) -> bool {
        self.rooms.is_none()
    }

    /// Whether this user is wanted.
    pub fn user(&self, user: &UserId) -> bool {
        matches(self.users.as_deref(), user.as_str())
    }

    /// Whether a room with these local aliases is wanted.
    pub fn room<'a>(&self, room: &RoomId, aliases: impl IntoIterator<Item = &'a str>) -> bool {
        matches(self.rooms.as_deref(), room.as_str())
            || aliases
                .into_iter()
                .any(|alias| matches(self.rooms.as_deref(), alias))
    }
}

fn matches(patterns: Option<&[WildMatch]>, text: &str) -> bool {
    patterns.is_none_or(|patterns| patterns.iter().any(|pattern| pattern.matches(text)))
}

#[cfg(test)]
mod tests {
    use ruma::{room_id, server_name, user_id};

    use super::*;

    fn matcher(users: &[&str], rooms: &[&str]) -> Result<Matcher> {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let wanted = Wanted {
            users: texts(users),
            rooms: texts(rooms),
            ..Wanted::default()
        };
        Matcher::new(&wanted, server_name!("example.org"))
    }

    #[test]
    fn ids_names_aliases_and_patterns_match() {
        let all = matcher(&[], &[]).unwrap();
        assert!(all.takes_all_users() && all.takes_all_rooms());
        assert!(all.user(user_id!("@a:example.org")) && all.room(room_id!("!r:x"), []));

        let some = matcher(&["anna", "@b*:example.org"], &["!r:x", "#team-*"]).unwrap();
        assert!(some.user(user_id!("@anna:example.org")));
        assert!(some.user(user_id!("@ben:example.org")));
        assert!(!some.user(user_id!("@cara:example.org")));
        assert!(some.room(room_id!("!r:x"), []));
        assert!(some.room(room_id!("!q:x"), ["#a:x", "#team-b:x"]));
        assert!(!some.room(room_id!("!q:x"), ["#a:x"]));
        assert!(!some.takes_all_users() && !some.takes_all_rooms());
    }

    #[test]
    fn what_can_match_nothing_is_refused() {
        insta::assert_snapshot!(matcher(&["anna:example.org"], &[]).unwrap_err(), @"anna:example.org names no user: give --users an ID like @anna:example.org, a name like anna, or a pattern with * and ?");
        insta::assert_snapshot!(matcher(&[], &["team"]).unwrap_err(), @"team names no room: give --rooms an ID that begins with !, an alias that begins with #, or a pattern of one with * and ?");
    }
}
