use std::fs;

use clap::Parser;

use super::*;
use crate::secret::ExposeSecret;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    order: BotKeys,
}

fn order(words: &str) -> BotKeys {
    let words = std::iter::once("bot-keys").chain(words.split_whitespace());
    Line::try_parse_from(words).unwrap().order
}

fn with_service(surface: Surface, list: Option<PathBuf>) -> Known {
    Known {
        list,
        service: Some(Service {
            homeserver: "https://target".into(),
            token: "as".into(),
        }),
        data_dir: Some("data".into()),
        surface,
    }
}

fn good(order: &BotKeys, known: &Known, asker: &Asker) -> Vec<Errand> {
    let errands = errands(order, known, asker).unwrap();
    errands
        .into_iter()
        .map(|(_, errand)| errand.unwrap())
        .collect()
}

fn refused(words: &str, known: &Known, variables: &[(&'static str, &'static str)]) -> String {
    let refused = errands(&order(words), known, &Asker::of(variables));
    refused.unwrap_err().to_string()
}

#[test]
fn a_bot_is_described_by_options_and_variables() {
    let alone = order("all --storage s --into f --homeserver https://x");
    assert!(!needs_configuration(&alone).unwrap());
    let asker = Asker::of(&[
        ("ACCESS_TOKEN", "t0ken"),
        ("STORE_PASSPHRASE", "of the store"),
        ("RECOVERY_PHRASE", "of the storage"),
    ]);
    let errands = good(&alone, &Known::nothing(), &asker);
    let [errand] = &*errands else { panic!() };
    let Some(Door::Token { homeserver, token }) = &errand.door else {
        panic!("{:?}", errand.door)
    };
    assert_eq!(
        (&**homeserver, token.expose_secret()),
        ("https://x", "t0ken")
    );
    assert_eq!(errand.folder, Path::new("f"));
    assert_eq!(errand.storage.store, Path::new("s/encrypted"));
    let secret = |it: &Option<SecretString>| it.as_ref().unwrap().expose_secret().to_owned();
    assert_eq!(secret(&errand.passphrase), "of the store");
    assert_eq!(secret(&errand.wanted.secret), "of the storage");
    assert!(errand.wanted.is_passphrase);
}

#[test]
fn the_application_service_acts_as_one_that_has_no_token() {
    let one = order("verify @bot:x --storage s");
    assert!(needs_configuration(&one).unwrap());
    let known = with_service(Surface::Shell, None);
    let errands = good(&one, &known, &Asker::of(&[]));
    let [errand] = &*errands else { panic!() };
    assert!(matches!(errand.door, Some(Door::Service { .. })));
    assert_eq!(errand.folder, Path::new("data/bot-keys/@bot:x"));
    assert!(!needs_configuration(&order("backup")).unwrap());
    assert!(!needs_configuration(&order("restore copy")).unwrap());
    assert!(needs_configuration(&order("extract @bot:x")).unwrap());
}

#[test]
fn a_list_has_several_and_the_room_knows_only_those() {
    let dir = tempfile::tempdir().unwrap();
    let list = dir.path().join("bots.toml");
    let text = r#"
        [[bot]]
        user = "@one:x"
        storage = "one"
        [[bot]]
        user = "@two/a:x"
        storage = "two"
        homeserver = "https://elsewhere"
        token_file = "token"
    "#;
    fs::write(&list, text).unwrap();
    fs::write(dir.path().join("token"), "secret\n").unwrap();
    let room = with_service(Surface::Room, Some(list.clone()));
    let asker = Asker::of(&[]);
    let all = good(&order("all"), &room, &asker);
    let folders: Vec<_> = all
        .iter()
        .map(|it| it.folder.display().to_string())
        .collect();
    assert_eq!(
        folders,
        ["data/bot-keys/@one:x", "data/bot-keys/@two%2Fa:x"]
    );
    assert!(matches!(all[0].door, Some(Door::Service { .. })));
    assert!(matches!(all[1].door, Some(Door::Token { .. })));
    let one = good(&order("upload @two/a:x"), &room, &asker);
    assert_eq!(one.len(), 1);
    // What one lacks is for that one alone.
    fs::remove_file(dir.path().join("token")).unwrap();
    let some = errands(&order("all"), &room, &asker).unwrap();
    assert!(some[0].1.is_ok() && some[1].1.is_err());
    let beside = refused("all --recovery-key=x", &room, &[]);
    // It is only read where it is asked for.
    let by_list = order(&format!("all --list {}", list.display()));
    assert!(needs_configuration(&by_list).unwrap());
    let lines = [
        beside,
        refused("all @three:x", &room, &[]),
        refused("delete-device", &room, &[]),
        refused("verify --keys file", &room, &[]),
        refused("all", &with_service(Surface::Room, None), &[]),
    ];
    let lines = lines.join("\n");
    insta::assert_snapshot!(lines.replace(&dir.path().display().to_string(), "DIR"), @r"
    --recovery-key is not taken beside a list: write recovery_key_file into the list
    @three:x is not in the list of bots DIR/bots.toml: add it there
    delete-device is for one bot at a time: name it
    --keys is for one bot at a time: name the bot, or leave it out
    there is no list of bots: write one (docs/bots.md), and name it as bot_keys.list in the configuration
    ");
}

#[test]
fn what_is_missing_is_said() {
    let shell = with_service(Surface::Shell, None);
    let nothing = Known::nothing();
    let lines = [
        refused("all @a:x @b:x --storage s", &shell, &[]),
        refused("all --homeserver https://x", &nothing, &[]),
        refused(
            "all --homeserver https://x --recovery-key",
            &nothing,
            &[("ACCESS_TOKEN", "t")],
        ),
        refused("extract --store-passphrase=nowhere", &nothing, &[]),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    several bots need a list that says where each one's storage is: name it with --list
    the bot's access token is missing: give it in the variable ACCESS_TOKEN or a file with --token-file
    the recovery key can't be asked for, because this is no terminal: name a file with --recovery-key=FILE
    nowhere: No such file or directory (os error 2)
    ");
}
