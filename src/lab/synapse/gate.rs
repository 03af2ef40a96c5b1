//! The way into a Synapse for other servers: a port that can be shut, as if the network between them were cut.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

use crate::lab::{LabError, Result};

/// Passes connections on while it is open; it ends with the value.
#[derive(Debug)]
pub struct Gate {
    open: watch::Sender<bool>,
    inner: Arc<AtomicU16>,
    task: JoinHandle<()>,
}

impl Gate {
    /// Listens on a port of 127.0.0.1 for what listens on another one; open at first.
    pub async fn new(port: u16, inner: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .map_err(LabError::file(format!("127.0.0.1:{port}")))?;
        let (open, opened) = watch::channel(true);
        let inner = Arc::new(AtomicU16::new(inner));
        let leads_to = Arc::clone(&inner);
        let task = tokio::spawn(async move {
            while let Ok((outer, _)) = listener.accept().await {
                let inner = leads_to.load(Ordering::Relaxed);
                tokio::spawn(pass(outer, inner, opened.clone()));
            }
        });
        Ok(Self { open, inner, task })
    }

    /// Cuts every connection, and takes none until it is opened again.
    pub fn shut(&self) {
        self.open.send_replace(false);
    }

    /// Leads new connections to another port of 127.0.0.1, such as a proxy's, and cuts those that there are.
    pub fn lead(&self, inner: u16) {
        self.inner.store(inner, Ordering::Relaxed);
        self.shut();
        self.open();
    }

    /// Lets connections pass again.
    pub fn open(&self) {
        self.open.send_replace(true);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.shut();
        self.task.abort();
    }
}

/// One connection, until either side or the gate closes it.
async fn pass(mut outer: TcpStream, inner: u16, mut open: watch::Receiver<bool>) {
    if !*open.borrow_and_update() {
        return;
    }
    let Ok(mut inner) = TcpStream::connect((Ipv4Addr::LOCALHOST, inner)).await else {
        return;
    };
    tokio::select! {
        // However it ended, both of its ends close.
        _ = copy_bidirectional(&mut outer, &mut inner) => {}
        _ = open.wait_for(|open| !open) => {}
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::lab::names::free_port;

    #[tokio::test]
    async fn a_shut_gate_cuts_what_is_under_way_and_an_open_one_lets_through() {
        let (port, inner) = (free_port().unwrap(), free_port().unwrap());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, inner))
            .await
            .unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ended = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        let gate = Gate::new(port, inner).await.unwrap();
        let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, port));
        let mut byte = [0];
        let mut stream = connect().await.unwrap();
        stream.write_all(b"a").await.unwrap();
        assert_eq!(stream.read_exact(&mut byte).await.unwrap(), 1);
        gate.shut();
        assert!(matches!(stream.read(&mut byte).await, Ok(0) | Err(_)));
        let mut refused = connect().await.unwrap();
        assert!(matches!(refused.read(&mut byte).await, Ok(0) | Err(_)));
        gate.open();
        let mut stream = connect().await.unwrap();
        stream.write_all(b"b").await.unwrap();
        assert_eq!(stream.read_exact(&mut byte).await.unwrap(), 1);
    }
}
