//! `GET /_matrix/federation/v1/media/download/{id}`

pub mod multipart;

use std::{io, path::PathBuf};

use axum::{
    body::Body,
    extract::{Path, State},
    http::header::{CONTENT_LENGTH, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use futures::stream;
use tokio::{fs::File, io::AsyncReadExt};

use super::{Failure, failure};
use crate::{resident::app::App, secret::random_token};
use multipart::Multipart;

/// Bytes of a file that are in memory at a time.
const PIECE: usize = 256 * 1024;

/// A file that is carried over now: `multipart/mixed`, an empty object and the bytes with their type and name. It is read
/// while it is sent. Tuwunel stores no file of which it is told a place elsewhere (`src/service/media/remote.rs`).
pub async fn handle(
    State(app): State<App>,
    Path(media_id): Path<String>,
) -> Result<Response, Failure> {
    let medium = app.resident.shelf.of(&media_id).ok_or_else(|| {
        failure(
            404,
            "M_NOT_FOUND",
            "this file is not being carried over now",
        )
    })?;
    let file = whole(&medium.path, medium.bytes).await.map_err(|error| {
        tracing::error!(target: "ferryman::resident", %error, media_id, "a file can't be served");
        failure(404, "M_NOT_FOUND", &error.to_string())
    })?;
    let multipart = Multipart::new(&random_token(), &medium);
    let headers = [
        (CONTENT_TYPE, multipart.content_type()),
        (CONTENT_LENGTH, multipart.length(medium.bytes).to_string()),
    ];
    let body = Body::from_stream(stream::try_unfold(
        Part::Head(multipart, file, medium.bytes),
        next,
    ));
    Ok((headers, body).into_response())
}

/// The file, if it is as long as it was.
async fn whole(path: &PathBuf, bytes: u64) -> io::Result<File> {
    let file = File::open(path).await?;
    if file.metadata().await?.len() == bytes {
        Ok(file)
    } else {
        Err(io::Error::other(
            "the file in the bundle is not as long as it was",
        ))
    }
}

/// What is still to be sent.
enum Part {
    Head(Multipart, File, u64),
    /// So many bytes of the file.
    Content(Multipart, File, u64),
    Nothing,
}

async fn next(part: Part) -> io::Result<Option<(Vec<u8>, Part)>> {
    match part {
        Part::Head(multipart, file, left) => {
            let head = multipart.head.clone();
            Ok(Some((head, Part::Content(multipart, file, left))))
        }
        Part::Content(multipart, _, 0) => Ok(Some((multipart.tail, Part::Nothing))),
        Part::Content(multipart, mut file, left) => {
            let wanted = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let mut piece = vec![0; wanted];
            let read = file.read(&mut piece).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            piece.truncate(read);
            let rest = Part::Content(multipart, file, left - read as u64);
            Ok(Some((piece, rest)))
        }
        Part::Nothing => Ok(None),
    }
}
