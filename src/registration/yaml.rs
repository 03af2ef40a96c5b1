//! The registrations' text.

use crate::{
    config::{Config, Tokens},
    secret::{ExposeSecret, SecretString},
};

use super::{BOT_ID, PUPPETS_ID, PUPPETS_LOCALPART};

/// The bot's: exactly one user, exclusively.
pub(super) fn bot(config: &Config, tokens: &Tokens) -> String {
    let user = namespace(&format!("^{}$", escape(&config.bot_id())), true);
    registration(
        BOT_ID,
        &quoted(&config.bot.url),
        (&tokens.bot_as, &tokens.bot_hs),
        &config.bot.localpart,
        &format!("  users:\n{user}  aliases: []\n  rooms: []\n"),
    )
}

/// The puppets': everybody and every alias of the server, shared with whoever else has registered them.
pub(super) fn puppets(config: &Config, tokens: &Tokens) -> String {
    let server = escape(config.server_name.as_str());
    let users = namespace(&format!("^@.*:{server}$"), false);
    let aliases = namespace(&format!("^#.*:{server}$"), false);
    registration(
        PUPPETS_ID,
        "null",
        (&tokens.puppets_as, &tokens.puppets_hs),
        PUPPETS_LOCALPART,
        &format!("  users:\n{users}  aliases:\n{aliases}  rooms: []\n"),
    )
}

fn registration(
    id: &str,
    url: &str,
    (as_token, hs_token): (&SecretString, &SecretString),
    localpart: &str,
    namespaces: &str,
) -> String {
    format!(
        "id: {id}\nurl: {url}\nas_token: {}\nhs_token: {}\nsender_localpart: {}\nrate_limited: false\nnamespaces:\n{namespaces}",
        quoted(as_token.expose_secret()),
        quoted(hs_token.expose_secret()),
        quoted(localpart),
    )
}

fn namespace(regex: &str, exclusive: bool) -> String {
    format!(
        "    - exclusive: {exclusive}\n      regex: {}\n",
        quoted(regex)
    )
}

/// A single-quoted YAML string.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Characters that mean something in a regular expression stand for themselves.
fn escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        if r"\.+*?()|[]{}^$".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
        escaped
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::sample;

    fn tokens() -> Tokens {
        Tokens {
            bot_as: "BOT-AS".into(),
            bot_hs: "BOT-HS".into(),
            puppets_as: "PUPPETS-AS".into(),
            puppets_hs: "PUPPETS-HS".into(),
        }
    }

    #[test]
    fn the_bots_file() {
        let mut config = sample(Path::new("data"));
        config.bot.localpart = "ferry.man+1".to_owned();
        insta::assert_snapshot!(bot(&config, &tokens()), @r"
        id: ferryman
        url: 'http://127.0.0.1:29330'
        as_token: 'BOT-AS'
        hs_token: 'BOT-HS'
        sender_localpart: 'ferry.man+1'
        rate_limited: false
        namespaces:
          users:
            - exclusive: true
              regex: '^@ferry\.man\+1:ferry\.test$'
          aliases: []
          rooms: []
        ");
    }

    #[test]
    fn the_puppets_file() {
        insta::assert_snapshot!(puppets(&sample(Path::new("data")), &tokens()), @r"
        id: ferryman-puppets-matrix-appservice-irc
        url: null
        as_token: 'PUPPETS-AS'
        hs_token: 'PUPPETS-HS'
        sender_localpart: 'ferryman-puppets'
        rate_limited: false
        namespaces:
          users:
            - exclusive: false
              regex: '^@.*:ferry\.test$'
          aliases:
            - exclusive: false
              regex: '^#.*:ferry\.test$'
          rooms: []
        ");
    }
}
