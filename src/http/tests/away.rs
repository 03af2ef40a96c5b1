//! Requests to a server that is not there: never, or not at present.

use std::{net::SocketAddr, time::Instant};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

/// A server that answers one request and is gone.
async fn answer_once(listener: TcpListener) {
    let (mut socket, _) = listener.accept().await.unwrap();
    let _asked = socket.read(&mut [0; 4096]).await.unwrap();
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    socket.write_all(answer).await.unwrap();
}

/// A client of a server that answered once and went away.
async fn left_alone() -> (Http, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let http = Http::new("Synapse", &format!("http://{address}"), None, "").unwrap();
    let http = http.pause(Duration::from_millis(1));
    let request = Request::get("/a");
    let (answer, ()) = tokio::join!(http.send::<Value>(&request), answer_once(listener));
    answer.unwrap();
    (http, address)
}

#[tokio::test]
async fn a_restart_is_survived() {
    let (http, address) = left_alone().await;
    let restart = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        answer_once(TcpListener::bind(address).await.unwrap()).await;
    };
    let request = Request::get("/a");
    let (answer, ()) = tokio::join!(http.send::<Value>(&request), restart);
    answer.unwrap();
    // Pauses of 1, 2, 4, … ms: more tries than for any other fault.
    assert!(http.requests() > 7, "{}", http.requests());
}

#[tokio::test]
async fn who_is_in_a_hurry_does_not_wait_for_a_restart() {
    let (http, _) = left_alone().await;
    let http = http.hurried();
    http.send::<Value>(&Request::get("/a")).await.unwrap_err();
    assert_eq!(http.requests(), 1 + 5);
}

#[tokio::test]
async fn nobody_there_is_noticed_soon() {
    let http = Http::new("Synapse", "http://127.0.0.1:9", None, "").unwrap();
    let begun = Instant::now();
    http.send::<Value>(&Request::get("/a")).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_millis(2500));
    assert_eq!(http.requests(), 5);
}

#[tokio::test]
async fn who_has_waited_to_the_end_does_not_wait_again_before_it_answers() {
    let (http, address) = left_alone().await;
    let http = http.pause(Duration::from_micros(100));
    let request = Request::get("/a");
    http.send::<Value>(&request).await.unwrap_err();
    assert_eq!(http.requests(), 1 + 12);
    http.send::<Value>(&request).await.unwrap_err();
    assert_eq!(http.requests(), 1 + 12 + 1);
    let back = TcpListener::bind(address).await.unwrap();
    let (answer, ()) = tokio::join!(http.send::<Value>(&request), answer_once(back));
    answer.unwrap();
    assert_eq!(http.requests(), 1 + 12 + 1 + 1);
    http.send::<Value>(&request).await.unwrap_err();
    assert_eq!(http.requests(), 1 + 12 + 1 + 1 + 12);
}
