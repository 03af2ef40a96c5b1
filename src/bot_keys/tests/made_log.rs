//! Logs made here by the rules of Sled's: rows in blobs, records whose checksum is wrong, rows of others.

use super::*;

const SEGMENT: usize = 512 << 10;
const LSN_MASK: u64 = 0x7fff_ffff_ffff_ffff;
const NODE_IN_BLOB: u8 = 9;
const LINK: u8 = 10;

/// Sled's variable integer, for small ones.
fn integer(number: usize) -> Vec<u8> {
    let byte = |number: usize| u8::try_from(number).unwrap();
    match number {
        0..=240 => vec![byte(number)],
        241..=2_287 => vec![byte((number - 240) / 256 + 241), byte((number - 240) % 256)],
        _ => vec![
            249,
            byte((number - 2_288) / 256),
            byte((number - 2_288) % 256),
        ],
    }
}

fn text(bytes: &[u8]) -> Vec<u8> {
    [integer(bytes.len()), bytes.to_vec()].concat()
}

/// A log of one segment, number 3.
fn log(messages: &[Vec<u8>]) -> Vec<u8> {
    let lsn = 3 * SEGMENT as u64;
    let numbers = [(lsn ^ LSN_MASK).to_le_bytes(), LSN_MASK.to_le_bytes()].concat();
    let checksum = !crc32fast::hash(&numbers);
    [checksum.to_le_bytes().to_vec(), numbers, messages.concat()].concat()
}

fn message(kind: u8, page: usize, body: &[u8]) -> Vec<u8> {
    let header = [vec![kind], integer(body.len()), integer(3), integer(page)].concat();
    let checksum = !crc32fast::hash(&[body, &header].concat());
    [checksum.to_le_bytes().to_vec(), header, body.to_vec()].concat()
}

fn link(key: &[u8], value: &[u8]) -> Vec<u8> {
    message(LINK, 5, &[vec![0], text(key), text(value)].concat())
}

fn leaf(rows: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let keys: Vec<u8> = rows.iter().flat_map(|(key, _)| text(key)).collect();
    let values: Vec<u8> = rows.iter().flat_map(|(_, value)| text(value)).collect();
    [
        vec![0, 0, 0, 0],
        text(b""),
        text(b""),
        vec![0],
        integer(rows.len()),
        keys,
        values,
    ]
    .concat()
}

fn blob(kind: u8, body: &[u8]) -> Vec<u8> {
    let content = [&[kind], body].concat();
    [crc32fast::hash(&content).to_le_bytes().to_vec(), content].concat()
}

/// The rows of a plain store of version 5.
fn rows() -> Vec<(Vec<u8>, Vec<u8>)> {
    let fixture = Fixture::new("v5-none");
    let log = fs::read(fixture.log()).unwrap();
    let mut rows: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for at in memchr::memmem::find_iter(&log, br#"{"pickle":{"init"#) {
        let (key, length) = crate::bot_keys::stored_session::from_json(&log[at..]).unwrap();
        let parts = [key.room_id.as_str(), &key.sender_key, &key.session_id];
        let name = parts
            .iter()
            .flat_map(|part| [part.as_bytes(), b"\xff"].concat())
            .collect();
        rows.insert(name, log[at..at + length].to_vec());
    }
    assert_eq!(rows.len(), SESSIONS);
    rows.into_iter().collect()
}

fn store(log: &[u8], blobs: &[(u64, Vec<u8>)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("blobs")).unwrap();
    fs::write(folder.path().join("db"), log).unwrap();
    for (number, content) in blobs {
        fs::write(folder.path().join(format!("blobs/{number}")), content).unwrap();
    }
    folder
}

fn skipping(folder: &TempDir) -> Extracted {
    extract(&Wish {
        skip_errors: true,
        ..wish(folder.path())
    })
    .unwrap()
}

#[test]
fn a_missing_blob_is_listed_only_while_the_log_needs_it() {
    let rows = rows();
    let pointer = |number: u64| message(NODE_IN_BLOB, 9, &number.to_le_bytes());
    let first = link(&rows[0].0, &rows[0].1);
    let content = blob(NODE_IN_BLOB, &leaf(&rows[1..4]));
    let whole = store(
        &log(&[first.clone(), pointer(77)]),
        &[(77, content.clone())],
    );
    let extracted = skipping(&whole);
    assert_eq!((keys(&extracted).len(), broken(&extracted).len()), (4, 0));

    fs::remove_file(whole.path().join("blobs/77")).unwrap();
    let extracted = skipping(&whole);
    assert_eq!(keys(&extracted).len(), 1);
    insta::assert_debug_snapshot!(broken(&extracted), @r#"
        [
            Broken {
                file: "blobs/77",
                offset: None,
                row_key: None,
                error: "the file is missing, and the rows in it with it",
            },
        ]
        "#);

    // A newer one of the same page makes the older one superfluous.
    let newer = store(&log(&[first, pointer(77), pointer(88)]), &[(88, content)]);
    let extracted = skipping(&newer);
    assert_eq!((keys(&extracted).len(), broken(&extracted).len()), (4, 0));
}

#[test]
fn a_plain_session_that_no_checksum_proves_is_listed_and_gives_way_to_one_that_is_proved() {
    let rows = rows();
    let good = link(&rows[0].0, &rows[0].1);
    let mut bad = link(&rows[1].0, &rows[1].1);
    // A digit of the ratchet: the JSON stays good.
    let list = bad.windows(9).position(|it| it == br#""inner":["#).unwrap();
    let digit = list + bad[list + 9..].iter().position(|it| *it == b',').unwrap() + 8;
    bad[digit] = if bad[digit] == b'1' { b'2' } else { b'1' };
    let folder = store(&log(&[good.clone(), bad.clone()]), &[]);
    let extracted = skipping(&folder);
    assert_eq!(keys(&extracted).len(), 2);
    let mut proved = Vec::new();
    extracted
        .each_key(|key| {
            proved.push(key.proved);
            Ok(())
        })
        .unwrap();
    proved.sort_unstable();
    assert_eq!(proved, [false, true]);
    let listed = broken(&extracted);
    assert_eq!(listed.len(), 1);
    insta::assert_snapshot!(listed[0].error, @"the checksum of its record is wrong: the key is carried, but nothing proves it");
    assert!(extract(&wish(folder.path())).is_err());

    let proved = link(&rows[1].0, &rows[1].1);
    for both in [
        [good.clone(), bad.clone(), proved.clone()],
        [proved, good, bad],
    ] {
        let folder = store(&log(&both), &[]);
        let extracted = extract(&wish(folder.path())).unwrap();
        let expected = Fixture::new("v5-none").expected;
        assert!(
            keys(&extracted)
                .iter()
                .all(|(name, key)| expected[name] == *key)
        );
    }
}

#[test]
fn a_broken_row_is_listed_with_its_key() {
    let rows = rows();
    let mut bad = link(&rows[1].0, &rows[1].1);
    let at = bad.len() - 900;
    bad[at] = b'?';
    let folder = store(&log(&[link(&rows[0].0, &rows[0].1), bad]), &[]);
    let extracted = skipping(&folder);
    let listed = broken(&extracted);
    assert_eq!((keys(&extracted).len(), listed.len()), (1, 1));
    assert_eq!(listed[0].row_key.as_ref(), Some(&rows[1].0));
}

#[test]
fn a_session_in_the_row_of_another_is_broken() {
    let rows = rows();
    let folder = store(
        &log(&[link(&rows[0].0, &rows[0].1), link(&rows[1].0, &rows[2].1)]),
        &[],
    );
    let extracted = skipping(&folder);
    assert_eq!(keys(&extracted).len(), 1);
    let listed = broken(&extracted);
    assert_eq!(listed[0].row_key.as_ref(), Some(&rows[1].0));
    insta::assert_snapshot!(listed[0].error, @"its row is that of another session");
    // A node's keys lack what all of them begin with.
    let short = &rows[2].0[7..];
    let folder = store(&log(&[link(short, &rows[2].1)]), &[]);
    assert_eq!(keys(&extract(&wish(folder.path())).unwrap()).len(), 1);
}

#[test]
fn a_compressed_store_is_refused() {
    let rows = rows();
    let folder = store(&log(&[link(&rows[0].0, &rows[0].1)]), &[]);
    fs::write(
        folder.path().join("conf"),
        "segment_size: 524288\nuse_compression: true\nversion: 0.34\n",
    )
    .unwrap();
    insta::assert_snapshot!(sentence(extract(&wish(folder.path())), folder.path()), @"crypto store …: its values are compressed, which no version of the SDK does: take the keys out with the program that wrote it");
}
